package alerting_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/testneeds"
)

// amtools are Alertmanager's own client: the one that is installed, and the one of
// the release that is built in.
func amtools(t *testing.T) map[string]string {
	t.Helper()
	tools := map[string]string{"installed": testneeds.Program(t, "amtool", "amtool")}
	built := filepath.Join(t.TempDir(), "amtool")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", built, "github.com/prometheus/alertmanager/cmd/amtool")
	if out, err := build.CombinedOutput(); err != nil {
		t.Logf("amtool of the release that is built in cannot be built here: %v %s", err, out)
	} else {
		tools["built in"] = built
	}
	return tools
}

func TestAmtoolWorksUnchanged(t *testing.T) {
	for name, tool := range amtools(t) {
		t.Run(name, func(t *testing.T) {
			h := newHook(t)
			d := open(t, disk(t), config(map[string]string{
				"receivers": h.receivers("hook", "shop"), "route": quick + "routes:\n- receiver: shop\n  matchers: [api=shop]\n",
			}))
			url := serve(t, d)
			amtool := func(args ...string) string {
				t.Helper()
				c := exec.CommandContext(t.Context(), tool, append([]string{"--alertmanager.url=" + url}, args...)...)
				c.Env = append(os.Environ(), "HOME="+t.TempDir())
				var complaint strings.Builder
				c.Stderr = &complaint // an older one says that its version is another one
				out, err := c.Output()
				if err != nil {
					t.Fatalf("amtool %q: %v\n%s", args, err, complaint.String())
				}
				return string(out)
			}
			has := func(out string, parts ...string) {
				t.Helper()
				for _, part := range parts {
					if !strings.Contains(out, part) {
						t.Errorf("%q is missing in:\n%s", part, out)
					}
				}
			}

			has(amtool("config", "show"), "receiver: hook", "redacted.invalid")
			has(amtool("cluster", "show"), "disabled")
			has(amtool("config", "routes", "show"), "receiver: hook", "receiver: shop")
			if out := strings.TrimSpace(amtool("config", "routes", "test", "api=shop", "severity=critical")); out != "shop" {
				t.Errorf("routed to %q", out)
			}

			amtool("alert", "add", "Slow", "api=shop", "severity=warning", "--annotation=summary=too slow")
			h.until(t, "shop firing Slow/=firing")
			has(amtool("alert", "query"), "Slow", "active")
			has(amtool("alert", "query", "-o", "extended", "api=shop"), `severity="warning"`, `summary="too slow"`)
			if out := amtool("alert", "query", "-o", "json", "api=other"); strings.Contains(out, "Slow") {
				t.Errorf("found what was not asked for: %s", out)
			}

			id := strings.TrimSpace(amtool("silence", "add", "--author=ann", "--comment=deploy", "--duration=1h", "alertname=Slow"))
			has(amtool("silence", "query"), id, "deploy", "ann")
			has(amtool("alert", "query", "-o", "json", "--silenced"), `"suppressed"`, id)
			views, err := d.Alerts(t.Context(), time.Time{})
			if err != nil || len(views) != 1 || len(views[0].SilencedBy) != 1 || views[0].SilencedBy[0] != id {
				t.Errorf("views: %+v %v", views, err)
			}
			amtool("silence", "expire", id)
			var left []struct{ ID string }
			if err := json.Unmarshal([]byte(amtool("silence", "query", "-o", "json")), &left); err != nil || len(left) != 0 {
				t.Errorf("silences left: %v %v", left, err)
			}
			has(amtool("silence", "query", "--expired"), id)
			amtool("alert", "add", "Slow", "api=shop", "severity=warning", "--end="+time.Now().Add(-time.Second).Format(time.RFC3339))
			h.until(t, "shop resolved Slow/=resolved")

			// What is checked is a configuration that works there, too.
			file := filepath.Join(t.TempDir(), "alertmanager.yml")
			if err := os.WriteFile(file, []byte("receivers:\n"+indent(h.receivers("hook", "shop"))+"route:\n"+indent(quick)), 0o600); err != nil {
				t.Fatal(err)
			}
			c := exec.CommandContext(t.Context(), tool, "check-config", file)
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("check-config: %v %s", err, out)
			}
		})
	}
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") + "\n"
}

func TestGrafanaFindsWhatItAsksFor(t *testing.T) {
	d := open(t, disk(t), config(map[string]string{"receivers": "- name: ops\n"}))
	say(t, d.Manager, "checks", down("a"))
	url := serve(t, d)
	var status struct {
		Cluster     struct{ Status string }
		Config      struct{ Original string }
		VersionInfo map[string]string
		Uptime      time.Time
	}
	var groups []struct {
		Labels   map[string]string
		Receiver struct{ Name string }
		Alerts   []struct{ Fingerprint, StartsAt, EndsAt, UpdatedAt string }
	}
	var silences, receivers []map[string]any
	for path, into := range map[string]any{
		"/api/v2/status": &status, "/api/v2/silences": &silences, "/api/v2/receivers": &receivers,
		"/api/v2/alerts/groups?silenced=true&inhibited=true&active=true": &groups,
	} {
		code, text := ask(t, "GET", url+path, "")
		if err := json.Unmarshal([]byte(text), into); err != nil || code != 200 {
			t.Fatalf("%s: %d %s %v", path, code, text, err)
		}
	}
	if status.Cluster.Status != "disabled" || status.VersionInfo["version"] == "" || status.Uptime.IsZero() || !strings.Contains(status.Config.Original, "group_by:") {
		t.Errorf("status: %+v", status)
	}
	if len(receivers) != 1 || receivers[0]["name"] != "ops" || len(silences) != 0 {
		t.Errorf("receivers %v, silences %v", receivers, silences)
	}
	if len(groups) != 1 || groups[0].Receiver.Name != "ops" || groups[0].Labels["alertname"] != "Down" || len(groups[0].Alerts) != 1 {
		t.Errorf("groups: %+v", groups)
	}
}
