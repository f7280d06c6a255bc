package delivery_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/alerting/delivery"
	"lapwing.dev/lapwing/internal/testneeds"
)

// verifier is what a receiver that has read standardwebhooks.com writes, in another
// language and by another library than the product.
const verifier = `
import base64, hashlib, hmac, sys, json
m = json.load(sys.stdin)
key = base64.b64decode(m["secret"].removeprefix("whsec_"))
signed = m["id"].encode() + b"." + m["timestamp"].encode() + b"." + m["body"].encode()
want = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
sys.exit(0 if hmac.compare_digest(want, m["signature"]) else 1)
`

func TestASignedWebhookIsVerifiedByItsReceiver(t *testing.T) {
	to := newHook(t, says(200, ""))
	s := newStand(t, newMemory(), newWorld(), signedWebhook(to.URL, "    headers: {X-Team: shop}\n"))
	if err := s.notify("g", s.world.fires("A", "operation", "GET /orders/{id}")); err != nil {
		t.Fatal(err)
	}
	body, head := to.bodies()[0], to.heads[0]
	id, stamp, signature := head.Get("webhook-id"), head.Get("webhook-timestamp"), head.Get("webhook-signature")

	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(testSecret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "." + body))
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); signature != want {
		t.Errorf("signature %q; want %q", signature, want)
	}
	if head.Get("X-Team") != "shop" || head.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", head)
	}

	python := testneeds.Program(t, "python3", "python3")
	said, err := json.Marshal(map[string]string{"secret": testSecret, "id": id, "timestamp": stamp, "signature": signature, "body": body})
	if err != nil {
		t.Fatal(err)
	}
	check := exec.CommandContext(t.Context(), python, "-c", verifier)
	check.Stdin = strings.NewReader(string(said))
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("another program does not verify it: %v %s", err, out)
	}
}

func TestTheBodyOfASignedWebhookIsAsItsSchemaSays(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "reference", "signed-webhook.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema openapi3.Schema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	to := newHook(t, says(200, ""))
	s := newStand(t, newMemory(), newWorld(), signedWebhook(to.URL))
	a := s.world.fires("A")
	if err := s.notify("g", a, s.world.fires("B")); err != nil {
		t.Fatal(err)
	}
	if err := s.notify("g", s.world.ends(a)); err != nil {
		t.Fatal(err)
	}
	for _, body := range to.bodies() {
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		if err := schema.VisitJSON(v); err != nil {
			t.Errorf("%s\n%s", err, body)
		}
	}
	var m delivery.Message
	if err := json.Unmarshal([]byte(to.bodies()[1]), &m); err != nil {
		t.Fatal(err)
	}
	if m.Type != "alert.resolved" || m.Data.Alerts[0].Ends == nil || m.Data.Alerts[0].URL != "http://lapwing.test/alerts/"+a.Fingerprint().String() {
		t.Errorf("the end: %+v", m)
	}
}

func TestALaterTryHasTheSameID(t *testing.T) {
	to := newHook(t, says(500, ""), says(200, ""))
	s := newStand(t, newMemory(), newWorld(), signedWebhook(to.URL))
	a := s.world.fires("A")
	if err := s.notify("g", a); err != nil {
		t.Fatal(err)
	}
	s.until("it is delivered", func() bool { return cmp.Equal(s.store.states(), []string{delivery.Delivered}) })
	if err := s.notify("g", s.world.ends(a)); err != nil {
		t.Fatal(err)
	}
	first, second, end := to.heads[0].Get("webhook-id"), to.heads[1].Get("webhook-id"), to.heads[2].Get("webhook-id")
	if first != second || first == "" || end == first {
		t.Errorf("IDs %q, %q, and of other news %q", first, second, end)
	}
}

func TestASignedWebhookWithATemplate(t *testing.T) {
	to := newHook(t, says(200, ""))
	const tmpl = `    template: '{"text": {{ subject . | toJson }}, "n": {{ len .Alerts }}, "to": "{{ .Receiver }}"}'` + "\n"
	s := newStand(t, newMemory(), newWorld(), signedWebhook(to.URL, tmpl))
	if err := s.notify("g", s.world.fires("A")); err != nil {
		t.Fatal(err)
	}
	if got, want := to.bodies()[0], `{"text": "Critical: A is wrong", "n": 1, "to": "team"}`; got != want {
		t.Errorf("body %s; want %s", got, want)
	}
}

