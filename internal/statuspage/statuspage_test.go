package statuspage_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/statuspage"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func view(id, api string, state checks.Status) checks.View {
	return checks.View{
		ID: id, Name: id, API: api, State: state, Target: "https://internal.example/secret", Reason: "secret reason",
		Asserts: []string{"secret == 1"}, Labels: map[string]string{"secret": "yes"}, PausedBy: "secret person",
	}
}

func TestHeadline(t *testing.T) {
	for _, test := range []struct {
		name     string
		views    []checks.View
		status   checks.Status
		headline string
	}{
		{"nothing", nil, checks.Unknown, "Nothing is shown here yet"},
		{"all up", []checks.View{view("a", "", checks.Up), view("b", "", checks.Up)}, checks.Up, "Everything is up"},
		{"one down", []checks.View{view("a", "", checks.Up), view("b", "", checks.Down)}, checks.Down, "1 of 2 down"},
		{"all down", []checks.View{view("a", "", checks.Down), view("b", "", checks.Paused)}, checks.Down, "Everything is down"},
		{"degraded", []checks.View{view("a", "", checks.Up), view("b", "", checks.Degraded)}, checks.Degraded, "1 of 2 degraded"},
		{"paused", []checks.View{view("a", "", checks.Paused)}, checks.Paused, "Monitoring is paused"},
		{"new", []checks.View{view("a", "", checks.Unknown)}, checks.Unknown, "Waiting for the first results"},
	} {
		t.Run(test.name, func(t *testing.T) {
			page := statuspage.Build(&statuspage.Input{Checks: test.views, Now: noon})
			if page.Status != test.status || page.Headline != test.headline {
				t.Errorf("%v, %q; want %v, %q", page.Status, page.Headline, test.status, test.headline)
			}
		})
	}
}

func TestPageTellsNamesAndNumbersOnly(t *testing.T) {
	page := statuspage.Build(&statuspage.Input{
		Checks: []checks.View{view("orders", "shop", checks.Down)}, Now: noon,
		Transitions: []checks.Transition{{Check: "orders", At: noon.Add(-time.Hour), To: checks.Down, Reason: "secret reason", By: "secret person"}},
	})
	text, err := json.Marshal(page)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("secret")) {
		t.Errorf("the public page tells too much: %s", text)
	}
}

func TestOnlyListedChecksAreShown(t *testing.T) {
	page := statuspage.Build(&statuspage.Input{
		Config: statuspage.Config{Title: "Shop", Checks: []string{"a"}}, Now: noon,
		Checks:      []checks.View{view("a", "shop", checks.Up), view("b", "hidden", checks.Down)},
		Transitions: []checks.Transition{{Check: "b", At: noon.Add(-time.Hour), To: checks.Down}},
	})
	if page.Title != "Shop" || page.Status != checks.Up || len(page.Groups) != 1 || len(page.Incidents) != 0 {
		t.Errorf("%+v", page)
	}
}

func TestDays(t *testing.T) {
	today := checks.Daily.Start(noon)
	page := statuspage.Build(&statuspage.Input{
		Checks: []checks.View{view("a", "", checks.Up)}, Now: noon,
		Daily: map[string][]checks.Rollup{"a": {{Start: today.AddDate(0, 0, -90), Down: 9}, {Start: today.AddDate(0, 0, -1), Up: 1, Down: 1}, {Start: today, Up: 3}}},
	})
	days := page.Groups[0].Components[0].Days
	half, whole := 0.5, 1.0
	wanted := []statuspage.Day{{Date: "2026-11-21"}, {Date: "2026-11-22", Status: checks.Down, Uptime: &half, Runs: 2, Failed: 1}, {Date: "2026-11-23", Status: checks.Up, Uptime: &whole, Runs: 3}}
	if diff := cmp.Diff(wanted, days[len(days)-3:]); diff != "" || len(days) != statuspage.Days {
		t.Errorf("%d days: %s", len(days), diff)
	}
}

