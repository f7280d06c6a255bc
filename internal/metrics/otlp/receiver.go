package otlp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"sync/atomic"
	"time"

	deltatocumulative "github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/storage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/metric/noop"

	"lapwing.dev/lapwing/internal/metrics/untrusted"
)

const (
	maxBody    = 16 << 20 // bytes of a request, packed and unpacked
	maxParts   = 500_000  // messages and texts of a request
	maxAtOnce  = 4        // requests that are decoded at the same time
	maxAge     = time.Hour
	maxAhead   = 10 * time.Minute
	maxStreams = 50_000    // series that are sent as deltas
	maxStale   = time.Hour // after which the sum of such a series is forgotten
)

// Receiver takes POST /v1/metrics: protobuf or JSON, plain or gzip. What is
// wrong with single points does not keep the others out; the answer says how
// many were rejected, and why (partial success). When nothing can be stored the
// answer is 503, and the sender tries again.
//
// Deltas are added up, because the TSDB keeps what counts up; the sums are in
// memory, and begin at zero with each start, which a rate does not see.
type Receiver struct {
	log    *slog.Logger
	store  *store
	deltas processor.Metrics // adds up, and hands on to store
	places untrusted.Places

	stored, rejected, invalid, tooLarge, busy, failed atomic.Uint64
}

// NewReceiver returns a handler that stores what it is sent in appendable.
func NewReceiver(log *slog.Logger, appendable storage.AppendableV2) (*Receiver, error) {
	r := &Receiver{log: log.With("part", "otlp receiver"), store: &store{appendable: appendable}, places: untrusted.NewPlaces(maxAtOnce)}
	factory := deltatocumulative.NewFactory()
	settings := processor.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: component.TelemetrySettings{MeterProvider: noop.NewMeterProvider()}}
	var err error
	r.deltas, err = factory.CreateMetrics(context.Background(), settings, &deltatocumulative.Config{MaxStale: maxStale, MaxStreams: maxStreams}, r.store)
	if err != nil {
		return nil, fmt.Errorf("make what adds up deltas: %w", err)
	}
	return r, nil
}

// Run forgets sums of series that do not come any more, until ctx ends.
func (r *Receiver) Run(ctx context.Context) error {
	if err := r.deltas.Start(ctx, nil); err != nil {
		return fmt.Errorf("start what adds up deltas: %w", err)
	}
	<-ctx.Done()
	return r.deltas.Shutdown(context.WithoutCancel(ctx))
}

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "OTLP is sent by POST", http.StatusMethodNotAllowed)
		return
	}
	kind, _, err := mime.ParseMediaType(q.Header.Get("Content-Type"))
	form, known := forms[kind]
	if err != nil || !known {
		r.invalid.Add(1)
		http.Error(w, "the body must be application/x-protobuf or application/json", http.StatusUnsupportedMediaType)
		return
	}
	if !r.places.Take(q.Context()) {
		r.busy.Add(1)
		form.fail(w, http.StatusServiceUnavailable, "too many requests are being read; try again")
		return
	}
	defer r.places.Leave()
	request, err := form.read(w, q)
	if tooLarge, ok := errors.AsType[*untrusted.TooLargeError](err); ok {
		r.tooLarge.Add(1)
		form.fail(w, http.StatusRequestEntityTooLarge, tooLarge.Error())
		return
	}
	if err != nil {
		r.invalid.Add(1)
		form.fail(w, http.StatusBadRequest, err.Error())
		return
	}
	outcome, err := r.take(q.Context(), request)
	if err != nil {
		r.failed.Add(1)
		r.log.Error("metrics of OTLP cannot be stored", "error", err)
		form.fail(w, http.StatusServiceUnavailable, "the metrics cannot be stored now; try again later")
		return
	}
	form.answer(w, outcome)
}

// take stores a request. An error is about everything, and passes.
func (r *Receiver) take(ctx context.Context, request pmetricotlp.ExportRequest) (*outcome, error) {
	md, now := request.Metrics(), time.Now()
	o := &outcome{}
	total := md.DataPointCount()
	untimely(md, now.Add(-maxAge), now.Add(maxAhead), o)
	ctx = context.WithValue(ctx, outcomeKey{}, o)
	var next consumer.Metrics = r.store
	if hasDelta(md) {
		next = r.deltas
	}
	left := md.DataPointCount()
	if left > 0 {
		if err := next.ConsumeMetrics(ctx, md); err != nil {
			if o.broken != nil || ctx.Err() != nil {
				return nil, err
			}
			o.reject(1, err.Error())
		}
		if dropped := left - o.seen - o.rejected; dropped > 0 && o.seen < left && next == consumer.Metrics(r.deltas) {
			o.reject(dropped, "deltas are out of order, or of too many series")
		}
	}
	o.rejected = min(o.rejected, total)
	r.rejected.Add(uint64(o.rejected))       // #nosec G115 -- counts
	r.stored.Add(uint64(total - o.rejected)) // #nosec G115 -- counts
	return o, nil
}

// Collectors returns the receiver's counters, to be registered.
func (r *Receiver) Collectors() []prometheus.Collector {
	counter := func(name, help, label, value string, count *atomic.Uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: prometheus.Labels{label: value}}, func() float64 { return float64(count.Load()) })
	}
	const (
		points   = "Data points that came by OTLP."
		requests = "Requests of OTLP that were not taken, by reason."
	)
	return []prometheus.Collector{
		counter("lapwing_otlp_received_points_total", points, "result", "stored", &r.stored),
		counter("lapwing_otlp_received_points_total", points, "result", "rejected", &r.rejected),
		counter("lapwing_otlp_received_requests_refused_total", requests, "reason", "invalid", &r.invalid),
		counter("lapwing_otlp_received_requests_refused_total", requests, "reason", "too_large", &r.tooLarge),
		counter("lapwing_otlp_received_requests_refused_total", requests, "reason", "busy", &r.busy),
		counter("lapwing_otlp_received_requests_refused_total", requests, "reason", "failed", &r.failed),
	}
}
