package delivery_test

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/alerting/delivery"
	"lapwing.dev/lapwing/internal/fault"
)

func TestAReceiverThatAnswersIsToldAtOnce(t *testing.T) {
	to := newHook(t, says(200, ""))
	s := newStand(t, newMemory(), newWorld(), webhook(to.URL))
	if err := s.notify("g", s.world.fires("CheckDown")); err != nil {
		t.Fatal(err)
	}
	if got := to.bodies(); len(got) != 1 || !strings.Contains(got[0], "CheckDown") {
		t.Fatalf("the receiver got %q", got)
	}
	s.until("it is in the history", func() bool { return len(s.store.states()) == 1 })
	list, _ := s.store.Deliveries(t.Context(), "team", 0, 10)
	d := list[0]
	if d.State != delivery.Delivered || d.Tries != 1 || d.Firing != 1 || d.Alerts[0].Name != "CheckDown" || d.Kind != "webhook" || d.Error != "" {
		t.Errorf("history: %+v", d)
	}
}

func TestAReceiverThatWasDownGetsItLater(t *testing.T) {
	to := newHook(t, says(500, "out of order"), says(200, ""))
	s := newStand(t, newMemory(), newWorld(), webhook(to.URL))
	if err := s.notify("g", s.world.fires("CheckDown")); err != nil {
		t.Fatalf("the pipeline hears of a failure that is taken care of: %s", err)
	}
	waiting, _ := s.store.Waiting(t.Context())
	if len(waiting) != 1 || waiting[0].Payload == nil || waiting[0].Error != "it answered 500: out of order" || waiting[0].Next.IsZero() {
		t.Fatalf("not on disk when the pipeline goes on: %+v", waiting)
	}
	s.until("it is delivered", func() bool { return cmp.Equal(s.store.states(), []string{delivery.Delivered}) })
	if n := len(to.bodies()); n != 2 {
		t.Errorf("%d tries", n)
	}
	if n := s.Waiting(); len(n) != 0 {
		t.Errorf("still waiting: %v", n)
	}
}

func TestWhatWaitsSurvivesARestart(t *testing.T) {
	down := newHook(t, says(503, ""))
	store, w := newMemory(), newWorld()
	before := newStand(t, store, w, webhook(down.URL))
	a := w.fires("CheckDown")
	if err := before.notify("g", a); err != nil {
		t.Fatal(err)
	}
	before.stop()

	up := newHook(t, says(200, ""))
	after := newStand(t, store, w, webhook(up.URL))
	after.until("it is delivered", func() bool { return cmp.Equal(store.states(), []string{delivery.Delivered}) })
	got := up.bodies()
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	for _, part := range []string{`"groupKey":"g"`, `"receiver":"team"`, `"group":"g"`, `"notification_reason":"first notification"`, "CheckDown", "HTTP 500"} {
		if !strings.Contains(got[0], part) {
			t.Errorf("no %s in what is sent after the restart: %s", part, got[0])
		}
	}
}

func TestNewerNewsTakeThePlaceOfOlder(t *testing.T) {
	to := newHook(t, says(500, ""), says(200, ""))
	s := newStand(t, newMemory(), newWorld(), webhook(to.URL))
	a, b := s.world.fires("A"), s.world.fires("B")
	if err := s.notify("g", a); err != nil {
		t.Fatal(err)
	}
	if err := s.notify("g", a, b); err != nil {
		t.Fatal(err)
	}
	s.until("both are settled", func() bool {
		return cmp.Equal(s.store.states(), []string{delivery.Superseded, delivery.Delivered})
	})
	if got := to.bodies(); len(got) != 2 || strings.Count(got[1], `"status":"firing","labels"`) != 2 {
		t.Errorf("sent %q", got)
	}
}

