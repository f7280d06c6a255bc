package assert

import (
	"testing"
)

// BenchmarkStatusAndLatency is what a check asserts most often, with the making
// of the answer.
func BenchmarkStatusAndLatency(b *testing.B) {
	p := compileTest(b, "status in 200..599 and latency < 400ms")
	resp := ordersAnswer().response
	b.ReportAllocs()
	for b.Loop() {
		if holds, detail := p.Check(NewAnswer(resp, nil, 1)); !holds {
			b.Fatal(detail)
		}
	}
}

// BenchmarkJSON reads the body once for two assertions.
func BenchmarkJSON(b *testing.B) {
	first, second := compileTest(b, "len(json.orders) > 0"), compileTest(b, "all(json.orders, .id > 0)")
	resp := ordersAnswer().response
	b.ReportAllocs()
	for b.Loop() {
		a := NewAnswer(resp, nil, 1)
		for _, p := range []*Program{first, second} {
			if holds, detail := p.Check(a); !holds {
				b.Fatal(detail)
			}
		}
	}
}

// BenchmarkFailure explains a failure.
func BenchmarkFailure(b *testing.B) {
	p := compileTest(b, "status == 200 and latency < 300ms")
	resp := ordersAnswer().response
	b.ReportAllocs()
	for b.Loop() {
		if holds, _ := p.Check(NewAnswer(resp, nil, 1)); holds {
			b.Fatal("it holds")
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		compileTest(b, "status in 200..299 and latency < 300ms")
	}
}
