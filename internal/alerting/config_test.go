package alerting_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/alerting/alertingtest"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/internal/verbatim"
)

// pathed is a part with the path of each of its lines, as the configuration makes it.
func pathed(text string) verbatim.YAML {
	y := verbatim.YAML{Text: strings.TrimPrefix(text, "\n")}
	var open []string // path of what is open, by column / 2
	counts := map[string]int{}
	for line := range strings.Lines(y.Text) {
		body := strings.TrimLeft(line, " ")
		depth := (len(line) - len(body)) / 2
		for strings.HasPrefix(body, "- ") {
			parent := ""
			switch {
			case depth < len(open):
				parent = regexp.MustCompile(`\[\d+\]$`).ReplaceAllString(open[depth], "")
			case depth > 0 && depth <= len(open):
				parent = open[depth-1]
			}
			item := fmt.Sprintf("%s[%d]", parent, counts[parent])
			counts[parent]++
			open = append(open[:min(depth, len(open))], item)
			body, depth = body[2:], depth+1
		}
		parent := ""
		if depth > 0 && depth <= len(open) {
			parent = open[depth-1]
		}
		key, _, _ := strings.Cut(body, ":")
		path := fault.JoinPath(parent, strings.TrimSpace(key))
		if !strings.Contains(body, ":") {
			path = parent
		}
		open = append(open[:min(depth, len(open))], path)
		y.Paths = append(y.Paths, path)
	}
	return y
}

