package checks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/units"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a Manager at work on a store in memory.
type bench struct {
	*Manager
	store   *memory
	notices *health.Registry
	events  chan Event
}

// Publish makes the bench listen to its own Manager.
func (b *bench) Publish(_ string, data any) {
	if e, ok := data.(*Event); ok {
		select {
		case b.events <- *e:
		default:
		}
	}
}

func work(t *testing.T, store *memory, list ...Check) *bench {
	t.Helper()
	b := &bench{store: store, notices: &health.Registry{}, events: make(chan Event, 1000)}
	client := probe.NewHTTP(probe.Options{})
	b.Manager = New(Deps{Log: slog.New(slog.DiscardHandler), Store: store, HTTP: client, Publisher: b, Health: b.notices, TraceSeed: []byte("test")})
	if err := b.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.configure(t, list...)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.Manager.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	if err := b.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) configure(t *testing.T, list ...Check) {
	t.Helper()
	commit, err := b.Prepare(Config{Checks: list, Retention: DefaultRetention(), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	commit()
}

func (b *bench) run(t *testing.T, id string) *Result {
	t.Helper()
	r, err := b.RunNow(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// answering serves the statuses one after the other, the last one for ever.
func answering(t *testing.T, statuses ...int) *httptest.Server {
	t.Helper()
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i := min(int(n.Add(1))-1, len(statuses)-1)
		w.WriteHeader(statuses[i])
		fmt.Fprintf(w, `{"answer":%d}`, statuses[i])
	}))
	t.Cleanup(server.Close)
	return server
}

// rarely is a schedule that does not disturb what a test runs by hand.
const rarely = units.Duration(1000 * time.Hour)

func TestACheckGoesDownAndComesBack(t *testing.T) {
	server := answering(t, 200, 503, 503, 200)
	b := work(t, newMemory(), Check{Name: "Orders", URL: server.URL, Every: rarely, Alert: Alert{After: 2}})
	for i, want := range []struct{ verdict, state Status }{{Up, Up}, {Down, Up}, {Down, Down}, {Up, Up}} {
		r := b.run(t, "orders")
		if r.Status != want.verdict || r.State != want.state {
			t.Fatalf("run %d: verdict %s, state %s; want %s and %s", i+1, r.Status, r.State, want.verdict, want.state)
		}
	}
	transitions, err := b.Transitions(t.Context(), "orders", 10)
	if err != nil {
		t.Fatal(err)
	}
	var story []string
	for _, tr := range transitions {
		story = append(story, fmt.Sprintf("%s to %s: %s", tr.From, tr.To, tr.Reason))
	}
	want := "unknown to up: |up to down: status = 503; expected status in 200..299|down to up: "
	if got := strings.Join(story, "|"); got != want {
		t.Errorf("the story is %s\nwant %s", got, want)
	}
}

func TestARetryThatPassesIsFlaky(t *testing.T) {
	server := answering(t, 500, 200)
	b := work(t, newMemory(), Check{Name: "x", URL: server.URL, Every: rarely, Retries: Retries{Max: 2, Delay: 1}})
	r := b.run(t, "x")
	if r.Status != Up || !r.Flaky() || len(r.Attempts) != 2 {
		t.Fatalf("got %+v, want an up run of two attempts", r)
	}
	if first := r.Attempts[0]; first.Status != Down || first.Code != 500 || first.Reason == "" {
		t.Errorf("the failed attempt is not kept: %+v", first)
	}
	if v, err := b.View("x"); err != nil || !v.Flaky || v.State != Up {
		t.Errorf("the view says flaky %v, state %s (%v)", v.Flaky, v.State, err)
	}
}

func TestNetworkRetriesLeaveAnswersAlone(t *testing.T) {
	server := answering(t, 500, 200)
	b := work(t, newMemory(), Check{Name: "x", URL: server.URL, Every: rarely, Retries: Retries{Max: 2, Delay: 1, On: "network"}})
	if r := b.run(t, "x"); r.Status != Down || len(r.Attempts) != 1 {
		t.Errorf("a 500 is an answer, but was tried %d times", len(r.Attempts))
	}
}

// shop is an API with a login.
func shop(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		var login struct{ User, Password string }
		if json.NewDecoder(r.Body).Decode(&login) != nil || login.Password != "hunter2-secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"access_token":"tok-abcdef","user":{"id":42}}`)
	})
	mux.HandleFunc("GET /users/{id}/orders", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer tok-abcdef" || r.PathValue("id") != "42" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `{"orders":[],"echo":"tok-abcdef"}`)
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func journey(url string) Check {
	bearer := &probe.Auth{}
	if err := bearer.Bearer.UnmarshalText([]byte("${token}")); err != nil {
		panic(err)
	}
	return Check{
		Name: "journey", Every: rarely, Sensitive: []string{"hunter2-secret"},
		Steps: []RequestStep{
			{
				Name:    "login",
				Request: probe.HTTPRequest{Method: "POST", URL: url + "/login", JSON: map[string]any{"user": "probe", "password": "hunter2-secret"}},
				Assert:  []Assertion{{Expr: "status == 200"}},
				Capture: map[string]Capture{"token": {Expr: "json.access_token"}, "user": {Expr: "json.user.id", Public: true}},
			},
			{
				Name:    "orders",
				Request: probe.HTTPRequest{URL: url + "/users/${user}/orders", Auth: bearer},
				Assert:  []Assertion{{Expr: "status == 200"}, {Expr: "len(json.orders) > 0"}},
			},
			{Name: "never", Request: probe.HTTPRequest{URL: url + "/never"}},
			{Name: "logout", Always: true, Request: probe.HTTPRequest{Method: "POST", URL: url + "/logout"}},
		},
	}
}

func TestAJourneyCapturesAndTellsNoSecrets(t *testing.T) {
	server := shop(t)
	b := work(t, newMemory(), journey(server.URL))
	r := b.run(t, "journey")
	if want := "step orders: len(json.orders) = 0; expected len(json.orders) > 0"; r.Last().Reason != want || r.Status != Down {
		t.Fatalf("%s because %q, want down because %q", r.Status, r.Last().Reason, want)
	}
	_, evidence, err := b.Detail(t.Context(), "journey", r.Run)
	if err != nil || evidence == nil {
		t.Fatalf("no evidence: %v", err)
	}
	text, err := json.Marshal(evidence)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2-secret", "tok-abcdef"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the evidence tells %q:\n%s", secret, text)
		}
	}
	steps := evidence.Attempts[0].Steps
	if len(steps) != 4 || !steps[2].Skipped || steps[3].Skipped || steps[3].Response == nil {
		t.Errorf("after a failure only cleaning up runs; got %s", text)
	}
	if detail := steps[0].Assertions[0].Detail; detail != "status = 200" {
		t.Errorf("an assertion that holds says %q", detail)
	}
	if steps[0].Captured["user"] != "42" || steps[0].Captured["token"] != "[redacted]" {
		t.Errorf("captured %v", steps[0].Captured)
	}
	if !strings.Contains(steps[1].Curl, "/users/42/orders") {
		t.Errorf("curl line: %s", steps[1].Curl)
	}
	if len(evidence.TraceID) != 32 || evidence.TraceID != b.TraceID("journey", r.Run) {
		t.Errorf("trace id %q", evidence.TraceID)
	}
}

