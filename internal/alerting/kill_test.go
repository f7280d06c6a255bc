package alerting_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/state"
)

const (
	victimEnv   = "LAPWING_TEST_ALERTS_IN"
	killedTimes = 4
)

// beKilled opens the data in dir, and says on out what it got an acknowledgement
// for: an alert, its silence, who has it, its end. It ends only by being killed.
func beKilled(dir string, out io.Writer) error {
	ctx := context.Background()
	db, err := state.Open(ctx, dir, quietLog())
	if err != nil {
		return err
	}
	m, err := alerting.New(alerting.Deps{Log: quietLog(), Store: db.Alerts()})
	if err != nil {
		return err
	}
	commit, err := m.Prepare(alerting.Config{})
	if err != nil {
		return err
	}
	commit()
	if err := m.Load(ctx); err != nil {
		return err
	}
	go func() { _ = m.Run(ctx) }()
	if err := m.Ready(ctx); err != nil {
		return err
	}
	for n := 0; ; n++ {
		name := fmt.Sprintf("%d-%d", os.Getpid(), n)
		if err := m.Put(ctx, down(name)); err != nil {
			return err
		}
		fmt.Fprintln(out, "alert", name)
		id, err := m.Silence(ctx, alerting.Silence{
			Matchers: []alerting.Matcher{{Name: "check", Op: "=", Value: name}}, Ends: time.Now().Add(time.Hour), By: "ann", Comment: name,
		})
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "silence", name)
		list, err := m.Alerts(ctx, time.Time{})
		if err != nil {
			return err
		}
		for _, v := range list {
			if v.Labels["check"] == name {
				err = m.Acknowledge(ctx, v.ID, "ann", name, time.Time{})
			}
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "ack", name)
		if n%3 == 0 {
			over := down(name)
			over.Ends = time.Now()
			if err := m.Put(ctx, over); err != nil {
				return err
			}
			if err := m.Unsilence(ctx, id, "ann"); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(out, "end", name); err != nil {
				return err // the parent is gone
			}
		}
	}
}

func TestAKilledServerForgetsNothing(t *testing.T) {
	dir := t.TempDir()
	for round := range killedTimes {
		facts := letLiveAndKill(t, dir, 25+13*round)
		checkFacts(t, dir, facts)
	}
}

// letLiveAndKill lets a child acknowledge that many facts and then some, kills it
// in the middle of whatever it does, and returns what it acknowledged.
func letLiveAndKill(t *testing.T, dir string, many int) (facts []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), victimEnv+"="+dir)
	var complaint strings.Builder
	child.Stderr = &complaint
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if facts = append(facts, lines.Text()); len(facts) == many {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || complaint.Len() > 0 {
		t.Fatalf("the child ended by itself: %v %s", err, complaint.String())
	}
	return facts
}

// checkFacts opens the data again and looks for what was acknowledged.
func checkFacts(t *testing.T, dir string, facts []string) {
	t.Helper()
	db, err := state.Open(t.Context(), dir, quietLog())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	d := open(t, db.Alerts(), alerting.Config{})
	defer d.stop()
	views, err := d.Alerts(t.Context(), time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	alerts := map[string]alerting.View{}
	for _, v := range views {
		alerts[v.Labels["check"]] = v
	}
	list, err := d.Silences(t.Context(), time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	silences := map[string]alerting.Silence{}
	for _, s := range list {
		silences[s.Comment] = s
	}
	ended := map[string]bool{}
	for i, fact := range facts {
		// The fact that comes next may have been on disk when the child was killed.
		kind, name, _ := strings.Cut(fact, " ")
		last := i >= len(facts)-3
		v, ok := alerts[name]
		if !ok {
			t.Errorf("%s: the alert is forgotten", fact)
			continue
		}
		switch kind {
		case "silence":
			if s := silences[name]; s.By != "ann" {
				t.Errorf("%s: the silence is forgotten", fact)
			}
		case "ack":
			if v.State != alerting.Resolved && (v.Ack == nil || v.Ack.Note != name) && !last {
				t.Errorf("%s: who has it is forgotten: %+v", fact, v)
			}
		case "end":
			ended[name] = true
			if v.State != alerting.Resolved || silences[name].State != "expired" {
				t.Errorf("%s: it goes on: %+v, %+v", fact, v, silences[name])
			}
		}
	}
	for name, v := range alerts {
		if v.State == alerting.Resolved && v.Ack != nil {
			t.Errorf("%s is over, and somebody has it", name)
		}
	}
}
