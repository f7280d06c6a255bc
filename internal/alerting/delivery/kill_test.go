package delivery_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	amconfig "github.com/prometheus/alertmanager/config"

	"lapwing.dev/lapwing/internal/alerting/delivery"
	"lapwing.dev/lapwing/internal/state"
)

const deliverInEnv = "LAPWING_TEST_DELIVER_IN"

// deliverForever tells a receiver of one alert after another, which it does not
// take, and says on out which the outbox has taken over. where is the receiver's
// address and the folder. It ends only by being killed, or with its parent.
func deliverForever(where string, out io.Writer) error {
	address, dir, _ := strings.Cut(where, " ")
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	db, err := state.Open(ctx, dir, log)
	if err != nil {
		return err
	}
	w := newWorld()
	o := delivery.New(delivery.Deps{Log: log, Store: db.Alerts(), Alerts: w})
	conf, err := amconfig.Load("route: {receiver: team}\nreceivers:\n- name: team\n" + webhook(address))
	if err != nil {
		return err
	}
	tmpl, err := delivery.Templates(nil, &url.URL{})
	if err != nil {
		return err
	}
	r, err := o.Build(conf.Receivers, delivery.Own{}, tmpl)
	if err != nil {
		return err
	}
	o.Use(r, delivery.Settings{})
	if err := o.Load(ctx); err != nil {
		return err
	}
	go func() { _ = o.Run(ctx) }()
	channel := r.Integrations()["team"][0]
	for n := 0; ; n++ {
		group := fmt.Sprintf("group-%d", n)
		if _, err := channel.Notify(pipeline(ctx, "team", group), w.fires(group)); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, group); err != nil {
			return err // the parent is gone
		}
	}
}

func TestAKilledServerLosesNoNotification(t *testing.T) {
	dir := t.TempDir()
	down := newHook(t, says(500, ""))
	taken := deliverAndKill(t, down.URL, dir)

	log := slog.New(slog.DiscardHandler)
	db, err := state.Open(t.Context(), dir, log)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	up := newHook(t, says(200, ""))
	w := newWorld()
	for _, group := range taken {
		w.fires(group)
	}
	o := delivery.New(delivery.Deps{Log: log, Store: db.Alerts(), Alerts: w})
	o.Use(build(t, o, "route: {receiver: team}\nreceivers:\n- name: team\n"+webhook(up.URL)), delivery.Settings{})
	if err := o.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	for deadline := time.Now().Add(30 * time.Second); o.Waiting()["team"] > 0; {
		if time.Now().After(deadline) {
			t.Fatalf("%d still wait", o.Waiting()["team"])
		}
		waitABit(ctx)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	all := strings.Join(up.bodies(), "\n")
	for _, group := range taken {
		if !strings.Contains(all, `"groupKey":"`+group+`"`) {
			t.Errorf("%s was taken over and never delivered", group)
		}
	}
}

// waitABit lets the outbox work: what it waits for is a network.
func waitABit(ctx context.Context) {
	timer := time.NewTimer(5 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// deliverAndKill kills a child in the middle of whatever it does, and returns what
// its outbox had taken over.
func deliverAndKill(t *testing.T, address, dir string) (taken []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), deliverInEnv+"="+address+" "+dir)
	var complaint strings.Builder
	child.Stderr = &complaint
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		taken = append(taken, lines.Text())
		if len(taken) == 60 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var ended *exec.ExitError
	if err := child.Wait(); !errors.As(err, &ended) || complaint.Len() > 0 {
		t.Fatalf("the child ended by itself: %v %s", err, complaint.String())
	}
	return taken
}
