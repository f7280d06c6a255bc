package metrics

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// Source emits metric families, one at a time, and stops at emit's first error.
// A family belongs to the consumer as soon as it is emitted.
type Source func(emit func(*dto.MetricFamily) error) error

// Handler answers a scrape with the registry's families and then the sources'.
// Families are written one by one: a scrape of thousands of checks never holds
// more than one family in memory.
func Handler(log *slog.Logger, registry prometheus.Gatherer, sources ...Source) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
		w.Header().Set("Content-Type", string(format))
		encoder := expfmt.NewEncoder(w, format)
		families, err := registry.Gather()
		if err != nil {
			log.Warn("some metrics could not be gathered", "error", err)
		}
		for _, family := range families {
			if encoder.Encode(family) != nil {
				return // the client went away
			}
		}
		for _, source := range sources {
			if source(encoder.Encode) != nil {
				return
			}
		}
		if closer, ok := encoder.(expfmt.Closer); ok {
			_ = closer.Close() //nolint:errcheck // only a client that went away
		}
	})
}
