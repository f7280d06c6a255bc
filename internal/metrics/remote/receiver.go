package remote

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/storage"

	"lapwing.dev/lapwing/internal/metrics/untrusted"
)

const (
	maxBody   = 32 << 20 // bytes of a request, packed and unpacked
	maxParts  = 500_000  // series, samples, labels and texts of a request
	maxAtOnce = 4        // requests that are decoded at the same time
)

// Receiver takes remote write requests of other servers, of version 1.0 and 2.0.
//
// What is wrong with single samples (out of order, too old, in the future,
// labels that cannot be) does not keep the others out: those are stored, the
// answer is 400 with the reasons, and the sender does not try again. When nothing
// can be stored the answer is 503, nothing has been stored, and it does.
type Receiver struct {
	log        *slog.Logger
	appendable storage.Appendable
	next       http.Handler
	places     untrusted.Places

	stored, refused, invalid, tooLarge, busy, failed atomic.Uint64
}

// NewReceiver returns a handler that stores what it is sent in appendable.
func NewReceiver(log *slog.Logger, appendable storage.Appendable) *Receiver {
	r := &Receiver{log: log.With("part", "remote write receiver"), appendable: appendable, places: untrusted.NewPlaces(maxAtOnce)}
	r.next = remoteapi.NewWriteHandler(r, remoteapi.MessageTypes{remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType},
		remoteapi.WithWriteHandlerMiddlewares()) // the body is unpacked here, within bounds
	return r
}

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "remote write is sent by POST", http.StatusMethodNotAllowed)
		return
	}
	if encoding := q.Header.Get("Content-Encoding"); encoding != "" && encoding != "snappy" {
		r.invalid.Add(1)
		http.Error(w, "the body must be compressed with snappy (block format)", http.StatusUnsupportedMediaType)
		return
	}
	if !r.places.Take(q.Context()) {
		r.busy.Add(1)
		unavailable(w, "too many requests are being read; try again")
		return
	}
	defer r.places.Leave()
	body, err := untrusted.Snappy(http.MaxBytesReader(w, q.Body, maxBody), maxBody)
	if err == nil {
		err = untrusted.Protobuf(body, maxParts)
	}
	if tooLarge, ok := errors.AsType[*untrusted.TooLargeError](err); ok {
		r.tooLarge.Add(1)
		http.Error(w, tooLarge.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		r.invalid.Add(1)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	q = q.Clone(q.Context())
	q.Header.Del("Content-Encoding")
	q.Body = io.NopCloser(bytes.NewReader(body))
	r.next.ServeHTTP(w, q)
}

func unavailable(w http.ResponseWriter, text string) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, text, http.StatusServiceUnavailable)
}

// Store is called by the handler of Prometheus' library with the unpacked body.
func (r *Receiver) Store(q *http.Request, kind remoteapi.WriteMessageType) (*remoteapi.WriteResponse, error) {
	answer := remoteapi.NewWriteResponse()
	fail := func(code int, err error) (*remoteapi.WriteResponse, error) {
		answer.SetStatusCode(code)
		if code == http.StatusServiceUnavailable {
			answer.SetExtraHeader("Retry-After", "5")
		}
		return answer, err
	}
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return fail(http.StatusBadRequest, err)
	}
	b := &batch{app: r.appendable.Appender(q.Context())}
	if kind == remoteapi.WriteV1MessageType {
		err = b.readV1(body)
	} else {
		err = b.readV2(body)
	}
	if err == nil {
		err = b.broken
	}
	if err != nil {
		_ = b.app.Rollback() //nolint:errcheck // nothing was kept either way
		if _, malformed := errors.AsType[*malformedError](err); malformed {
			r.invalid.Add(1)
			return fail(http.StatusBadRequest, err)
		}
		return fail(http.StatusServiceUnavailable, r.cannot(err))
	}
	if err := b.app.Commit(); err != nil {
		return fail(http.StatusServiceUnavailable, r.cannot(err))
	}
	r.stored.Add(uint64(b.samples + b.histograms)) // #nosec G115 -- counts
	r.refused.Add(uint64(b.refused))               // #nosec G115 -- counts
	answer.Add(remoteapi.WriteResponseStats{Samples: b.samples, Histograms: b.histograms, Exemplars: b.exemplars})
	if b.refused > 0 {
		return fail(http.StatusBadRequest, b.reasons())
	}
	return answer, nil
}

// cannot counts and logs what kept samples from being stored, and returns what
// the sender is told: paths and the like are not for it.
func (r *Receiver) cannot(err error) error {
	r.failed.Add(1)
	r.log.Error("samples of remote write cannot be stored", "error", err)
	return errors.New("the samples cannot be stored now; try again later")
}

// permanent reports whether a sample will be refused however often it comes.
func permanent(err error) bool {
	var shape histogram.Error
	return errors.Is(err, storage.ErrOutOfOrderSample) || errors.Is(err, storage.ErrOutOfBounds) || errors.Is(err, storage.ErrTooOldSample) ||
		errors.Is(err, storage.ErrDuplicateSampleForTimestamp) || errors.As(err, &shape)
}

// Collectors returns the receiver's counters, to be registered.
func (r *Receiver) Collectors() []prometheus.Collector {
	counter := func(name, help string, labels prometheus.Labels, value *atomic.Uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 { return float64(value.Load()) })
	}
	const (
		samples  = "Samples that came by remote write."
		requests = "Requests of remote write that were not taken, by reason."
	)
	refused := func(reason string, value *atomic.Uint64) prometheus.Collector {
		return counter("lapwing_remote_write_received_requests_refused_total", requests, prometheus.Labels{"reason": reason}, value)
	}
	return []prometheus.Collector{
		counter("lapwing_remote_write_received_samples_total", samples, prometheus.Labels{"result": "stored"}, &r.stored),
		counter("lapwing_remote_write_received_samples_total", samples, prometheus.Labels{"result": "refused"}, &r.refused),
		refused("invalid", &r.invalid), refused("too_large", &r.tooLarge), refused("busy", &r.busy), refused("failed", &r.failed),
	}
}