func TestDayStatus(t *testing.T) {
	for _, test := range []struct {
		rollup checks.Rollup
		want   checks.Status
	}{
		{checks.Rollup{}, checks.Unknown},
		{checks.Rollup{Missed: 5}, checks.Unknown},
		{checks.Rollup{Up: 1}, checks.Up},
		{checks.Rollup{Up: 999, Down: 1}, checks.Degraded},
		{checks.Rollup{Up: 99, Down: 1}, checks.Down},
		{checks.Rollup{Up: 999, Degraded: 1}, checks.Up},
		{checks.Rollup{Up: 99, Degraded: 1}, checks.Degraded},
	} {
		if got := statuspage.DayStatus(&test.rollup); got != test.want {
			t.Errorf("%+v: %v, want %v", test.rollup, got, test.want)
		}
	}
}

func TestIncidents(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(-time.Duration(minutes) * time.Minute) }
	day := 24 * 60
	page := statuspage.Build(&statuspage.Input{
		Checks: []checks.View{view("a", "", checks.Down), view("b", "", checks.Paused)}, Now: noon,
		Transitions: []checks.Transition{ // newest first
			{Check: "a", At: at(5), From: checks.Up, To: checks.Down},
			{Check: "b", At: at(20), From: checks.Down, To: checks.Paused},
			{Check: "b", At: at(60), From: checks.Up, To: checks.Down},
			{Check: "a", At: at(90), From: checks.Degraded, To: checks.Up},
			{Check: "a", At: at(100), From: checks.Down, To: checks.Degraded},
			{Check: "a", At: at(120), From: checks.Degraded, To: checks.Down},
			{Check: "a", At: at(130), From: checks.Up, To: checks.Degraded},
			{Check: "a", At: at(40 * day), From: checks.Down, To: checks.Up},
			{Check: "a", At: at(41 * day), From: checks.Up, To: checks.Down},
			{Check: "gone", At: at(41 * day), From: checks.Up, To: checks.Down},
		},
	})
	wanted := []statuspage.Incident{
		{Check: "a", Name: "a", Worst: checks.Down, Start: at(5)},
		{Check: "b", Name: "b", Worst: checks.Down, Start: at(60), End: at(20)},
		{Check: "a", Name: "a", Worst: checks.Down, Start: at(130), End: at(90)},
	}
	if diff := cmp.Diff(wanted, page.Incidents); diff != "" {
		t.Error(diff)
	}
}

func TestBadges(t *testing.T) {
	for name, badge := range map[string]statuspage.Badge{
		"up":           statuspage.StateBadge("orders", checks.Up),
		"degraded":     statuspage.StateBadge("orders", checks.Degraded),
		"down":         statuspage.StateBadge("orders", checks.Down),
		"paused":       statuspage.StateBadge("orders", checks.Paused),
		"unknown":      statuspage.StateBadge("orders", checks.Unknown),
		"uptime":       statuspage.UptimeBadge("orders", "30d", checks.Share{Good: 99988, Total: 100000}),
		"uptime-full":  statuspage.UptimeBadge("orders", "7d", checks.Share{Good: 10, Total: 10}),
		"error":        statuspage.ErrorBadge("not found"),
		"uptime-none":  statuspage.UptimeBadge("orders", "24h", checks.Share{}),
		"hostile":      statuspage.StateBadge("<script>alert('&\"')</script>\x00\u202e\ufffe", checks.Up),
		"long":         statuspage.StateBadge(strings.Repeat("Wide name ", 30), checks.Down),
		"other-script": statuspage.StateBadge("注文 סטטוס", checks.Up),
	} {
		t.Run(name, func(t *testing.T) {
			got := badge.SVG()
			if err := xml.Unmarshal(got, new(struct{})); err != nil {
				t.Errorf("not XML: %v", err)
			}
			golden := filepath.Join("testdata", name+".svg")
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			wanted, err := os.ReadFile(golden) // #nosec G304 -- our own folder
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(wanted), string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