func TestMistakesInOurReceivers(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "short"), []byte("whsec_c2hvcnQ="), 0o600); err != nil {
		t.Fatal(err)
	}
	const url0 = "https://example.com/hook"
	for name, c := range map[string]struct{ entry, want string }{
		"no url":          {"{secret: " + testSecret + "}", "receivers[1].signed_webhook_configs[0]: url is missing"},
		"no secret":       {"{url: " + url0 + "}", "receivers[1].signed_webhook_configs[0]: secret is missing"},
		"not http":        {"{url: 'ftp://x/y', secret: " + testSecret + "}", "[0].url: this is no address of a web server"},
		"short secret":    {"{url: " + url0 + ", secret: whsec_c2hvcnQ=}", "[0].secret: it has 5 bytes; Standard Webhooks asks for 24 to 64"},
		"no base64":       {"{url: " + url0 + ", secret: 'whsec_!!!!'}", "[0].secret: it is not whsec_ and base64"},
		"short file":      {"{url: " + url0 + ", secret_file: short}", "[0].secret_file: it has 5 bytes"},
		"no file":         {"{url: " + url0 + ", secret_file: none}", "[0].secret_file: open "},
		"two secrets":     {"{url: " + url0 + ", secret: " + testSecret + ", secret_file: short}", "there is a secret as well"},
		"template syntax": {"{url: " + url0 + ", secret: " + testSecret + ", template: '{{ .Alerts '}", "[0].template: "},
		"template field":  {"{url: " + url0 + ", secret: " + testSecret + ", template: '{{ .Alarms }}'}", "can't evaluate field Alarms"},
		"unknown field":   {"{ulr: x}", `[0].ulr: unknown field "ulr"`},
		"timeout":         {"{url: " + url0 + ", secret: " + testSecret + ", timeout: 2h}", "[0].timeout: it is too long"},
		"header":          {"{url: " + url0 + ", secret: " + testSecret + ", headers: {webhook-id: x}}", "this header is set by the signature"},
		"header's value":  {"{url: " + url0 + ", secret: " + testSecret + `, headers: {X-A: "a\nb"}}`, "this is no header"},
		"no mapping":      {"whatever", "receivers[1].signed_webhook_configs[0]: it is not a mapping"},
	} {
		t.Run(name, func(t *testing.T) {
			text := "route: {receiver: a}\nreceivers:\n- name: a\n- name: b\n  signed_webhook_configs:\n  - " + c.entry + "\n"
			_, own, problems := delivery.Split(text)
			if problems == nil {
				tmpl, err := delivery.Templates(nil, &url.URL{})
				if err != nil {
					t.Fatal(err)
				}
				problems = own.Validate(tmpl, dir)
			}
			if problems == nil || !strings.Contains(problems.Error(), c.want) {
				t.Errorf("it says %v; want %q", problems, c.want)
			}
			if problems != nil && strings.Contains(problems.Error(), "MfKQ9r8") {
				t.Errorf("it shows the secret: %s", problems)
			}
		})
	}
}

func TestSplitLeavesAlertmanagersPart(t *testing.T) {
	const before = `global:
  resolve_timeout: 5m
receivers:
  -
    name: first
    webhook_configs:
      -
        url: http://127.0.0.1/a
  - name: second
    signed_webhook_configs:
      - url: https://example.com/x
        secret: whsec_x
        template: |
          {"a": 1}

          {"b": 2}
      - {url: https://example.com/y, secret: whsec_y}
    # of the next
    slack_configs:
      - channel: '#a'
  - signed_webhook_configs:
    - url: https://example.com/z
    name: third
    desktop_configs:
    - {}
route:
  receiver: first
`
	const after = `global:
  resolve_timeout: 5m
receivers:
  -
    name: first
    webhook_configs:
      -
        url: http://127.0.0.1/a
  - name: second









    slack_configs:
      - channel: '#a'
  -

    name: third


route:
  receiver: first
`
	got, _, problems := delivery.Split(before)
	if problems != nil {
		t.Fatal(problems)
	}
	if diff := cmp.Diff(strings.Split(after, "\n"), trimmed(got)); diff != "" {
		t.Error(diff)
	}
	if _, _, problems := delivery.Split("receivers: [{name: a, desktop_configs: [{}]}]"); problems == nil {
		t.Error("braces are taken for lines")
	}
}

func trimmed(text string) []string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

func FuzzSplit(f *testing.F) {
	f.Add("receivers:\n- name: a\n  signed_webhook_configs:\n  - url: x\n")
	f.Add("receivers:\n- signed_webhook_configs: [{}]\n")
	f.Add("receivers: {a: b}\n")
	f.Add("receivers:\n-\n  desktop_configs:\n  -\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4<<10 {
			return
		}
		rest, _, _ := delivery.Split(text)
		if strings.Count(rest, "\n") != strings.Count(text, "\n") {
			t.Error("the lines have other numbers")
		}
	})
}

func TestATimeoutOfASignedWebhook(t *testing.T) {
	release := make(chan struct{})
	to := newHook(t, says(200, ""))
	to.answers[0] = waits(release)
	t.Cleanup(func() { close(release) })
	s := newStand(t, newMemory(), newWorld(), signedWebhook(to.URL, "    timeout: 50ms\n"))
	start := time.Now()
	err := s.Test(t.Context(), "team")
	if err == nil || err.Error() != "signed_webhook: no answer within 50ms" {
		t.Errorf("error %v", err)
	}
	if time.Since(start) > 5*time.Second {
		t.Error("it took too long")
	}
}
