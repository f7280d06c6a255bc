package auth

import (
	"crypto/sha256"

	"lapwing.dev/lapwing/middleware/limit"
)

// maxKey is the longest API key that is looked at, in bytes.
const maxKey = 512

// keys finds API keys by their hash. Finding takes a time that depends on the
// hash only, from which nothing of a key can be learned: whoever wants to try
// keys byte by byte cannot choose the hash's bytes.
type keys map[[sha256.Size]byte]*holder

// holder is who has a key.
type holder struct {
	name   string
	claims limit.Values
}

// find returns the holder of a key; nil when there is none.
func (k keys) find(key string) *holder {
	if len(key) > maxKey {
		return nil
	}
	var buf [maxKey]byte // so that nothing is allocated
	return k[sha256.Sum256(buf[:copy(buf[:], key)])]
}
