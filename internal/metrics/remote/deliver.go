package remote

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/golang/snappy"
	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	promremote "github.com/prometheus/prometheus/storage/remote"
)

// waiting is how long to wait where a receiver refuses us, not our samples.
const waiting = 10 * time.Second

// deliver sends a batch, as often as it takes. A batch that the receiver refuses
// for good is sent in parts, the older ones apart from the newer ones: of what
// is sent once more after a restart a receiver may already have the first half,
// and some refuse the whole for it. It fails only when ctx ends.
func (f *feed) deliver(ctx context.Context, batch []item) error {
	if len(batch) == 0 {
		return nil
	}
	slices.SortStableFunc(batch, func(a, b item) int { return cmp.Compare(a.t, b.t) })
	refused, err := f.push(ctx, batch)
	switch {
	case err != nil:
		return err
	case refused == nil:
		f.resumed.WithLabelValues(f.to.Name).Add(float64(len(batch)))
	case len(batch) > 1 && (batch[0].t != batch[len(batch)-1].t || f.tiny > 0):
		middle := split(batch)
		if batch[0].t == batch[len(batch)-1].t {
			f.tiny--
		}
		if err := f.deliver(ctx, batch[:middle]); err != nil {
			return err
		}
		return f.deliver(ctx, batch[middle:])
	default:
		f.refused.WithLabelValues(f.to.Name).Add(float64(len(batch)))
		f.log.Debug("samples were refused", "samples", len(batch), "error", refused)
	}
	for i := range batch {
		f.last[batch[i].series] = max(f.last[batch[i].series], batch[i].t)
	}
	return nil
}

// split returns where to cut a batch that is ordered by time: between two times
// when there are two, as near to the middle as can be.
func split(batch []item) int {
	middle := len(batch) / 2
	first, _ := slices.BinarySearchFunc(batch, batch[middle].t, func(one item, t int64) int { return cmp.Compare(one.t, t) })
	if first > 0 {
		return first
	}
	after, _ := slices.BinarySearchFunc(batch, batch[middle].t+1, func(one item, t int64) int { return cmp.Compare(one.t, t) })
	if after < len(batch) {
		return after
	}
	return middle
}

var status = regexp.MustCompile(`^server returned HTTP status (\d{3})`)

// push sends a batch until the receiver took it, or refused it for good.
func (f *feed) push(ctx context.Context, batch []item) (refused, err error) {
	body, err := f.encode(batch)
	if err != nil {
		return err, nil //nolint:nilerr // a batch that cannot be written is refused
	}
	q := &f.to.QueueConfig
	wait := time.Duration(q.MinBackoff)
	for attempt := 0; ; attempt++ {
		_, err := f.to.client.Store(ctx, body, attempt)
		switch {
		case err == nil:
			return nil, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		pausing := wait
		if _, passing := errors.AsType[promremote.RecoverableError](err); !passing {
			if !aboutUs(err) {
				return err, nil
			}
			pausing = waiting
		}
		f.log.Log(ctx, level(attempt), "receiver does not take what it missed; trying again", "error", err, "attempt", attempt+1)
		if err := pause(ctx, pausing); err != nil {
			return nil, err
		}
		wait = min(2*wait, time.Duration(q.MaxBackoff))
	}
}

// aboutUs reports whether an answer is about who sends, or how often, and not
// about what is sent: a key that expired will be replaced, and what came
// meanwhile is wanted.
func aboutUs(err error) bool {
	m := status.FindStringSubmatch(err.Error())
	return m != nil && slices.Contains([]string{"401", "402", "403", "404", "407", "408", "425", "429"}, m[1])
}

func (f *feed) v2() bool { return f.to.ProtobufMessage == remoteapi.WriteV2MessageType }

// encode writes a batch in the receiver's version of the protocol.
func (f *feed) encode(batch []item) ([]byte, error) {
	var (
		body []byte
		err  error
	)
	if f.v2() {
		body, err = encodeV2(batch)
	} else {
		body, err = encodeV1(batch)
	}
	if err != nil {
		return nil, err
	}
	return snappy.Encode(nil, body), nil
}

func encodeV1(batch []item) ([]byte, error) {
	q := prompb.WriteRequest{Timeseries: make([]prompb.TimeSeries, len(batch))}
	for i := range batch {
		one, ts := &batch[i], &q.Timeseries[i]
		ts.Labels = prompb.FromLabels(one.labels, nil)
		switch {
		case one.h != nil:
			ts.Histograms = []prompb.Histogram{prompb.FromIntHistogram(one.t, one.h)}
		case one.fh != nil:
			ts.Histograms = []prompb.Histogram{prompb.FromFloatHistogram(one.t, one.fh)}
		default:
			ts.Samples = []prompb.Sample{{Timestamp: one.t, Value: one.v}}
		}
	}
	return q.Marshal()
}

func encodeV2(batch []item) ([]byte, error) {
	symbols := writev2.NewSymbolTable()
	q := writev2.Request{Timeseries: make([]writev2.TimeSeries, len(batch))}
	for i := range batch {
		one, ts := &batch[i], &q.Timeseries[i]
		ts.LabelsRefs = symbols.SymbolizeLabels(one.labels, nil)
		switch {
		case one.h != nil:
			ts.Histograms = []writev2.Histogram{writev2.FromIntHistogram(0, one.t, one.h)}
		case one.fh != nil:
			ts.Histograms = []writev2.Histogram{writev2.FromFloatHistogram(0, one.t, one.fh)}
		default:
			ts.Samples = []writev2.Sample{{Timestamp: one.t, Value: one.v}}
		}
	}
	q.Symbols = symbols.Symbols()
	return q.Marshal()
}