func TestMistakesAreToldWhereTheyAre(t *testing.T) {
	ops := "- name: ops\n  webhook_configs:\n  - url: http://hooks.test/\n"
	for name, c := range map[string]struct {
		config alerting.Config
		want   []string
	}{
		"unknown key of a channel": {
			alerting.Config{Receivers: pathed("- name: ops\n  slack_configs:\n  - api_url: http://hooks.test/\n    chanel: x\n")},
			[]string{`receivers[0].slack_configs[0].chanel: unknown key "chanel"; did you mean "channel"?`},
		},
		"unknown kind of channel": {
			alerting.Config{Receivers: pathed("- name: ops\n  slak_configs:\n  - channel: x\n")},
			[]string{`receivers[0].slak_configs: unknown key "slak_configs"; did you mean "slack_configs"?`},
		},
		"two mistakes": {
			alerting.Config{Receivers: pathed(ops), Route: pathed("receiver: ops\ngroup_wit: 5s\nroutes:\n- recever: ops\n")},
			[]string{`route.group_wit: unknown key "group_wit"; did you mean "group_wait"?`, `route.routes[0].recever: unknown key "recever"; did you mean "receiver"?`},
		},
		"a channel without what it needs": {
			alerting.Config{Receivers: pathed(ops + "- name: mail\n  email_configs:\n  - to: a@test\n")},
			[]string{`receivers[1].email_configs[0]: no global SMTP smarthost set`},
		},
		"a receiver that is not there": {
			alerting.Config{Receivers: pathed(ops), Route: pathed("receiver: ops\nroutes:\n- receiver: ops\n  routes:\n  - receiver: oops\n")},
			[]string{`route.routes[0].routes[0].receiver: undefined receiver "oops" used in route; did you mean "ops"?`},
		},
		"a name twice": {
			alerting.Config{Receivers: pathed(ops + ops)},
			[]string{`receivers[1].name: notification config name "ops" is not unique`},
		},
		"an interval that is not there": {
			alerting.Config{Receivers: pathed(ops), Route: pathed("receiver: ops\nroutes:\n- mute_time_intervals:\n  - night\n")},
			[]string{`route.routes[0].mute_time_intervals: undefined time interval "night" used in route`},
		},
		"a bad matcher": {
			alerting.Config{Receivers: pathed(ops), Route: pathed("receiver: ops\nroutes:\n- matchers:\n  - a=~(\n")},
			[]string{`route.routes[0]: .*missing closing ).*`},
		},
		"a bad duration": {
			alerting.Config{Receivers: pathed(ops), Route: pathed("receiver: ops\ngroup_wait: soon\n")},
			[]string{`route: not a valid duration string: "soon"`},
		},
		"a bad inhibition": {
			alerting.Config{InhibitRules: pathed("- source_matchers:\n  - a=b\n  target_matchers:\n  - a=~(\n")},
			[]string{`inhibit_rules[0]: .*`},
		},
		"a bad time": {
			alerting.Config{TimeIntervals: pathed("- name: night\n  time_intervals:\n  - times:\n    - start_time: 25:00\n      end_time: 26:00\n")},
			[]string{`time_intervals[0]: .*25:00.*`},
		},
		"a list where a text belongs": {
			alerting.Config{Receivers: pathed("- name:\n  - ops\n")},
			[]string{`receivers[0].name[0]: a list does not belong here`},
		},
		"a secret in a bad address": {
			alerting.Config{Receivers: pathed("- name: ops\n  slack_configs:\n  - api_url: http://hooks test/hush\n    channel: x\n")},
			[]string{`receivers[0].slack_configs[0]: read the URL: invalid character " " in host name`},
		},
		"our own kind": {
			alerting.Config{Receivers: pathed("- name: ops\n  signed_webhook_configs:\n  - urrl: http://hooks.test/\n")},
			[]string{`receivers[0].signed_webhook_configs[0].*urrl.*`},
		},
		"whom a check names": {
			alerting.Config{Receivers: pathed(ops), Named: []alerting.Named{{"ops", "checks[0].alert.to[0]"}, {"opps", "checks[0].alert.to[1]"}, {"slack", "heartbeats[3].to[0]"}}},
			[]string{`checks[0].alert.to[1]: there is no receiver "opps"; did you mean "ops"?`, `heartbeats[3].to[0]: there is no receiver "slack"; receivers are ops`},
		},
		"escalations": {
			alerting.Config{Receivers: pathed(ops), Alerting: alerting.Section{
				ExternalURL: "lapwing.test", History: units.Duration(-time.Hour), GiveUp: units.Duration(-1),
				Escalations: []alerting.Escalation{{To: "opps"}, {After: units.Duration(time.Minute), Match: []string{"severity=critical", "x"}}},
			}},
			[]string{
				`alerting.external_url: "lapwing.test" is no address of a web page; .*`, `alerting.history: .*`, `alerting.give_up: .*`,
				`alerting.escalations[0].after: .*`, `alerting.escalations[0].to: there is no receiver "opps"; did you mean "ops"?`,
				`alerting.escalations[1].to: .*`, `alerting.escalations[1].match[1]: .*`,
			},
		},
		"no file": {
			alerting.Config{Alerting: alerting.Section{ConfigFile: "missing.yml"}, Dir: t.TempDir()},
			[]string{`alerting.config_file: .*no such file.*`},
		},
		"a file and sections": {
			alerting.Config{Receivers: pathed(ops), Route: pathed("receiver: ops\n"), Alerting: alerting.Section{ConfigFile: "a.yml"}},
			[]string{`alerting.config_file: the file takes the place of receivers, route; leave one of them out`},
		},
		"a template": {
			alerting.Config{Templates: []string{"*.tmpl"}, Dir: folder(t, map[string]string{"a.tmpl": "{{ define \"x\" }}"})},
			[]string{`templates: .*`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.config.Validate()
			if len(got) != len(c.want) {
				t.Fatalf("%d problems of %d:\n%v", len(got), len(c.want), got)
			}
			for i, p := range got {
				start, end, loose := strings.Cut(c.want[i], ".*")
				text := p.Error()
				if same := text == c.want[i]; !same && (!loose || !strings.HasPrefix(text, start) || !strings.Contains(text, strings.TrimSuffix(end, ".*"))) {
					t.Errorf("got  %s\nwant %s", text, c.want[i])
				}
				if strings.Contains(p.Error(), "hush") {
					t.Errorf("it tells a secret: %s", p.Error())
				}
			}
			m, err := alerting.New(alerting.Deps{Log: quietLog(), Store: &alertingtest.Memory{}})
			if err != nil {
				t.Fatal(err)
			}
			if commit, err := m.Prepare(c.config); err == nil || commit != nil {
				t.Error("it can be used all the same")
			}
		})
	}
}

