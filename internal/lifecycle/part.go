package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// DefaultStop is how long a part may take to end when it does not say.
const DefaultStop = 10 * time.Second

// Part is one thing that starts and stops.
type Part struct {
	// Name is how logs and errors call it: "gateway".
	Name string

	// Run MUST block until ctx ends and everything it started has ended. Its
	// error is reported; context.Canceled after ctx ended counts as a clean end.
	// The context carries the values of the one given to the package's Run, but
	// ends only when it is this part's turn to stop.
	Run func(ctx context.Context) error

	// Ready, if given, is called once Run was started and MUST return when the
	// part can be used, or with an error when ctx ends. The next part starts
	// after it returned nil.
	Ready func(ctx context.Context) error

	// Stop is how long Run may take to return after its context ended;
	// DefaultStop when it is not positive.
	Stop time.Duration
}

// running is a part that was started.
type running struct {
	Part
	cancel   context.CancelFunc
	done     chan struct{} // closed when Run returned
	ready    chan error    // holds what Ready returned; nil without Ready or once it was read
	err      error         // what Run returned; valid once done is closed
	reported bool          // err is already part of what the caller gets
}

// start runs the part in its own goroutine and announces its end on ended.
func start(ctx context.Context, log *slog.Logger, part Part, ended chan<- *running) *running {
	if part.Stop <= 0 {
		part.Stop = DefaultStop
	}
	// Stopping is one after the other, so the end of ctx must not reach all parts at once.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{Part: part, cancel: cancel, done: make(chan struct{})}
	go guard(ctx, log, part.Name, part.Run, func(err error) {
		r.err = err
		close(r.done)
		ended <- r // has room for every part
	})
	return r
}

// early is the error of a part that ended although nobody asked it to.
func (r *running) early() error {
	r.reported = true
	if r.err != nil {
		return fmt.Errorf("part %q: %w", r.Name, r.err)
	}
	return fmt.Errorf("part %q ended by itself", r.Name)
}

// stop ends the part and waits for it, and for its Ready if that is still
// waiting, at most up to its deadline.
func (r *running) stop(log *slog.Logger) error {
	began := time.Now()
	r.cancel()
	deadline := time.NewTimer(r.Stop)
	defer deadline.Stop()
	for done := r.done; done != nil || r.ready != nil; {
		select {
		case <-done:
			done = nil
		case <-r.ready:
			r.ready = nil
		case <-deadline.C:
			return fmt.Errorf("part %q did not end within %s", r.Name, r.Stop)
		}
	}
	log.Debug("part stopped", "part", r.Name, "took", time.Since(began))
	if r.reported || r.err == nil || errors.Is(r.err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("part %q: %w", r.Name, r.err)
}

// guard calls f and hands its error to report, so that neither a panic nor
// runtime.Goexit takes the process down or leaves anybody waiting: both become
// errors.
func guard(ctx context.Context, log *slog.Logger, name string, f func(context.Context) error, report func(error)) {
	err := errors.New("its goroutine exited without returning")
	defer func() {
		if p := recover(); p != nil {
			log.Error("part panicked", "part", name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
		report(err)
	}()
	err = f(ctx)
}
