package checks

import (
	"fmt"
	"log/slog"
	"testing"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/units"
)

// BenchmarkLoad validates 5,000 checks and makes them ready, as each start and
// reload does: all with the same assertions, and each with its own.
func BenchmarkLoad(b *testing.B) {
	for name, latency := range map[string]string{"same": "latency < 5s", "own": "latency < %dms"} {
		b.Run(name, func(b *testing.B) {
			cfg := Config{Dir: b.TempDir()}
			for i := range 5000 {
				text := latency
				if name == "own" {
					text = fmt.Sprintf(latency, i+1)
				}
				cfg.Checks = append(cfg.Checks, Check{
					Name: fmt.Sprintf("check-%d", i), URL: fmt.Sprintf("http://api.example.com/orders/%d", i),
					Every: units.Duration(10e9), Assert: []Assertion{{Expr: "status == 200"}, {Expr: text}},
				})
			}
			m := New(Deps{Log: slog.New(slog.DiscardHandler), Store: newMemory(), HTTP: probe.NewHTTP(probe.Options{}), Health: &health.Registry{}})
			for b.Loop() {
				validator := Validator{Dir: cfg.Dir}
				for i := range cfg.Checks {
					if err := validator.Validate(&cfg.Checks[i]).Err(); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := m.Prepare(cfg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
