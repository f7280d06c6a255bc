package config

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
)

// Loaded is a configuration without mistakes, with the place of every value.
// It is immutable and safe for concurrent use.
type Loaded struct {
	// File holds the values, with defaults of the sections filled in.
	File File
	// Seen is what this was read from, for a Watcher.
	Seen Seen
	// Dir is the absolute folder of the main file, to which relative file names
	// in the sections (body_file, ca_file, schema) are relative.
	Dir string

	main     *source
	root     *node
	expanded map[string]*expansion // by path
	order    map[string]int
}

// loader is the state of one Load or Parse.
type loader struct {
	env      func(string) (string, bool)
	disk     bool // whether files may be read
	errs     collector
	values   int // spent of maxValues
	spilled  bool
	torn     bool // part of the tree is missing because of a mistake in the YAML
	main     *source
	joined   *node // the mapping of all files
	given    map[string]*node
	others   []func(*Loaded) fault.Problems
	sources  []string // absolute paths of the configuration files, as they are read
	seen     Seen
	expanded map[string]*expansion
	broken   map[string]bool // paths with a mistake
	above    map[string]bool // the sections around them
	misspelt map[string]bool // sections with an unknown key
}

func newLoader(env func(string) (string, bool), disk bool) *loader {
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	return &loader{
		env: env, disk: disk,
		errs:     collector{order: map[string]int{}},
		seen:     newSeen(),
		given:    map[string]*node{},
		expanded: map[string]*expansion{},
		broken:   map[string]bool{},
		above:    map[string]bool{},
		misspelt: map[string]bool{},
	}
}

// Load reads the file at path and those that it includes. env looks up
// environment variables, as os.LookupEnv does; nil means that none is set.
//
// others look for the mistakes that only the parts can find, such as in files
// that are named. They are asked when there are mistakes already, so that all
// are told at once; a configuration without any goes to the parts anyway. What
// they get is not complete, and theirs only during the call.
//
// The error is always an *Errors with all mistakes that could be found.
func Load(path string, env func(string) (string, bool), others ...func(*Loaded) fault.Problems) (*Loaded, error) {
	l := newLoader(env, true)
	l.others = others
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, &Errors{All: []Error{{File: path, Message: reason(err)}}}
	}
	src := &source{name: path, path: absolute, dir: filepath.Dir(absolute)}
	l.seen.file(absolute)
	data, problem := readConfig(absolute)
	if problem != "" {
		return nil, &Errors{All: []Error{{File: path, Message: problem}}, Seen: l.seen}
	}
	return l.load(src, data)
}

// Parse reads a configuration that is not on disk. Nothing is read from disk:
// `include:` and ${file:…} are mistakes. name stands in errors for the file.
func Parse(name string, data []byte, env func(string) (string, bool)) (*Loaded, error) {
	return newLoader(env, false).load(&source{name: name}, data)
}

func (l *loader) load(src *source, data []byte) (*Loaded, error) {
	l.main = src
	l.joined = &node{src: src, kind: mapNode, line: 1, col: 1}
	l.join(src, data, nil)
	file := Default()
	if len(l.joined.keys) > 0 {
		b := binder{loader: l, fields: map[reflect.Type][]field{}}
		b.bind("", l.joined, reflect.ValueOf(&file).Elem())
	}
	loaded := &Loaded{
		File: file, Seen: l.seen, Dir: src.dir,
		main: src, root: l.joined, expanded: l.expanded, order: l.errs.order,
	}
	l.shareSensitive(&loaded.File)
	if !l.spilled && !l.torn {
		l.validate(loaded)
	}
	if errs := l.errs.errors(); errs != nil {
		errs.Seen = l.seen
		return nil, errs
	}
	return loaded, nil
}

// shareSensitive gives each check the secrets of its API as well: the API's url
// is part of its requests.
func (l *loader) shareSensitive(file *File) {
	byAPI := map[string][]string{}
	for path, e := range l.expanded {
		rest, found := strings.CutPrefix(path, "apis[")
		digits, _, _ := strings.Cut(rest, "]")
		_, api, whole := l.joined.locate("apis[" + digits + "]")
		if !found || !whole {
			continue
		}
		_, name := api.get("name")
		if name == nil {
			continue
		}
		for _, p := range e.parts {
			if p.outside && !isAddress(p.value) {
				byAPI[name.text] = append(byAPI[name.text], p.value)
			}
		}
	}
	for i := range file.Checks {
		check := &file.Checks[i]
		values := map[string]bool{}
		for _, value := range slices.Concat(check.Sensitive, byAPI[check.API]) {
			values[value] = true
		}
		check.Sensitive = sorted(values)
	}
}

// sorted returns the members of a set in order; nil when it is empty.
func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// spend counts values against what a configuration may hold; false means stop.
func (l *loader) spend(n int) bool {
	l.values += n
	if l.values <= maxValues {
		return true
	}
	if !l.spilled {
		l.spilled = true
		l.errs.failIn(l.main, 0, 0, "use fewer aliases", "configuration has more than %d values", maxValues)
	}
	return false
}

// fail reports a mistake of a value and remembers its path, so that validation
// does not complain about what is missing because of it.
func (l *loader) fail(n *node, path, hint, format string, args ...any) {
	l.mark(path)
	l.errs.failAt(n, path, hint, format, args...)
}

// mark remembers that there is a mistake at path.
func (l *loader) mark(path string) {
	l.broken[path] = true
	for path != "" {
		path = around(path)
		l.above[path] = true
	}
}

// around returns the path of the section around a path: "checks[2]" for
// "checks[2].url", "checks" for "checks[2]", "" for "checks".
func around(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// readConfig reads a configuration file, which must be a regular file.
func readConfig(path string) (data []byte, problem string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, reason(err)
	case info.IsDir():
		return nil, "is a folder; name the file in it"
	case !info.Mode().IsRegular():
		return nil, "is not a regular file"
	}
	data, err = readAtMost(path, maxFileSize)
	if err != nil {
		return nil, reason(err)
	}
	return data, ""
}
