package history

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

// FuzzDecode gives hostile bytes to every decoder. The checksum is made right
// first: it finds accidents, it does not stop intent.
func FuzzDecode(f *testing.F) {
	rng := rand.New(rand.NewPCG(9, 10))
	list := strange(rng, 30)
	var e Encoder
	var tail Tail
	tail.Append(&list[0])
	f.Add(e.AppendChunk(nil, list))
	f.Add(e.AppendChunk(nil, invent(rng, 200, internet)))
	f.Add(AppendJournal(nil, []Entry{{1, &list[0]}, {2, &list[1]}}, []Missed{{1, 2, 3}}))
	f.Add(AppendPage(nil, checks.Hourly, 3, []checks.Rollup{{Start: time.Unix(3*86400, 0), Up: 1}}))
	f.Add(append(make([]byte, headerSize), tail.Snapshot()...))
	archive, err := NewArchive()
	if err != nil {
		f.Fatal(err)
	}
	packed, err := archive.Pack(evidence(1, 1, 10))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = archive.Unpack(data)
		if len(data) < headerSize {
			return
		}
		data[0] = format
		binary.LittleEndian.PutUint32(data[1:], crc32.Checksum(data[headerSize:], castagnoli()))
		var runs Runs
		if err := runs.AppendChunk(data); err == nil {
			roundTrip(t, runs.Results)
		} else if len(runs.Results) > 0 {
			t.Error("a damaged chunk gave results")
		}
		runs.Reset("")
		_ = runs.AppendTail(data[headerSize:])
		for i := range runs.Results {
			_ = runs.Results[i].Latency() // there is always a last attempt
		}
		_ = ReadJournal(data, func(e Entry) { _ = e.Result.Latency() }, func(Missed) {})
		for _, step := range []checks.Step{checks.Hourly, checks.Daily} {
			if rollups, _ := ReadPage(nil, step, 5, data); len(rollups) > daysPerPage {
				t.Errorf("a page of %d roll-ups", len(rollups))
			}
		}
	})
}

// roundTrip: what a decoder accepts, the encoder writes so that it is accepted again.
func roundTrip(t *testing.T, results []checks.Result) {
	var e Encoder
	var again Runs
	if err := again.AppendChunk(e.AppendChunk(nil, results)); err != nil || len(again.Results) != len(results) {
		t.Errorf("%d runs became %d: %v", len(results), len(again.Results), err)
	}
}
