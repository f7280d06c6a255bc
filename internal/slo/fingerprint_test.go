package slo_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"lapwing.dev/lapwing/internal/slo"
)

func TestMessagesThatDifferOnlyInValuesAreOneKind(t *testing.T) {
	for message, want := range map[string]string{
		"pq: duplicate key value (id)=(4711)":                      "pq: duplicate key value (id)=(#)",
		`user "anna" not found`:                                    `user "…" not found`,
		"trace 4bf92f3577b34da6a3ce929d0e0e4736 took 1.25s":        "trace # took #.#s",
		"order 6ba7b810-9dad-11d1-80b4-00c04fd430c8 is gone":       "order # is gone",
		"dial tcp 10.0.0.7:5432: connect: connection refused":      "dial tcp #.#.#.#:#: connect: connection refused",
		"can't open file '/tmp/x-1' of worker3":                    "can't open file '…' of worker#",
		"  panic:\truntime   error:\n index out of range [5] \x00": "panic: runtime error: index out of range [#]",
		"0xc000123abc is nil":                                      "# is nil",
		"deadbeef is a word, and so is decade":                     "deadbeef is a word, and so is decade",
		"überlauf bei 日本 12":                                       "überlauf bei 日本 #",
		"unclosed \"quote 1":                                       "unclosed \"quote #",
	} {
		if got := slo.FingerprintOf(message); got != want {
			t.Errorf("%q\n got %q\nwant %q", message, got, want)
		}
	}
}

func FuzzFingerprint(f *testing.F) {
	f.Add("user \"anna\" not found 4711")
	f.Add("\xff\xfe'" + strings.Repeat("9", 5000))
	f.Fuzz(func(t *testing.T, message string) {
		got := slo.FingerprintOf(message)
		if !utf8.ValidString(got) || len(got) > 160 || strings.ContainsAny(got, "0123456789\n\r\x00") {
			t.Errorf("%q becomes %q", message, got)
		}
	})
}