// folder is a folder with files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestMistakesInAFileHaveItsLines(t *testing.T) {
	dir := folder(t, map[string]string{
		"am.yml":   "route:\n  receiver: ops\n  group_wit: 5s\nreceivers:\n- name: ops\n",
		"mail.yml": "route:\n  receiver: ops\nreceivers:\n- name: ops\n  email_configs:\n  - to: a@test\n",
		"good.yml": "route:\n  receiver: ops\nreceivers:\n- name: ops\n  webhook_configs:\n  - url_file: url\ntemplates: ['*.tmpl']\n",
		"url":      "http://hooks.test/",
		"a.tmpl":   `{{ define "x" }}y{{ end }}`,
	})
	for file, want := range map[string]string{
		"am.yml":   `alerting.config_file: am.yml:3: unknown key "group_wit"`,
		"mail.yml": `alerting.config_file: mail.yml: receivers[0].email_configs[0]: no global SMTP smarthost set`,
		"good.yml": "",
	} {
		c := alerting.Config{Alerting: alerting.Section{ConfigFile: file}, Dir: dir}
		got := ""
		if err := c.Validate().Err(); err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: got  %s\nwant %s", file, got, want)
		}
	}
}

func TestWithoutConfigurationAlertsAreShown(t *testing.T) {
	d := open(t, &alertingtest.Memory{}, alerting.Config{})
	r := d.Recipients(down("a").Labels)
	if len(r) != 1 || r[0].Receiver != "default" || r[0].Wait != 5*time.Second || r[0].Repeat != 4*time.Hour {
		t.Errorf("recipients: %+v", r)
	}
	if list := d.Receivers(); len(list) != 1 || list[0].Name != "default" {
		t.Errorf("receivers: %+v", list)
	}
}

func TestWithoutARouteTheFirstReceiverGetsEverything(t *testing.T) {
	for text, want := range map[string]string{
		"- name: ops\n- name: shop\n":      "ops",
		"- name: ops\n- name: default\n":   "default",
		"- name: 'a \"b\"'\n- name: ops\n": `a "b"`,
	} {
		d := open(t, &alertingtest.Memory{}, config(map[string]string{"receivers": text}))
		if r := d.Recipients(down("a").Labels); len(r) != 1 || r[0].Receiver != want {
			t.Errorf("%q: %+v", text, r)
		}
		d.stop()
	}
}

func TestWhoIsToldNextIsPreviewed(t *testing.T) {
	c := config(map[string]string{"receivers": "- name: ops\n- name: boss\n"})
	c.Alerting.Escalations = []alerting.Escalation{{Match: []string{`severity="critical"`}, After: units.Duration(10 * time.Minute), To: "boss"}}
	d := open(t, &alertingtest.Memory{}, c)
	if r := d.Recipients(map[string]string{"severity": "critical"}); len(r) != 1 || len(r[0].Escalates) != 1 || r[0].Escalates[0].To != "boss" {
		t.Errorf("critical: %+v", r)
	}
	if r := d.Recipients(map[string]string{"severity": "info"}); len(r) != 1 || len(r[0].Escalates) != 0 {
		t.Errorf("info: %+v", r)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("- name: ops\n  webhook_configs:\n  - url: http://hooks.test/\n", "receiver: ops\nroutes:\n- matchers: [a=b]\n")
	f.Add("- name: ops\n  slack_configs:\n  - channel: x\n", "receiver: oops\n")
	f.Add("- [\n", "a: &a [*a]\n")
	f.Fuzz(func(t *testing.T, receivers, route string) {
		c := alerting.Config{Receivers: verbatim.YAML{Text: receivers}, Route: verbatim.YAML{Text: route}}
		_ = c.Validate()
	})
}
