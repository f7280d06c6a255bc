package limit

import "time"

// Adapt bounds how many requests run at the same time by how latency answers to
// it. Every tier with an upstream of its own learns its own bound.
type Adapt struct {
	Min       int64         // lowest bound; 0 means 4
	Max       int64         // highest bound; 0 means 1000
	Initial   int64         // first bound; 0 means 20
	Tolerance float64       // latency may be this many times its long average before the bound falls; 0 means 1.5
	Smoothing float64       // weight of a new bound against the one before, 0 to 1; 0 means 0.2
	Window    time.Duration // latencies are averaged over it before the bound moves; 0 means 100 ms
}
