package config

// What a configuration may cost. A file may come from a pull request, so its
// size says nothing about the memory and time that it takes: aliases multiply,
// nesting recurses.
const (
	maxFileSize    = 4 << 20       // bytes of one configuration file
	maxSecretSize  = 1 << 20       // bytes of one ${file:…}
	maxDepth       = 100           // nested lists and mappings
	maxMarks       = 500_000       // structural characters of one file, an upper bound of its tokens
	maxKeys        = 1_000         // keys of one mapping; the YAML parser recurses over them
	maxAnchors     = 10_000        // anchors, aliases and tags of one file
	maxKeyMoves    = 20_000_000    // keys that it moves, square in the keys of a mapping
	maxMoves       = 1_000_000_000 // tokens that the YAML parser moves for values that are left out
	maxValues      = 1_000_000     // values after aliases and merges, in all files
	maxIncludes    = 10            // files that include files
	maxFiles       = 1_000         // configuration files
	maxReads       = 10_000        // files in all, those of ${file:…} included
	maxErrors      = 100           // mistakes that are reported; the rest is counted
	maxExcerptCols = 110           // columns of a source line that are shown
)
