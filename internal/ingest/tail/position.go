package tail

import (
	"context"
	"crypto/sha256"
	"time"
)

// headSize is how many bytes at the beginning of a file tell it from others.
// Lines of logs have times in them, so two files with the same ones are copies.
const headSize = 1024

// telling is how many bytes of a beginning are enough to know a file by them alone.
const telling = 64

// Position is how far a file was read.
type Position struct {
	ID     int64  // of the file, unique in its log
	Path   string // where it was seen last
	Device uint64 // with Inode: the file on its system; 0 where systems have none
	Inode  uint64

	Head     [16]byte // a hash of its first HeadSize bytes, decompressed
	HeadSize int

	Offset int64 // of the first byte that was not taken, decompressed
	End    int64 // where to stop; 0: where the file ends
	Done   bool  // nothing will be read of it any more
	At     time.Time
}

// Store keeps positions. It is asked by one goroutine for each log.
type Store interface {
	// Positions returns what was saved of a log, by ID.
	Positions(ctx context.Context, log string) ([]Position, error)
	// SavePositions puts the changed positions in the place of those with the same ID,
	// and removes those that are gone, all or nothing; it is durable when it returns.
	SavePositions(ctx context.Context, log string, changed []Position, gone []int64) error
}

// hashOf is what is stored of a beginning.
func hashOf(head []byte) (hash [16]byte) {
	sum := sha256.Sum256(head)
	copy(hash[:], sum[:])
	return hash
}

// begins reports whether the file that begins with head can be the one of p.
func (p *Position) begins(head []byte) bool {
	return len(head) >= p.HeadSize && hashOf(head[:p.HeadSize]) == p.Head
}