func TestNobodyIsToldThatItFiresAfterItEnded(t *testing.T) {
	t.Run("one message says that it is over, and that it comes late", func(t *testing.T) {
		to := newHook(t, says(500, ""), says(200, ""))
		s := newStand(t, newMemory(), newWorld(), webhook(to.URL))
		a := s.world.fires("A")
		if err := s.notify("g", a); err != nil {
			t.Fatal(err)
		}
		s.world.ends(a) // the pipeline has not flushed the group yet
		s.until("it is delivered", func() bool { return cmp.Equal(s.store.states(), []string{delivery.Delivered}) })
		if got := to.bodies(); len(got) != 2 || !strings.Contains(got[1], `"status":"resolved"`) || strings.Contains(got[1], `"status":"firing"`) {
			t.Errorf("sent %q", got)
		}
	})
	t.Run("a channel that is not told of ends is told nothing", func(t *testing.T) {
		to := newHook(t, says(500, ""), says(200, ""))
		s := newStand(t, newMemory(), newWorld(), webhook(to.URL)+"    send_resolved: false\n")
		a := s.world.fires("A")
		if err := s.notify("g", a); err != nil {
			t.Fatal(err)
		}
		s.world.ends(a)
		s.until("it is dropped", func() bool { return cmp.Equal(s.store.states(), []string{delivery.Superseded}) })
		if n := len(to.bodies()); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
	t.Run("an end that waits is not lost when the group goes on", func(t *testing.T) {
		to := newHook(t, says(200, ""), says(500, ""), says(200, ""))
		s := newStand(t, newMemory(), newWorld(), webhook(to.URL))
		a := s.world.fires("A")
		if err := s.notify("g", a); err != nil { // A is told
			t.Fatal(err)
		}
		if err := s.notify("g", s.world.ends(a)); err != nil { // its end is not taken
			t.Fatal(err)
		}
		if err := s.notify("g", s.world.fires("B")); err != nil { // A is no longer in the group
			t.Fatal(err)
		}
		s.until("all is delivered", func() bool { return len(s.Waiting()) == 0 && len(to.bodies()) >= 3 })
		last := to.bodies()[len(to.bodies())-1]
		if !strings.Contains(last, `"status":"resolved","labels":{"alertname":"A"`) || !strings.Contains(last, `"status":"firing","labels":{"alertname":"B"`) {
			t.Errorf("the receiver believes for ever that A goes on: %s", last)
		}
	})
}

func TestOneDeadReceiverDelaysNoOther(t *testing.T) {
	dead, well := newHook(t, says(500, "")), newHook(t, says(200, ""))
	s := newStand(t, newMemory(), newWorld(), webhook(dead.URL)+"  - url: "+well.URL+"\n")
	for _, group := range []string{"1", "2", "3", "4"} {
		if err := s.notify(group, s.world.fires("A"+group)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(well.bodies()); n != 4 {
		t.Errorf("the other one got %d of 4", n)
	}
	if n := len(dead.bodies()); n > 3 {
		t.Errorf("the dead one was bothered %d times", n)
	}
	if n := s.Waiting()["team"]; n != 4 {
		t.Errorf("%d wait", n)
	}
}

func TestAReceiverIsLeftAloneAsLongAsItAsks(t *testing.T) {
	to := newHook(t, says(429, "slow down", "Retry-After", "3000"))
	s := newStand(t, newMemory(), newWorld(), signedWebhook(to.URL))
	if err := s.notify("g", s.world.fires("A")); err != nil {
		t.Fatal(err)
	}
	list, _ := s.store.Waiting(t.Context())
	if in := time.Until(list[0].Next); in < 2900*time.Second || in > 3001*time.Second {
		t.Errorf("tried again in %s", in)
	}
	if err := s.notify("h", s.world.fires("B")); err != nil {
		t.Fatal(err)
	}
	if n := len(to.bodies()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestDiscordsRetryAfterIsInTheBody(t *testing.T) {
	to := newHook(t, says(429, `{"message": "You are being rate limited.", "retry_after": 64.57, "global": false}`))
	s := newStand(t, newMemory(), newWorld(), "  discord_configs:\n  - webhook_url: "+to.URL+"/api/webhooks/1/token\n")
	if err := s.notify("g", s.world.fires("A")); err != nil {
		t.Fatal(err)
	}
	list, _ := s.store.Waiting(t.Context())
	if in := time.Until(list[0].Next); in < 60*time.Second || in > 65*time.Second {
		t.Errorf("tried again in %s", in)
	}
}

func TestErrorsOfReceiversAreShownWithoutSecrets(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + closed.Addr().String()
	_ = closed.Close()
	elsewhere := newHook(t, says(200, "ok"))
	tls := httptest.NewUnstartedServer(says(200, "ok"))
	tls.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	tls.StartTLS()
	t.Cleanup(tls.Close)
	const token = "T0KEN/B0XES/s3cr3tpart"
	refuses := newHook(t, says(403, "invalid token /services/"+token+" and https://hooks.slack.test/services/"+token))
	redirects := newHook(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte("s3cr3tpart"), 0o600); err != nil {
		t.Fatal(err)
	}
	slack := func(base string) string {
		return "  slack_configs:\n  - api_url: " + base + "/services/" + token + "\n    channel: '#alerts'\n"
	}
	for name, c := range map[string]struct{ channels, want string }{
		"nobody listens":         {slack(nobody), "connection refused"},
		"it says no":             {slack(refuses.URL), "it answered 403"},
		"it sends us elsewhere":  {slack(redirects.URL), "not sent on to where a redirect points"},
		"certificate of unknown": {slack(tls.URL), "certificate"},
		"telegram": {
			"  telegram_configs:\n  - api_url: " + nobody + "\n    bot_token: s3cr3tpart\n    chat_id: 1\n", "connection refused",
		},
		"telegram with a token that only its file knows": {
			"  telegram_configs:\n  - api_url: " + nobody + "\n    bot_token_file: " + tokenFile + "\n    chat_id: 1\n", "connection refused",
		},
		"signed webhook": {signedWebhook(nobody + "/hooks/s3cr3tpart"), "connection refused"},
		"webhook with a password": {
			webhook(nobody+"/s3cr3tpart") + "    http_config: {basic_auth: {username: u, password: s3cr3tpart}}\n", "connection refused",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, newMemory(), newWorld(), c.channels)
			if err := s.notify("g", s.world.fires("A")); err != nil {
				t.Fatal(err)
			}
			list, _ := s.store.Waiting(t.Context())
			if len(list) != 1 || !strings.Contains(list[0].Error, c.want) || strings.Contains(list[0].Error, "s3cr3t") || strings.HasPrefix(list[0].Error, "Post ") {
				t.Errorf("it says %+v; want %q", list, c.want)
			}
			if err := s.Test(t.Context(), "team"); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("the test says %v; want %q", err, c.want)
			}
		})
	}
	if n := len(elsewhere.bodies()); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
}

func TestAnEndlessAnswerIsNotRead(t *testing.T) {
	var sent atomic.Int64
	endless := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		junk := make([]byte, 64<<10)
		for {
			n, err := w.Write(junk)
			if err != nil {
				return
			}
			sent.Add(int64(n))
		}
	}
	to := newHook(t, endless)
	for name, channels := range map[string]string{
		"webhook": webhook(to.URL), "signed webhook": signedWebhook(to.URL),
		"slack": "  slack_configs:\n  - api_url: " + to.URL + "/x\n    channel: a\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, newMemory(), newWorld(), channels)
			sent.Store(0)
			err := s.Test(t.Context(), "team")
			if err == nil || len(err.Error()) > 1000 || !strings.Contains(err.Error(), "it answered 500") {
				t.Errorf("error %v", err)
			}
			if n := sent.Load(); n > 16<<20 {
				t.Errorf("%d MiB were read", n>>20)
			}
		})
	}
}

