package otlp

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// maxReasons is how many rejections an answer names.
const maxReasons = 5

// outcome is what became of one request.
type outcome struct {
	seen     int // points that came to the store
	rejected int
	first    []string
	broken   error // what keeps everything out for now
}

type outcomeKey struct{}

func (o *outcome) reject(n int, reason string) {
	o.rejected += n
	if len(o.first) < maxReasons {
		o.first = append(o.first, strings.ToValidUTF8(reason, "�"))
	}
}

func (o *outcome) reasons() string { return strings.Join(o.first, "; ") }

// store translates metrics as Prometheus does, and stores them. It implements
// consumer.Metrics; the context holds the outcome.
type store struct{ appendable storage.AppendableV2 }

// Capabilities implements consumer.Metrics.
func (*store) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeMetrics implements consumer.Metrics. An error means that nothing was stored.
func (s *store) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	o, ok := ctx.Value(outcomeKey{}).(*outcome)
	if !ok {
		return errors.New("metrics without an outcome")
	}
	o.seen += md.DataPointCount()
	app := &appender{AppenderV2: s.appendable.AppenderV2(ctx), outcome: o}
	settings := prometheusremotewrite.Settings{
		AddMetricSuffixes:                    config.DefaultOTLPConfig.TranslationStrategy.ShouldAddSuffixes(),
		AllowUTF8:                            !config.DefaultOTLPConfig.TranslationStrategy.ShouldEscape(),
		PromoteResourceAttributes:            prometheusremotewrite.NewPromoteResourceAttributes(config.DefaultOTLPConfig),
		LabelNameUnderscoreSanitization:      true,
		LabelNamePreserveMultipleUnderscores: true,
	}
	_, err := prometheusremotewrite.NewPrometheusConverter(app).FromMetrics(ctx, md, settings)
	if err == nil {
		err = ctx.Err()
	}
	switch {
	case o.broken != nil:
		return errors.Join(o.broken, app.Rollback())
	case ctx.Err() != nil:
		return errors.Join(ctx.Err(), app.Rollback())
	case err != nil: // of single metrics; the others have been appended
		o.reject(1, fmt.Sprintf("%.500s", err))
	}
	if err := app.Commit(); err != nil {
		o.broken = err
		return err
	}
	return nil
}

// appender notes what the TSDB refuses, so that the rest goes on.
type appender struct {
	storage.AppenderV2
	outcome *outcome
}

// Append implements storage.AppenderV2.
func (a *appender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	if a.outcome.broken != nil {
		return 0, nil
	}
	if h != nil && histogram.IsExponentialSchemaReserved(h.Schema) && h.Schema > histogram.ExponentialSchemaMax {
		if err := h.ReduceResolution(histogram.ExponentialSchemaMax); err != nil {
			a.outcome.reject(1, err.Error())
			return 0, nil
		}
	}
	ref, err := a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
	var partial *storage.AppendPartialError
	if _, err = partial.Handle(err); err == nil { // exemplars may be missing: they are examples
		return ref, nil
	}
	if !permanent(err) {
		a.outcome.broken = err
		return 0, nil
	}
	a.outcome.reject(1, fmt.Sprintf("%.200s: %.200s", ls.String(), err))
	return 0, nil
}

// permanent reports whether a sample will be refused however often it comes.
func permanent(err error) bool {
	var shape histogram.Error
	return errors.Is(err, storage.ErrOutOfOrderSample) || errors.Is(err, storage.ErrOutOfBounds) || errors.Is(err, storage.ErrTooOldSample) ||
		errors.Is(err, storage.ErrDuplicateSampleForTimestamp) || errors.As(err, &shape)
}
