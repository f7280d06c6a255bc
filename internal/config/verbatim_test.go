package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/config"
)

// What stands in another product's language reaches its parser with the same
// meaning, a value on each line, and each line knows where it came from.
func TestAPartForAnotherProductIsHandedOn(t *testing.T) {
	const file = `
apis: [{name: a, url: "http://127.0.0.1:1"}]
x-hook: &hook {url: "http://127.0.0.1:2/${NAME}", max_alerts: 5}
receivers:
  - name: ${NAME}
    webhook_configs:
      - <<: *hook
        send_resolved: yes
        http_config: {}
  - name: "12"
    odd key: [1, "1", null, 5m, "a: b # c", '{{ .Labels }}', []]
    text: |
      two
      lines
  - name: relabelled
    replacement: ${1}-$2
`
	loaded, err := config.Parse("lapwing.yaml", []byte(file), func(name string) (string, bool) { return "007", name == "NAME" })
	if err != nil {
		t.Fatal(err)
	}
	part := loaded.File.Receivers
	lines := strings.Split(strings.TrimSuffix(part.Text, "\n"), "\n")
	if len(lines) != len(part.Paths) {
		t.Fatalf("%d lines have %d paths:\n%s", len(lines), len(part.Paths), part.Text)
	}
	var got []string
	for i, line := range lines {
		got = append(got, line+"  ← "+part.Path(i+1))
	}
	expected := []string{
		`-  ← [0]`,
		`  name: "007"  ← [0].name`,
		`  webhook_configs:  ← [0].webhook_configs`,
		`    -  ← [0].webhook_configs[0]`,
		`      send_resolved: yes  ← [0].webhook_configs[0].send_resolved`,
		`      http_config: {}  ← [0].webhook_configs[0].http_config`,
		`      url: "http://127.0.0.1:2/007"  ← [0].webhook_configs[0].url`,
		`      max_alerts: 5  ← [0].webhook_configs[0].max_alerts`,
		`-  ← [1]`,
		`  name: "12"  ← [1].name`,
		`  "odd key":  ← [1].odd key`,
		`    - 1  ← [1].odd key[0]`,
		`    - "1"  ← [1].odd key[1]`,
		`    - null  ← [1].odd key[2]`,
		`    - "5m"  ← [1].odd key[3]`,
		`    - "a: b # c"  ← [1].odd key[4]`,
		`    - "{{ .Labels }}"  ← [1].odd key[5]`,
		`    - []  ← [1].odd key[6]`,
		`  text: "two\nlines\n"  ← [1].text`,
		`-  ← [2]`,
		`  name: "relabelled"  ← [2].name`,
		`  replacement: "${1}-$2"  ← [2].replacement`,
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Errorf("the part (-want +got):\n%s", diff)
	}
	if under := part.Under("receivers"); !strings.HasPrefix(under, "receivers:\n  -\n    name: \"007\"\n") {
		t.Errorf("under its key:\n%s", under)
	}
}

func TestAPartForAnotherProductHasPlacesToo(t *testing.T) {
	_, err := config.Parse("lapwing.yaml", []byte("receivers:\n  - name: a\n    webhook_configs: [{url: \"${MISSING}\"}]\n"), nil)
	if err == nil || !strings.Contains(err.Error(), `lapwing.yaml:3:29: receivers[0].webhook_configs[0].url: environment variable MISSING is not set`) {
		t.Errorf("a variable that is not set: %v", err)
	}
}
