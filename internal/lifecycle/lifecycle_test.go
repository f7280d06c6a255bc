package lifecycle_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/lifecycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diary notes what happened, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) expect(t *testing.T, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if diff := cmp.Diff(want, d.lines); diff != "" {
		t.Errorf("what happened (-want +got):\n%s", diff)
	}
}

// part is one that takes a second to become ready and a second to end.
func (d *diary) part(name string) lifecycle.Part {
	return lifecycle.Part{
		Name: name,
		Run: func(ctx context.Context) error {
			d.note(name + " starts")
			<-ctx.Done()
			time.Sleep(time.Second)
			d.note(name + " ended")
			return ctx.Err()
		},
		Ready: func(context.Context) error {
			time.Sleep(time.Second)
			d.note(name + " ready")
			return nil
		},
	}
}

// failing is a part that ends with err after a while although nobody asked.
func failing(name string, after time.Duration, err error) lifecycle.Part {
	return lifecycle.Part{Name: name, Run: func(ctx context.Context) error {
		select {
		case <-time.After(after):
			return err
		case <-ctx.Done():
			return nil
		}
	}}
}

var errBroken = errors.New("the disk is gone")

func expectError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestPartsStartInOrderAndStopInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		expectError(t, lifecycle.Run(ctx, slog.New(slog.DiscardHandler), d.part("state"), d.part("checks"), d.part("web")), "")
		d.expect(t, "state starts", "state ready", "checks starts", "checks ready", "web starts", "web ready",
			"web ended", "checks ended", "state ended")
		if took := time.Since(began); took != time.Minute+3*time.Second {
			t.Errorf("took %s, want a minute and three seconds of stopping one after the other", took)
		}
	})
}

func TestAPartThatFailsStopsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		err := lifecycle.Run(t.Context(), slog.New(slog.DiscardHandler),
			d.part("state"), failing("checks", time.Minute, errBroken), d.part("web"))
		expectError(t, err, `part "checks": the disk is gone`)
		if !errors.Is(err, errBroken) {
			t.Error("the cause cannot be recognised")
		}
		d.expect(t, "state starts", "state ready", "web starts", "web ready", "web ended", "state ended")
	})
}

func TestAPartThatReturnsUnaskedIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		err := lifecycle.Run(t.Context(), slog.New(slog.DiscardHandler), d.part("state"), failing("checks", time.Minute, nil))
		expectError(t, err, `part "checks" ended by itself`)
		d.expect(t, "state starts", "state ready", "state ended")
	})
}

func TestAPartThatDoesNotEndIsNamedAndLeftBehind(t *testing.T) {
	for _, test := range []struct {
		name string
		stop time.Duration
		want string
	}{
		{"with its own deadline", 3 * time.Second, `part "gateway" did not end within 3s`},
		{"with the default deadline", 0, `part "gateway" did not end within 10s`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var d diary
				release := make(chan struct{})
				defer close(release)
				gateway := lifecycle.Part{Name: "gateway", Stop: test.stop, Run: func(context.Context) error {
					<-release
					return nil
				}}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				expectError(t, lifecycle.Run(ctx, slog.New(slog.DiscardHandler), d.part("state"), gateway, d.part("web")), test.want)
				d.expect(t, "state starts", "state ready", "web starts", "web ready", "web ended", "state ended")
			})
		})
	}
}

func TestEveryErrorOfAStopIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sore := func(name string) lifecycle.Part {
			return lifecycle.Part{Name: name, Run: func(ctx context.Context) error {
				<-ctx.Done()
				return errors.New("could not flush")
			}}
		}
		err := lifecycle.Run(t.Context(), slog.New(slog.DiscardHandler), sore("state"), failing("checks", time.Second, errBroken), sore("web"))
		expectError(t, err, "part \"checks\": the disk is gone\npart \"web\": could not flush\npart \"state\": could not flush")
	})
}

func TestAPanicBecomesAnErrorWithItsStackLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		var out bytes.Buffer
		clumsy := lifecycle.Part{Name: "clumsy", Run: func(context.Context) error { panic("index out of range") }}
		err := lifecycle.Run(t.Context(), slog.New(slog.NewTextHandler(&out, nil)), d.part("state"), clumsy)
		expectError(t, err, `part "clumsy": panic: index out of range`)
		d.expect(t, "state starts", "state ready", "state ended")
		for _, want := range []string{"part panicked", "part=clumsy", "lifecycle_test.go"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("the log does not say %q:\n%s", want, out.String())
			}
		}
	})
}

func TestAGoroutineThatExitsIsNotWaitedForInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := lifecycle.Part{Name: "gone", Run: func(context.Context) error {
			runtime.Goexit()
			return nil
		}}
		expectError(t, lifecycle.Run(t.Context(), slog.New(slog.DiscardHandler), gone), `part "gone": its goroutine exited without returning`)
	})
}

func TestStartingStopsWhereItGoesWrong(t *testing.T) {
	for _, test := range []struct {
		name string
		part func(d *diary) lifecycle.Part
		want string
	}{
		{"a part does not become ready", func(d *diary) lifecycle.Part {
			p := d.part("checks")
			p.Ready = func(context.Context) error { return errBroken }
			return p
		}, `part "checks" did not become ready: the disk is gone`},
		{"a part panics while it becomes ready", func(d *diary) lifecycle.Part {
			p := d.part("checks")
			p.Ready = func(context.Context) error { panic("no map") }
			return p
		}, `part "checks" did not become ready: panic: no map`},
		{"a part fails before it is ready", func(*diary) lifecycle.Part {
			p := failing("checks", time.Second, errBroken)
			p.Ready = func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			}
			return p
		}, `part "checks": the disk is gone`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var d diary
				err := lifecycle.Run(t.Context(), slog.New(slog.DiscardHandler), d.part("state"), test.part(&d), d.part("web"))
				expectError(t, err, test.want)
				for _, line := range d.lines {
					if strings.HasPrefix(line, "web") {
						t.Errorf("web was started after a part before it had failed: %q", line)
					}
				}
				if last := d.lines[len(d.lines)-1]; last != "state ended" {
					t.Errorf("the last thing was %q, want the end of state", last)
				}
			})
		})
	}
}

func TestAnInterruptWhileStartingStopsWhatWasStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		slow := d.part("checks")
		slow.Ready = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		expectError(t, lifecycle.Run(ctx, slog.New(slog.DiscardHandler), d.part("state"), slow, d.part("web")), "")
		d.expect(t, "state starts", "state ready", "checks starts", "checks ended", "state ended")
	})
}

func TestNothingStartsAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		expectError(t, lifecycle.Run(ctx, slog.New(slog.DiscardHandler), d.part("state")), "")
		d.expect(t)
	})
}

func TestPartsSeeTheValuesOfTheContext(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "here"))
		defer cancel()
		part := lifecycle.Part{Name: "state", Run: func(ctx context.Context) error {
			if ctx.Value(key{}) != "here" {
				return errBroken
			}
			cancel()
			<-ctx.Done()
			return nil
		}}
		expectError(t, lifecycle.Run(ctx, slog.New(slog.DiscardHandler), part), "")
	})
}