func TestTheTraceIsSent(t *testing.T) {
	got := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Traceparent")
	}))
	defer server.Close()
	b := work(t, newMemory(), Check{Name: "x", URL: server.URL, Every: rarely})
	r := b.run(t, "x")
	if header := <-got; !strings.HasPrefix(header, "00-"+b.TraceID("x", r.Run)+"-") || !strings.HasSuffix(header, "-01") {
		t.Errorf("traceparent %q does not belong to run %s", header, r.Run)
	}
}

func TestOneHangingTargetStopsNobody(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	good := answering(t, 200)
	list := []Check{{Name: "good", URL: good.URL, Every: units.Duration(time.Second)}}
	for i := range 50 {
		list = append(list, Check{Name: fmt.Sprintf("hanging %d", i), URL: "http://" + ln.Addr().String(), Every: units.Duration(time.Second), Timeout: units.Duration(time.Minute)})
	}
	b := work(t, newMemory(), list...)
	seen := 0
	deadline := time.After(20 * time.Second)
	for seen < 3 {
		select {
		case e := <-b.events:
			if e.ID == "good" {
				seen++
			}
		case <-deadline:
			t.Fatal("the good check does not run beside hanging ones")
		}
	}
	// The starts that the hanging ones miss are counted, not silent.
	total := uint64(0)
	for _, v := range b.List() {
		total += v.Missed
	}
	if total == 0 {
		t.Error("no missed start was counted")
	}
}

