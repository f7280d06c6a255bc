package remote

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

const (
	window = 10 * time.Minute // of samples that are read at once; they are sent oldest first
	nearly = 2 * time.Second  // so far behind is caught up
)

// feed sends one receiver from the store what came while the queue could not.
type feed struct {
	*Remote
	to  *receiver
	log *slog.Logger

	at   int64            // everything up to here was sent, in milliseconds
	last map[uint64]int64 // time of the last sample sent of each series, by hash of its labels: windows overlap
	tiny int              // requests that may be spent on finding single samples that are refused
}

func newFeed(r *Remote, to *receiver, from int64) *feed {
	if limit := time.Duration(to.QueueConfig.SampleAgeLimit); limit > 0 {
		from = max(from, time.Now().Add(-limit).UnixMilli())
	}
	return &feed{Remote: r, to: to, log: r.log.With("remote_name", to.Name), at: from, last: map[uint64]int64{}, tiny: 2000}
}

// catchUp sends window after window until nothing is missing. It fails only when
// ctx ends.
func (f *feed) catchUp(ctx context.Context) error {
	begin, from := time.Now(), time.UnixMilli(f.at)
	for overlap := time.Duration(0); ; overlap = tailFor {
		now := time.Now()
		if now.Sub(time.UnixMilli(f.at)) <= nearly {
			f.log.Info("receiver has what it missed", "since", from.UTC().Format(time.RFC3339), "took", time.Since(begin).Round(time.Millisecond).String())
			return nil
		}
		to := min(f.at+window.Milliseconds(), now.UnixMilli())
		if err := f.send(ctx, f.at-overlap.Milliseconds(), to); err != nil {
			return err
		}
		f.at = to
		f.marks.advance(f.to.key, to-tailFor.Milliseconds())
	}
}

// tail sends what is written while the queue begins: the queue leaves out what
// is older than its beginning, which is not known exactly. It fails only when ctx
// ends.
func (f *feed) tail(ctx context.Context) error {
	if err := pause(ctx, 250*time.Millisecond); err != nil { // by then the queue has begun
		return err
	}
	now := time.Now().UnixMilli()
	if err := f.send(ctx, f.at-tailFor.Milliseconds(), now); err != nil {
		return err
	}
	f.at = now
	if err := pause(ctx, tailFor); err != nil {
		return err
	}
	return f.send(ctx, f.at-2*tailFor.Milliseconds(), f.at)
}

// item is one sample on its way.
type item struct {
	series uint64        // hash of its labels in the store
	labels labels.Labels // as the receiver gets it
	t      int64
	v      float64
	h      *histogram.Histogram
	fh     *histogram.FloatHistogram
}

// send reads the samples of a time and sends those that were not sent yet. It
// fails only when ctx ends: a store that cannot be read is asked again.
func (f *feed) send(ctx context.Context, from, to int64) error {
	wait := time.Second
	for {
		err := f.try(ctx, from, to)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		f.log.Error("stored samples cannot be read; trying again", "error", err)
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, time.Minute)
	}
}

func (f *feed) try(ctx context.Context, from, to int64) error {
	querier, err := f.deps.Queryable.Querier(from, to)
	if err != nil {
		return err
	}
	defer func() { _ = querier.Close() }() //nolint:errcheck // it was only read
	matcher := labels.MustNewMatcher(labels.MatchNotEqual, model.MetricNameLabel, "")
	set := querier.Select(ctx, false, nil, matcher)
	builder := labels.NewBuilder(labels.EmptyLabels())
	most := max(1, f.to.QueueConfig.MaxSamplesPerSend)
	var batch []item
	var it chunkenc.Iterator
	for set.Next() {
		series := set.At()
		ls, keep := f.outgoing(builder, series.Labels())
		if !keep {
			continue
		}
		hash := series.Labels().Hash()
		after, known := f.last[hash]
		it = series.Iterator(it)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			one, wanted := f.item(it, kind)
			if one.t < from || one.t > to || !wanted || known && one.t <= after {
				continue
			}
			one.series, one.labels = hash, ls
			if batch = append(batch, one); len(batch) < most {
				continue
			}
			if err := f.deliver(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
		if err := it.Err(); err != nil {
			return err
		}
	}
	if err := set.Err(); err != nil {
		return err
	}
	return f.deliver(ctx, batch)
}

// outgoing are the labels by which a receiver gets a series.
func (f *feed) outgoing(b *labels.Builder, ls labels.Labels) (labels.Labels, bool) {
	b.Reset(ls)
	f.to.labels.Range(func(l labels.Label) {
		if b.Get(l.Name) == "" {
			b.Set(l.Name, l.Value)
		}
	})
	if !relabel.ProcessBuilder(b, f.to.WriteRelabelConfigs...) {
		return labels.EmptyLabels(), false
	}
	return b.Labels(), true
}

// item reads a sample; it is not wanted when the receiver gets none of its kind.
func (f *feed) item(it chunkenc.Iterator, kind chunkenc.ValueType) (one item, wanted bool) {
	switch kind {
	case chunkenc.ValHistogram:
		one.t, one.h = it.AtHistogram(nil)
		return one, f.to.SendNativeHistograms && (!one.h.UsesCustomBuckets() || f.v2())
	case chunkenc.ValFloatHistogram:
		one.t, one.fh = it.AtFloatHistogram(nil)
		return one, f.to.SendNativeHistograms && (!one.fh.UsesCustomBuckets() || f.v2())
	default:
		one.t, one.v = it.At()
		return one, true
	}
}
