package redis

import (
	"testing"

	"lapwing.dev/lapwing/middleware/block"
)

// FuzzParseRecord: whatever stands in the store, what is taken from it can be
// told again, and means the same then.
func FuzzParseRecord(f *testing.F) {
	f.Add(`1 0 a {"id":"a","target":"203.0.113.7","created":1790000000000,"expires":1790000060000,"shadow":true}`)
	f.Add(`1 1 a {"id":"a","target":"key:mobile-app","removed":1790000000000,"by":"anna"}`)
	f.Add(`{"target":"::/0"}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRecord(text)
		if err != nil {
			return
		}
		if _, err := block.ParseTarget(r.Entry.Target.String()); err != nil {
			t.Errorf("a target that nobody could have set: %v", err)
		}
		args, err := appendRecord(nil, &r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseRecord("1 0 a " + args[5])
		if err != nil || again != r {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
	})
}
