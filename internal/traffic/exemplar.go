package traffic

import (
	"encoding/hex"
	"math"
	"sync"
	"sync/atomic"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"lapwing.dev/lapwing/middleware/observe"
)

// exemplar is one of the last requests of a histogram that somebody can look at:
// the first one of a second whose trace is kept.
type exemplar struct {
	second atomic.Int64 // of Unix time, of the one that is kept

	mu      sync.Mutex // held once a second, and to read
	trace   [16]byte
	span    [8]byte
	seconds float64
	nanos   int64 // of Unix time
}

func (x *exemplar) observe(e *observe.Exchange) {
	if e.TraceID == ([16]byte{}) {
		return
	}
	second, was := e.Time.Unix(), x.second.Load()
	if second == was || !x.second.CompareAndSwap(was, second) {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.trace, x.span, x.seconds, x.nanos = e.TraceID, e.SpanID, max(e.Duration.Seconds(), 0), e.Time.UnixNano()
}

// write adds it to a histogram: to its classic bucket, where the text format has
// it, and to the native part.
func (x *exemplar) write(h *dto.Histogram) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.trace == ([16]byte{}) {
		return
	}
	seconds := x.seconds // the histogram is read when the lock is gone
	told := &dto.Exemplar{
		Label:     []*dto.LabelPair{pair("trace_id", hex.EncodeToString(x.trace[:]))},
		Value:     &seconds,
		Timestamp: &timestamppb.Timestamp{Seconds: x.nanos / 1e9, Nanos: int32(x.nanos % 1e9)}, // #nosec G115 -- below a billion
	}
	if x.span != ([8]byte{}) {
		told.Label = append(told.Label, pair("span_id", hex.EncodeToString(x.span[:])))
	}
	h.Exemplars = []*dto.Exemplar{told}
	for _, b := range h.Bucket {
		if seconds <= b.GetUpperBound() {
			b.Exemplar = told
			return
		}
	}
	infinite, all := math.Inf(1), h.GetSampleCount()
	h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: &infinite, CumulativeCount: &all, Exemplar: told})
}
