package delivery_test

import (
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	amconfig "github.com/prometheus/alertmanager/config"

	"lapwing.dev/lapwing/internal/alerting/delivery"
)

// TestTheGuidesReceiversWork builds every receiver that the guide shows.
func TestTheGuidesReceiversWork(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "guides", "notifications.md"))
	if err != nil {
		t.Fatal(err)
	}
	variable := regexp.MustCompile(`\$\{[A-Z_]+\}`)
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	if len(blocks) < 10 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "\n```")
		name, _, _ := strings.Cut(strings.TrimSpace(strings.SplitN(block, "receivers:", 2)[1]), "\n")
		t.Run(name, func(t *testing.T) {
			if before, _, own := strings.Cut(block, "\nalerting:"); own {
				_, block, _ = strings.Cut("\n"+before, "\nreceivers:")
				block = "receivers:" + block
			}
			block = variable.ReplaceAllStringFunc(block, func(v string) string {
				switch {
				case strings.HasSuffix(v, "_URL}"):
					return "http://127.0.0.1:8000/secret"
				case v == "${HOOK_SECRET}":
					return testSecret
				}
				return "value"
			})
			if !strings.Contains(block, "route:") {
				block += "\nroute: {receiver: " + strings.TrimPrefix(name, "- name: ") + "}\n"
			}
			rest, own, problems := delivery.Split(block)
			if problems != nil {
				t.Fatal(problems)
			}
			conf, err := amconfig.Load(rest)
			if err != nil {
				t.Fatalf("%s in\n%s", err, rest)
			}
			tmpl, err := delivery.Templates(nil, &url.URL{})
			if err != nil {
				t.Fatal(err)
			}
			if problems := own.Validate(tmpl, t.TempDir()); problems != nil {
				t.Fatal(problems)
			}
			o := delivery.New(delivery.Deps{Log: slog.New(slog.DiscardHandler), Store: newMemory(), Alerts: newWorld()})
			r, err := o.Build(conf.Receivers, own, tmpl)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range conf.Receivers {
				if len(r.Kinds(c.Name)) == 0 {
					t.Errorf("%s has no channel", c.Name)
				}
			}
		})
	}
}
