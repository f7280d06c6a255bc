package alerting_test

import (
	"os"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/alerting"
	lapwing "lapwing.dev/lapwing/internal/config"
)

// fromFile is what a configuration file says about alerts.
func fromFile(t *testing.T, text string) alerting.Config {
	t.Helper()
	loaded, err := lapwing.Parse("lapwing.yaml", []byte(text), func(string) (string, bool) { return "x", true })
	if err != nil {
		t.Fatal(err)
	}
	f := loaded.File
	c := alerting.Config{
		Global: f.Global, Receivers: f.Receivers, Route: f.Route, InhibitRules: f.InhibitRules,
		TimeIntervals: f.TimeIntervals, MuteTimeIntervals: f.MuteTimeIntervals, Templates: f.Templates, Alerting: f.Alerting, Dir: t.TempDir(),
	}
	for i := range f.Checks {
		for _, receiver := range f.Checks[i].Alert.To {
			c.Named = append(c.Named, alerting.Named{Receiver: receiver, Path: "checks"})
		}
	}
	return c
}

func TestTheGuideWorksAsItStands(t *testing.T) {
	page, err := os.ReadFile("../../docs/guides/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(string(page), "```yaml\n") {
		text, _, _ := strings.Cut(part, "\n```")
		if i == 0 || !strings.Contains(text, "receivers:") {
			continue
		}
		c := fromFile(t, text+"\n")
		if err := c.Validate().Err(); err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
	}
}

func TestMistakesOfARealFileAreToldWhereTheyAre(t *testing.T) {
	c := fromFile(t, `apis: [{name: a, url: "http://127.0.0.1:1"}]
receivers:
  - {name: ops, webhook_configs: [{url: "http://127.0.0.1:2/", max_alrts: 5}], slack_configs: [{channel: x, title: "{{ .A"}]}
route: {receiver: ops, group_wait: 5s, routes: [{matchers: ["a=b"], contnue: true}]}
`)
	want := "receivers[0].webhook_configs[0].max_alrts: unknown key \"max_alrts\"; did you mean \"max_alerts\"?\n" +
		"route.routes[0].contnue: unknown key \"contnue\"; did you mean \"continue\"?"
	if got := c.Validate().Err(); got == nil || got.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", got, want)
	}
}