func TestAFullDiskLeavesTheNotificationWithThePipeline(t *testing.T) {
	to := newHook(t, says(500, ""), says(500, ""), says(200, ""))
	s := newStand(t, newMemory(), newWorld(), webhook(to.URL))
	s.store.fail(errors.New("disk full"))
	a := s.world.fires("A")
	if err := s.notify("g", a); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Fatalf("the pipeline believes that it is taken care of: %v", err)
	}
	if n := s.health.List(); len(n) != 1 || n[0].Code != "deliveries_unwritten" {
		t.Errorf("notices: %v", n)
	}
	s.store.fail(nil)
	if err := s.notify("g", a); err != nil {
		t.Fatal(err)
	}
	if n := s.health.List(); len(n) != 0 {
		t.Errorf("notices: %v", n)
	}
}

func TestTestingAReceiver(t *testing.T) {
	well, ill := newHook(t, says(200, "")), newHook(t, says(404, "no such hook"))
	s := newStand(t, newMemory(), newWorld(), webhook(well.URL)+signedWebhook(ill.URL))
	err := s.Test(t.Context(), "team")
	if err == nil || err.Error() != "signed_webhook: it answered 404: no such hook" {
		t.Errorf("error %v", err)
	}
	got := well.bodies()
	if len(got) != 2 || !strings.Contains(got[0], "This is a test") || !strings.Contains(got[1], `"status":"resolved"`) {
		t.Errorf("sent %q", got)
	}
	if diff := cmp.Diff([]string{delivery.Delivered, delivery.Failed}, s.store.states()); diff != "" {
		t.Error(diff)
	}
	if err := s.Test(t.Context(), "nobody"); fault.KindOf(err) != fault.KindNotFound {
		t.Errorf("error %v", err)
	}
}

func TestOpenPagesAreToldOncePerNews(t *testing.T) {
	to := newHook(t, says(200, ""))
	s := newStand(t, newMemory(), newWorld(), webhook(to.URL)+"  desktop_configs:\n  - {}\n")
	a, b := s.world.fires("A"), s.world.fires("B", "severity", "warning")
	for range 2 { // a second receiver gets the same
		if err := s.notify("g", a, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.notify("g", s.world.ends(a), s.world.ends(b)); err != nil {
		t.Fatal(err)
	}
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	if len(s.events.list) != 2 {
		t.Fatalf("events: %+v", s.events.list)
	}
	first, second := s.events.list[0], s.events.list[1]
	want := delivery.Event{
		Tag: first.Tag, State: "firing", Severity: "critical", Title: "Critical: A is wrong", Text: "and 1 more",
		Link: "/alerts/" + a.Fingerprint().String(), Firing: 2,
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}
	if second.Tag != first.Tag || second.State != "resolved" {
		t.Errorf("the end: %+v", second)
	}
	if diff := cmp.Diff([]string{"webhook", "desktop"}, s.receivers.Kinds("team")); diff != "" {
		t.Error(diff)
	}
}
