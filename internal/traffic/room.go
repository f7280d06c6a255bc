package traffic

import "sync/atomic"

// What is stored of an operation, in series: of each histogram the native one,
// its count and its sum; of each outcome a counter. An operation begins with the
// sizes of its bodies, the durations and the outcomes that share what has no room.
const (
	histogramSeries = 3
	operationSeries = 3*histogramSeries + 1
	foldedSeries    = 100 // of an operation that is for what has no room; not counted in its API's
)

// defaultSeriesPerAPI holds until Prepare says otherwise.
const defaultSeriesPerAPI = 10_000

// room is how many series the operations of one API have made, and what had no
// room for any.
type room struct {
	api      string // as a label
	used     atomic.Int64
	most     *atomic.Int64
	overflow atomic.Uint64             // requests
	other    atomic.Pointer[operation] // what they are counted as
}

// newRoom returns a room of so many series, or as many as the configuration says.
func (os *operations) newRoom(api string, most int64) *room {
	r := &room{api: api, most: &os.perAPI}
	if most > 0 {
		r.most = &atomic.Int64{}
		r.most.Store(most)
	}
	return r
}

// has reports whether there is room for n series.
func (r *room) has(n int64) bool { return r.used.Load()+n <= r.most.Load() }

// take makes n series, if there is room. No room at all is one without end.
func (r *room) take(n int64) bool {
	if r == nil {
		return true
	}
	if r.used.Add(n) <= r.most.Load() {
		return true
	}
	r.used.Add(-n)
	return false
}

// give takes back what was taken in vain.
func (r *room) give(n int64) {
	if r != nil {
		r.used.Add(-n)
	}
}
