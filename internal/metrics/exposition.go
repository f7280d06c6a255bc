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

// Everything emits what a registry has and then what the sources have: all that
// /metrics shows. What the registry cannot gather is told to failed, and the rest
// goes on; failed and gatherer may be nil.
func Everything(gatherer prometheus.Gatherer, sources []Source, failed func(error)) Source {
	return func(emit func(*dto.MetricFamily) error) error {
		if gatherer != nil {
			families, err := gatherer.Gather()
			if err != nil && failed != nil {
				failed(err)
			}
			for _, family := range families {
				if err := emit(family); err != nil {
					return err
				}
			}
		}
		for _, source := range sources {
			if err := source(emit); err != nil {
				return err
			}
		}
		return nil
	}
}

// Handler answers a scrape with the registry's families and then the sources'.
// Families are written one by one: a scrape of thousands of checks never holds
// more than one family in memory.
func Handler(log *slog.Logger, registry prometheus.Gatherer, sources ...Source) http.Handler {
	everything := Everything(registry, sources, func(err error) { log.Warn("some metrics could not be gathered", "error", err) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
		w.Header().Set("Content-Type", string(format))
		encoder := expfmt.NewEncoder(w, format)
		if everything(encoder.Encode) != nil {
			return // the client went away
		}
		if closer, ok := encoder.(expfmt.Closer); ok {
			_ = closer.Close() //nolint:errcheck // only a client that went away
		}
	})
}
