package otlp_test

import (
	"context"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// nowhere takes every sample that can be, as the TSDB does, and keeps none.
type nowhere struct{}

func (nowhere) AppenderV2(context.Context) storage.AppenderV2 { return nowhere{} }

func (nowhere) Append(_ storage.SeriesRef, _ labels.Labels, _, _ int64, _ float64, h *histogram.Histogram, fh *histogram.FloatHistogram, _ storage.AOptions) (storage.SeriesRef, error) {
	switch {
	case h != nil:
		return 1, h.Validate()
	case fh != nil:
		return 1, fh.Validate()
	}
	return 1, nil
}

func (nowhere) Commit() error { return nil }

func (nowhere) Rollback() error { return nil }