func TestPauseAndResume(t *testing.T) {
	server := answering(t, 200)
	store := newMemory()
	b := work(t, store, Check{Name: "x", URL: server.URL, Every: rarely}, Check{Name: "off", URL: server.URL, Paused: true})
	b.run(t, "x")
	if err := b.Pause(t.Context(), "x", "ada"); err != nil {
		t.Fatal(err)
	}
	if v, err := b.View("x"); err != nil || v.State != Paused || v.PausedBy != "ada" || !v.Next.IsZero() {
		t.Errorf("paused: %+v (%v)", v, err)
	}
	again := work(t, store, Check{Name: "x", URL: server.URL, Every: rarely})
	if v, err := again.View("x"); err != nil || v.State != Paused || v.PausedBy != "ada" {
		t.Errorf("the pause did not survive a restart: %+v (%v)", v, err)
	}
	if err := b.Resume(t.Context(), "x", "ada"); err != nil {
		t.Fatal(err)
	}
	if v, _ := b.View("x"); v.State != Unknown {
		t.Errorf("resumed: %s", v.State)
	}
	if r := b.run(t, "x"); r.State != Up {
		t.Errorf("after the first run: %s", r.State)
	}
	if err := b.Resume(t.Context(), "off", "ada"); fault.KindOf(err) != fault.KindConflict {
		t.Errorf("resuming what the file pauses: %v", err)
	}
	if err := b.Pause(t.Context(), "nobody", "ada"); fault.KindOf(err) != fault.KindNotFound {
		t.Errorf("pausing an unknown check: %v", err)
	}
}

func TestAFullDiskDoesNotStopTheWatch(t *testing.T) {
	server := answering(t, 200, 503, 200)
	store := newMemory()
	b := work(t, store, Check{Name: "x", URL: server.URL, Every: rarely})
	store.setFull(true)
	for range 2 {
		// What is not on disk is not acknowledged.
		if _, err := b.RunNow(t.Context(), "x"); fault.KindOf(err) != fault.KindUnavailable || !strings.Contains(err.Error(), "could not be stored") {
			t.Fatalf("a run that is not stored is told as %v", err)
		}
	}
	if v, err := b.View("x"); err != nil || v.State != Down {
		t.Fatalf("state %s (%v) although the answer was a 503", v.State, err)
	}
	notices := b.notices.List()
	if len(notices) != 1 || !strings.Contains(notices[0].Text, "no space left") {
		t.Errorf("the notice is %+v", notices)
	}
	store.setFull(false)
	b.run(t, "x")
	if len(b.notices.List()) != 0 {
		t.Error("the notice stays although the disk has space")
	}
	if results, _ := store.Results(t.Context(), "x", time.Time{}, time.Now().Add(time.Hour), 0); len(results) != 3 {
		t.Errorf("%d of 3 results were written in the end", len(results))
	}
}

