package ingest

import (
	"fmt"
	"log/slog"
	"testing"

	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/observe"
)

type oneTemplate struct{}

func (oneTemplate) Operation(_, _, _ string) (string, bool) { return "/orders/{id}", true }

func hotLines() []string {
	var list []string
	for i := range 64 {
		list = append(list,
			fmt.Sprintf(`203.0.113.%d - - [23/Nov/2026:21:22:%02d +0000] "GET /orders/%d?page=2 HTTP/1.1" 200 612 "https://shop.example/" "Mozilla/5.0 (X11; Linux x86_64)" 0.012`, i, i%60, i*7919),
			fmt.Sprintf(`2001:db8:%x::1 - - [23/Nov/2026:21:22:%02d +0000] "POST /orders HTTP/1.1" 500 12 "-" "curl/8.5.0"`, i, i%60))
	}
	return list
}

// TestALineAllocatesNothing: from its text to the counters of traffic.
func TestALineAllocatesNothing(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	l := NewLogs(LogsDeps{Log: log, Sink: observe.Fanout{traffic.New(traffic.Deps{Log: log})}, Operations: oneTemplate{}})
	r := newAccessLog(l, AccessLog{API: "orders", Path: "x", Format: "nginx-combined"}).lines()
	list := hotLines()
	each := func() {
		for _, line := range list {
			r.Line(line, false)
		}
	}
	for range 10 { // what is kept of the first ones
		each()
	}
	if allocs := testing.AllocsPerRun(20, each); allocs != 0 {
		t.Errorf("%v allocations for %d lines", allocs, len(list))
	}
}

func BenchmarkLine(b *testing.B) {
	log := slog.New(slog.DiscardHandler)
	for name, sink := range map[string]observe.Sink{"alone": observe.SinkFunc(func(*observe.Exchange) {}), "with traffic": traffic.New(traffic.Deps{Log: log})} {
		b.Run(name, func(b *testing.B) {
			l := NewLogs(LogsDeps{Log: log, Sink: sink, Operations: oneTemplate{}})
			r := newAccessLog(l, AccessLog{API: "orders", Path: "x", Format: "nginx-combined"}).lines()
			list := hotLines()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r.Line(list[i%len(list)], false)
			}
		})
	}
}
