package metrics

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// What a series and a sample may be.
const (
	maxLabels     = 64
	maxLabelName  = 256     // bytes
	maxLabelValue = 2 << 10 // bytes
	maxAhead      = 10 * time.Minute
	maxBehind     = time.Hour // what the TSDB would take of a series' next sample; it has no such bound while it is empty
)

// Reasons for which samples are refused. The texts are stable: they are label
// values of lapwing_metrics_refused_total.
const (
	RefusedSeries     = "series_limit" // there are as many series as metrics.series allows
	RefusedLabels     = "labels"       // a name is missing or invalid, a text is not UTF-8, or there are too many or too long ones
	RefusedFuture     = "future"       // more than ten minutes ahead of our clock
	RefusedOld        = "too_old"      // older than what out-of-order samples may be
	RefusedOutOfOrder = "out_of_order" // before the last one of the series, where that is not taken
	RefusedDuplicate  = "duplicate"    // another value for a time that has one
	RefusedHistogram  = "histogram"    // buckets that do not fit each other
	RefusedDisk       = "disk"         // the disk is full, or failed
	refusedOther      = "other"        // anything else that the TSDB has against it
)

// Reasons are all of them, in the order in which they are shown.
var reasons = [...]string{RefusedSeries, RefusedLabels, RefusedFuture, RefusedOld, RefusedOutOfOrder, RefusedDuplicate, RefusedHistogram, RefusedDisk, refusedOther}

// Refusal is the error of a sample that the guard does not let in. Except for a
// full disk, it is a storage.ErrOutOfBounds: sending the same again is in vain,
// and those who send (remote write, scrapes) treat it so, sample by sample.
type Refusal struct {
	Reason string // one of the Refused constants
	Detail string // for people
}

func (r *Refusal) Error() string { return r.Detail }

// Is makes a refusal the error that Prometheus' own code does not repeat.
func (r *Refusal) Is(target error) bool {
	return target == storage.ErrOutOfBounds && r.Reason != RefusedDisk
}

// guard stands before the TSDB. Series are looked at once, when they are made;
// samples by their time.
type guard struct {
	db       *DB
	ready    atomic.Bool // replaying what is on disk is over: that was let in before
	refused  [len(reasons)]atomic.Uint64
	appended atomic.Uint64
	failures atomic.Uint64 // commits
}

var (
	_ storage.Appendable           = (*guard)(nil)
	_ storage.AppendableV2         = (*guard)(nil)
	_ tsdb.SeriesLifecycleCallback = (*guard)(nil)
)

// PreCreation implements tsdb.SeriesLifecycleCallback: an error keeps the series
// from being made.
func (g *guard) PreCreation(ls labels.Labels) error {
	if !g.ready.Load() {
		return nil
	}
	if err := checkLabels(ls); err != nil {
		return err
	}
	if most := g.db.section.Load().Series; g.db.tsdb.Head().NumSeries() >= uint64(most) { // #nosec G115 -- validated
		return &Refusal{RefusedSeries, fmt.Sprintf("there are %d series already, as many as metrics.series allows", most)}
	}
	return nil
}

// PostCreation implements tsdb.SeriesLifecycleCallback.
func (g *guard) PostCreation(labels.Labels) {}

// PostDeletion implements tsdb.SeriesLifecycleCallback.
func (g *guard) PostDeletion(map[chunks.HeadSeriesRef]labels.Labels) {}

// checkLabels says what is wrong with the labels of a series. The texts are cut:
// they end in logs and in answers.
func checkLabels(ls labels.Labels) error {
	n, named := 0, false
	err := ls.Validate(func(l labels.Label) error {
		n++
		switch {
		case n > maxLabels:
			return fmt.Errorf("a series has more than %d labels", maxLabels)
		case len(l.Name) > maxLabelName:
			return fmt.Errorf("the name of a label is longer than %d bytes: %q…", maxLabelName, cut(l.Name))
		case len(l.Value) > maxLabelValue:
			return fmt.Errorf("the value of label %q is longer than %d bytes: %q…", cut(l.Name), maxLabelValue, cut(l.Value))
		case !utf8.ValidString(l.Name) || !utf8.ValidString(l.Value):
			return fmt.Errorf("label %q is not UTF-8: %q", cut(l.Name), cut(l.Value))
		case l.Name == "":
			return errors.New("a label has no name")
		}
		named = named || l.Name == model.MetricNameLabel && l.Value != ""
		return nil
	})
	switch {
	case err != nil:
		return &Refusal{RefusedLabels, err.Error()}
	case !named:
		return &Refusal{RefusedLabels, "a series has no name: label __name__ is missing"}
	}
	return nil
}

func cut(s string) string { return s[:min(len(s), 64)] }

