package history

import (
	"math/rand/v2"
	"testing"

	"lapwing.dev/lapwing/internal/checks"
)

// The metric B/result is what one run takes in each form.
func BenchmarkEncode(b *testing.B) {
	for name, net := range map[string]network{"lan": lan, "internet": internet} {
		list := kept(invent(rand.New(rand.NewPCG(1, 1)), MaxChunk, net))
		b.Run("chunk/"+name, func(b *testing.B) {
			b.ReportAllocs()
			var e Encoder
			var data []byte
			for b.Loop() {
				data = e.AppendChunk(data[:0], list)
			}
			report(b, len(data))
		})
		b.Run("tail/"+name, func(b *testing.B) {
			b.ReportAllocs()
			var tail Tail
			for b.Loop() {
				tail = Tail{data: tail.data[:0]}
				for i := range list {
					tail.Append(&list[i])
				}
			}
			report(b, len(tail.data))
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	list := invent(rand.New(rand.NewPCG(1, 1)), MaxChunk, internet)
	var e Encoder
	chunk := e.AppendChunk(nil, list)
	var tail Tail
	for i := range list {
		tail.Append(&list[i])
	}
	for name, decode := range map[string]func(*Runs) error{
		"chunk": func(r *Runs) error { return r.AppendChunk(chunk) },
		"tail":  tail.Decode,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var runs Runs
			for b.Loop() {
				runs.Reset("orders")
				if err := decode(&runs); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*MaxChunk), "ns/result")
		})
	}
}

func BenchmarkReadPage(b *testing.B) {
	var list []checks.Rollup
	start := PageStart(checks.Daily, 600)
	for i := range daysPerPage {
		list = append(list, checks.Rollup{Start: start.AddDate(0, 0, i), Up: 8000, Down: 10, LatencySum: 1e12, LatencyMin: 1e6, LatencyMax: 1e9})
	}
	page := AppendPage(nil, checks.Daily, 600, list)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if list, err = ReadPage(list[:0], checks.Daily, 600, page); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(page))/daysPerPage, "B/rollup")
}

func report(b *testing.B, size int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*MaxChunk), "ns/result")
	b.ReportMetric(float64(size)/MaxChunk, "B/result")
}
