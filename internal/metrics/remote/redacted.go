package remote

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"lapwing.dev/lapwing/internal/secret"
)

// Prometheus' queue names its receiver's URL in logs and in metrics. The URL may
// hold a password or a token, which is neither's business.

// redacting is a handler that hides secrets in what it hands on. What a queue
// says of samples that it could not send before its end is no error here: they
// are sent after the next start.
type redacting struct {
	slog.Handler
	redactor *atomic.Pointer[secret.Redactor]
}

func (h *redacting) Handle(ctx context.Context, r slog.Record) error {
	level := r.Level
	if level >= slog.LevelWarn && atTheEnd(&r) {
		if level = slog.LevelDebug; !h.Enabled(ctx, level) {
			return nil
		}
	}
	hidden := slog.NewRecord(r.Time, level, h.redactor.Load().Text(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		hidden.AddAttrs(h.hide(a))
		return true
	})
	return h.Handler.Handle(ctx, hidden)
}

// atTheEnd reports whether a queue speaks of samples that its end has cut off.
func atTheEnd(r *slog.Record) (is bool) {
	if strings.HasPrefix(r.Message, "Failed to flush all") {
		return true
	}
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		is = is || ok && errors.Is(err, context.Canceled)
		return !is
	})
	return is
}

func (h *redacting) WithAttrs(attrs []slog.Attr) slog.Handler {
	hidden := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		hidden[i] = h.hide(a)
	}
	return &redacting{h.Handler.WithAttrs(hidden), h.redactor}
}

func (h *redacting) WithGroup(name string) slog.Handler {
	return &redacting{h.Handler.WithGroup(name), h.redactor}
}

func (h *redacting) hide(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString, slog.KindAny:
		return slog.String(a.Key, h.redactor.Load().Text(v.String()))
	default:
		return a
	}
}

// redactedMetrics hands on a registry's metrics, with secrets in labels hidden.
type redactedMetrics struct {
	from     *prometheus.Registry
	redactor *atomic.Pointer[secret.Redactor]
}

// Describe implements prometheus.Collector: which queues there are changes.
func (*redactedMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *redactedMetrics) Collect(to chan<- prometheus.Metric) {
	families, err := c.from.Gather()
	if err != nil {
		to <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
	}
	hidden := c.redactor.Load()
	for _, family := range families {
		for _, m := range family.GetMetric() {
			// The registry's own labels are those of every reader at once.
			names, labels := make([]string, len(m.GetLabel())), make([]*dto.LabelPair, len(m.GetLabel()))
			for i, label := range m.GetLabel() {
				name, text := label.GetName(), hidden.Text(label.GetValue())
				names[i], labels[i] = name, &dto.LabelPair{Name: &name, Value: &text}
			}
			to <- gathered{prometheus.NewDesc(family.GetName(), family.GetHelp(), names, nil), labels, m}
		}
	}
}

// gathered is a metric as a registry gave it.
type gathered struct {
	desc   *prometheus.Desc
	labels []*dto.LabelPair
	dto    *dto.Metric
}

func (m gathered) Desc() *prometheus.Desc { return m.desc }

func (m gathered) Write(to *dto.Metric) error {
	to.Label, to.Gauge, to.Counter, to.Summary = m.labels, m.dto.GetGauge(), m.dto.GetCounter(), m.dto.GetSummary()
	to.Untyped, to.Histogram, to.TimestampMs = m.dto.GetUntyped(), m.dto.GetHistogram(), m.dto.TimestampMs
	return nil
}