// count notes what kept n samples out.
func (g *guard) count(err error, n uint64) {
	reason := reasonOf(err)
	for i, known := range reasons {
		if known == reason {
			g.refused[i].Add(n)
		}
	}
}

func reasonOf(err error) string {
	var refusal *Refusal
	var shape histogram.Error
	switch {
	case errors.As(err, &refusal):
		return refusal.Reason
	case errors.Is(err, storage.ErrTooOldSample), errors.Is(err, storage.ErrOutOfBounds):
		return RefusedOld
	case errors.Is(err, storage.ErrOutOfOrderSample):
		return RefusedOutOfOrder
	case errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
		return RefusedDuplicate
	case errors.As(err, &shape):
		return RefusedHistogram
	}
	return refusedOther
}

// round is what all samples of one appender are judged by.
type round struct {
	g           *guard
	first, last int64 // times that are taken, in milliseconds
	n           uint64
}

func (g *guard) round() round {
	now := g.db.now()
	return round{g: g, first: now.Add(-maxBehind).UnixMilli(), last: now.Add(maxAhead).UnixMilli()}
}

// admit says what is wrong with a sample of the time t.
func (r *round) admit(t int64) error {
	var refusal *Refusal
	switch {
	case r.g.db.space.full.Load():
		refusal = &Refusal{RefusedDisk, "the disk is full: metrics are not stored until there is room"}
	case t > r.last:
		refusal = &Refusal{RefusedFuture, "the sample is more than 10 minutes ahead of this server's clock"}
	case t < r.first:
		refusal = &Refusal{RefusedOld, "the sample is more than an hour old"}
	default:
		return nil
	}
	r.g.count(refusal, 1)
	return refusal
}

// appended notes what became of an admitted sample, and returns the error by
// which senders know it.
func (r *round) appended(err error) error {
	if err == nil || errors.Is(err, &storage.AppendPartialError{}) {
		r.n++
		return err
	}
	if errors.Is(err, tsdb.ErrInvalidSample) {
		err = &Refusal{RefusedLabels, err.Error()}
	}
	r.g.count(err, 1)
	return err
}

// commit ends the round.
func (r *round) commit(do func() error) error {
	err := do()
	if err != nil {
		r.g.failures.Add(1)
		r.g.count(&Refusal{Reason: RefusedDisk}, r.n)
		r.g.db.writeFailed(err)
		return err
	}
	r.g.appended.Add(r.n)
	if r.n > 0 {
		r.g.db.writeSucceeded()
	}
	return nil
}

// Appender implements storage.Appendable.
func (g *guard) Appender(ctx context.Context) storage.Appender {
	return &appender{Appender: g.db.tsdb.Appender(ctx), round: g.round()}
}

// AppenderV2 implements storage.AppendableV2.
func (g *guard) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return &appenderV2{AppenderV2: g.db.tsdb.AppenderV2(ctx), round: g.round()}
}

type appender struct {
	storage.Appender
	round round
}

func (a *appender) Append(ref storage.SeriesRef, ls labels.Labels, t int64, v float64) (storage.SeriesRef, error) {
	if err := a.round.admit(t); err != nil {
		return 0, err
	}
	ref, err := a.Appender.Append(ref, ls, t, v)
	return ref, a.round.appended(err)
}

func (a *appender) AppendHistogram(ref storage.SeriesRef, ls labels.Labels, t int64, h *histogram.Histogram, fh *histogram.FloatHistogram) (storage.SeriesRef, error) {
	if err := a.round.admit(t); err != nil {
		return 0, err
	}
	ref, err := a.Appender.AppendHistogram(ref, ls, t, h, fh)
	return ref, a.round.appended(err)
}

func (a *appender) AppendExemplar(ref storage.SeriesRef, ls labels.Labels, e exemplar.Exemplar) (storage.SeriesRef, error) {
	if e.Ts > a.round.last {
		return 0, storage.ErrOutOfOrderExemplar
	}
	return a.Appender.AppendExemplar(ref, ls, e)
}

// UpdateMetadata says nothing to the TSDB, which does not keep it.
func (a *appender) UpdateMetadata(ref storage.SeriesRef, _ labels.Labels, _ metadata.Metadata) (storage.SeriesRef, error) {
	return ref, nil
}

func (a *appender) Commit() error { return a.round.commit(a.Appender.Commit) }

type appenderV2 struct {
	storage.AppenderV2
	round round
}

func (a *appenderV2) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, o storage.AppendV2Options) (storage.SeriesRef, error) {
	if err := a.round.admit(t); err != nil {
		return 0, err
	}
	ref, err := a.AppenderV2.Append(ref, ls, st, t, v, h, fh, o)
	return ref, a.round.appended(err)
}

func (a *appenderV2) Commit() error { return a.round.commit(a.AppenderV2.Commit) }