func TestAReloadKeepsWhatIsKnown(t *testing.T) {
	server := answering(t, 503)
	b := work(t, newMemory(), Check{Name: "kept", URL: server.URL, Every: rarely}, Check{Name: "gone", URL: server.URL, Every: rarely})
	b.run(t, "kept")
	_, err := b.Prepare(Config{Checks: []Check{{Name: "kept", URL: server.URL}, {Name: "bad", URL: server.URL, Assert: []Assertion{{Expr: "stauts == 200"}}}}})
	var problems fault.Problems
	if !errors.As(err, &problems) || problems[0].Path != "checks[1].assert[0]" || !strings.Contains(problems[0].Error(), `did you mean "status"?`) {
		t.Errorf("the mistake is told as %v", err)
	}
	if v, err := b.View("gone"); err != nil || v.State != Unknown {
		t.Errorf("a refused configuration changed something: %+v, %v", v, err)
	}
	b.configure(t, Check{Name: "kept", URL: server.URL + "/other", Every: rarely})
	if v, err := b.View("kept"); err != nil || v.State != Down || !strings.HasSuffix(v.Target, "/other") {
		t.Errorf("after the reload: %+v, %v", v, err)
	}
	if _, err := b.View("gone"); fault.KindOf(err) != fault.KindNotFound {
		t.Errorf("the removed check is still there: %v", err)
	}
}

func TestTheCauseIsTheDeepestDependency(t *testing.T) {
	bad, good := answering(t, 500), answering(t, 200)
	b := work(t, newMemory(),
		Check{Name: "db", URL: bad.URL, Every: rarely},
		Check{Name: "auth", URL: bad.URL, Every: rarely, DependsOn: []string{"db"}},
		Check{Name: "orders", URL: bad.URL, Every: rarely, DependsOn: []string{"auth"}},
		Check{Name: "alone", URL: good.URL, Every: rarely, DependsOn: []string{"db"}})
	for _, id := range []string{"db", "auth", "orders", "alone"} {
		b.run(t, id)
	}
	for id, want := range map[string]string{"db": "", "auth": "db", "orders": "db", "alone": ""} {
		if v, err := b.View(id); err != nil || v.BecauseOf != want {
			t.Errorf("%s is down because of %q, want %q", id, v.BecauseOf, want)
		}
	}
}

func TestAPanicInAProbeIsAResult(t *testing.T) {
	b := work(t, newMemory(), Check{Name: "x", URL: "http://127.0.0.1:1/", Every: rarely})
	b.mu.Lock()
	b.checks["x"].plan.steps[0].request = panicking{}
	b.mu.Unlock()
	if r := b.run(t, "x"); r.Status != Down || r.Last().Class != probe.ClassInternal {
		t.Errorf("got %+v", r)
	}
}

type panicking struct{}

func (panicking) Do(context.Context, probe.Input) (*probe.Response, error) { panic("hostile answer") }
func (panicking) Method() string                                           { return "GET" }
func (panicking) URL() string                                              { return "http://x/" }

func TestARemovedCheckThatComesBackRunsOnceAtATime(t *testing.T) {
	var running, most atomic.Int64
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		most.Store(max(most.Load(), running.Add(1)))
		<-release
		running.Add(-1)
	}))
	defer server.Close()
	list := []Check{{Name: "x", URL: server.URL, Every: rarely}}
	b := work(t, newMemory(), list...)
	results := make(chan error, 2)
	go func() { _, err := b.RunNow(t.Context(), "x"); results <- err }()
	for running.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	b.configure(t, Check{Name: "other", URL: server.URL, Every: rarely})
	if err := <-results; fault.KindOf(err) != fault.KindNotFound {
		t.Errorf("whoever waits for a removed check hears %v", err)
	}
	b.configure(t, list...)
	go func() { _, err := b.RunNow(t.Context(), "x"); results <- err }()
	time.Sleep(20 * time.Millisecond) // a second run would have begun
	close(release)
	if err := <-results; err != nil {
		t.Error(err)
	}
	if most.Load() != 1 {
		t.Errorf("%d runs at once", most.Load())
	}
}

func TestACheckThatComesBackShowsItsPast(t *testing.T) {
	server := answering(t, 200)
	check := Check{Name: "x", URL: server.URL, Every: rarely}
	b := work(t, newMemory(), check)
	b.run(t, "x")
	b.configure(t, Check{Name: "other", URL: server.URL, Every: rarely})
	b.configure(t, check)
	for range 1000 {
		if v, err := b.View("x"); err == nil && v.Last != nil && len(v.Recent) == 1 && v.State == Up {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("its last run is not shown")
}
