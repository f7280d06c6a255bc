package history

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

func evidence(attempts, steps, body int) *checks.Evidence {
	rng := rand.New(rand.NewPCG(7, 8))
	noise := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('a' + rng.IntN(26))
		}
		return string(b)
	}
	e := &checks.Evidence{Check: "orders", Run: 1_790_000_000_000, TraceID: "4bf92f3577b34da6a3ce929d0e0e4736"}
	for range attempts {
		var a checks.AttemptEvidence
		for range steps {
			a.Steps = append(a.Steps, checks.StepEvidence{
				Name: "list", Curl: "curl http://127.0.0.1:8000/orders",
				Request:    checks.Message{Line: "GET http://127.0.0.1:8000/orders", Headers: []checks.Header{{Name: "Accept", Value: "*/*"}}},
				Response:   &checks.Message{Line: "HTTP/1.1 503 Service Unavailable", Headers: []checks.Header{{Name: "Server", Value: noise(40)}}, Body: noise(body), Size: int64(body)},
				Phases:     probe.Phases{TTFB: 3 * time.Millisecond},
				TLS:        &probe.TLS{Version: "TLS 1.3", Expires: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), DNSNames: []string{"localhost"}},
				Assertions: []checks.Outcome{{Assertion: "status == 200", Detail: "status = 503"}},
				Captured:   map[string]string{"token": "[redacted]"},
				Redirects:  []string{"http://127.0.0.1:8000/"},
			})
		}
		e.Attempts = append(e.Attempts, a)
	}
	return e
}

func TestEvidenceComesBack(t *testing.T) {
	archive, err := NewArchive()
	if err != nil {
		t.Fatal(err)
	}
	want := evidence(2, 3, 4096)
	data, err := archive.Pack(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := archive.Unpack(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestLargeEvidenceIsShortened(t *testing.T) {
	archive, err := NewArchive()
	if err != nil {
		t.Fatal(err)
	}
	huge := evidence(3, 1, 10)
	huge.Attempts[1].Steps[0].Response.Headers = make([]checks.Header, 5000)
	huge.Attempts[1].Steps[0].Response.Headers[0].Value = strings.Repeat("x", 1<<20)
	for name, e := range map[string]*checks.Evidence{
		"many bodies":       evidence(10, 4, 4096),
		"a large header":    huge,
		"many attempts":     evidence(64, 3, 4096),
		"hundreds of steps": evidence(64, 400, 1),
	} {
		t.Run(name, func(t *testing.T) {
			before, _ := json.Marshal(e)
			data, err := archive.Pack(e)
			if err != nil {
				t.Fatal(err)
			}
			got, err := archive.Unpack(data)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := json.Marshal(got)
			if len(text) > MaxEvidence || got.TraceID != e.TraceID || got.Run != e.Run {
				t.Errorf("%d bytes of JSON kept: %.100s", len(text), text)
			}
			if name != "hundreds of steps" && len(got.Attempts) < 2 {
				t.Error("the deciding attempt is not there")
			}
			if after, _ := json.Marshal(e); string(after) != string(before) {
				t.Error("the original was changed")
			}
		})
	}
}

func TestForeignEvidenceIsRefused(t *testing.T) {
	archive, err := NewArchive()
	if err != nil {
		t.Fatal(err)
	}
	bomb := archive.zip.EncodeAll(make([]byte, 50<<20), nil)
	for name, data := range map[string][]byte{
		"nothing": nil, "noise": []byte("noise"), "no JSON": archive.zip.EncodeAll([]byte("{"), nil), "a bomb": bomb,
	} {
		if _, err := archive.Unpack(data); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
