package checks

import (
	"hash/fnv"
	"strings"
	"unicode"
)

// ID makes a check's identifier of its name: lower case, with everything but
// letters and digits folded into single dashes. "Orders: list" gives "orders-list".
// It names the check in URLs and in the store, so renaming a check starts a new history.
func ID(name string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(name) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
			continue
		}
		dash = true
	}
	return b.String()
}

// phase spreads checks over their interval: the same check always has the same
// place in it, so neither a restart nor a reload moves it.
func phase(id string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id)) //nolint:errcheck // a hash never fails
	// FNV's upper bits mix poorly for short inputs; one multiply-shift round spreads them.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return x
}
