package observe

// Sink takes exchanges. Observe MUST NOT block, MUST NOT keep e or change it
// after it returned, and MUST be safe for concurrent use. A sink that is full
// drops and counts: it never slows the traffic that it observes. A sink that
// keeps a copy for longer calls [Exchange.Detach] on it.
type Sink interface {
	Observe(e *Exchange)
}

// SinkFunc is a function as a Sink.
type SinkFunc func(e *Exchange)

// Observe implements Sink.
func (f SinkFunc) Observe(e *Exchange) { f(e) }

// Fanout hands every exchange to each sink in order.
type Fanout []Sink

// Observe implements Sink.
func (f Fanout) Observe(e *Exchange) {
	for _, s := range f {
		s.Observe(e)
	}
}
