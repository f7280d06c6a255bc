package demo

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/probe"
)

// contracts is what the product wires between checks and catalog.
type contracts struct{ *catalog.Catalog }

func (c contracts) Operation(api, method, path string) (string, bool) {
	o, ok := c.Match(api, method, path)
	return o.String(), ok
}

// configured is the demo's configuration for an API at base.
func configured(t *testing.T, base string) config.File {
	t.Helper()
	loaded, err := config.Parse("demo.yaml", Config(), Environment(base))
	if err != nil {
		t.Fatal(err)
	}
	return loaded.File
}

func TestTheChecksSayWhatTheyAreMeantTo(t *testing.T) {
	server := httptest.NewServer(API(1))
	defer server.Close()
	log := slog.New(slog.DiscardHandler)

	file := configured(t, server.URL)
	operations := catalog.New(catalog.Deps{Log: log})
	commit, err := operations.Prepare(file.APIs, "")
	if err != nil {
		t.Fatal(err)
	}
	commit()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- operations.Run(ctx) }()
	defer func() {
		cancel()
		<-ended
	}()

	prober := probe.NewHTTP(probe.Options{UserAgent: "test"})
	manager := checks.New(checks.Deps{Log: log, HTTP: prober, Contracts: contracts{operations}, Health: &health.Registry{}})
	commit, err = manager.Prepare(checks.Config{Checks: file.Checks, APIs: map[string]string{"shop": server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	commit()

	got := map[string]string{}
	err = manager.RunOnce(t.Context(), nil, 4, func(o checks.Once) {
		got[o.View.ID] = o.Result.Status.String()
		if last := o.Result.Last(); o.Result.Status == checks.Down && o.View.ID == "refunds" {
			got[o.View.ID] += ": " + last.Reason
		} else if o.Result.Status == checks.Down {
			t.Errorf("%s: %s", o.View.ID, last.Reason)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"health": "up", "orders-list": "up", "order-detail": "up", "order-not-found": "up", "items-list": "up", "item-detail": "up",
		"search": "up", "login-journey": "up", "login-refused": "up", "inventory": "up",
		"daily-report": "degraded", "refunds": "down: status = 503; expected status == 200",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
