package slo_test

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lapwing.dev/lapwing/internal/slo"
)

func encoded(tb testing.TB, c slo.Counts) []byte {
	tb.Helper()
	data, err := c.AppendBinary(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestCountsComeBackAsTheyWere(t *testing.T) {
	for name, c := range map[string]slo.Counts{
		"empty":    {},
		"ordinary": {Requests: 300, Errors: 2, Status: [6]uint64{1, 0, 290, 0, 8, 1}, Latency: []uint32{0, 0, 7, 0, 293}, Bad: []slo.Bad{{Latency: 300 * time.Millisecond, Requests: 4}}},
		"huge":     {Requests: math.MaxUint64, Errors: math.MaxUint64, Status: [6]uint64{5: math.MaxUint64}, Latency: append(make([]uint32, slo.Buckets-1), math.MaxUint32)},
	} {
		t.Run(name, func(t *testing.T) {
			var got slo.Counts
			if err := got.UnmarshalBinary(encoded(t, c)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	busy := slo.Counts{Requests: 30000, Status: [6]uint64{2: 30000}}
	for bucket := 200; bucket < 260; bucket++ {
		busy.Latency = append(busy.Latency, make([]uint32, bucket+1-len(busy.Latency))...)
		busy.Latency[bucket] = 500
	}
	if n := len(encoded(t, busy)); n > 250 {
		t.Errorf("a busy operation takes %d bytes", n)
	}
}

func FuzzCounts(f *testing.F) {
	f.Add(encoded(f, slo.Counts{}))
	f.Add(encoded(f, slo.Counts{Requests: 1 << 40, Errors: 3, Latency: []uint32{0, 1, 1 << 31}, Bad: []slo.Bad{{Latency: time.Second, Requests: 9}}}))
	f.Add([]byte{1, 1, 1, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var c slo.Counts
		if c.UnmarshalBinary(data) != nil {
			return
		}
		again := encoded(t, c)
		var d slo.Counts
		if err := d.UnmarshalBinary(again); err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if diff := cmp.Diff(c, d, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("-first +again:\n%s", diff)
		}
		if len(again) > len(data) || len(again) == len(data) && !bytes.Equal(again, data) {
			t.Errorf("%x is written as %x", data, again)
		}
	})
}

func TestBucketsAreNarrow(t *testing.T) {
	last := -1
	for d := time.Duration(0); d < 3*time.Minute; d += max(d/200, 100*time.Nanosecond) {
		b := slo.BucketOf(d)
		from, to := slo.BucketBounds(b)
		if b < last || b >= slo.Buckets {
			t.Fatalf("%s is in bucket %d, after %d", d, b, last)
		}
		last = b
		if b < slo.Buckets-1 && (d < from || d >= to) {
			t.Fatalf("%s is in the bucket from %s to %s", d, from, to)
		}
		if width := float64(to-from) / float64(from); d > 33*time.Microsecond && b < slo.Buckets-1 && width > .032 {
			t.Fatalf("the bucket of %s is %.1f %% wide", d, width*100)
		}
	}
	if b := slo.BucketOf(-time.Second); b != 0 {
		t.Errorf("less than nothing is in bucket %d", b)
	}
}
