package untrusted_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"lapwing.dev/lapwing/internal/metrics/untrusted"
)

func TestPlacesAreWaitedForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := untrusted.NewPlaces(1)
		if !places.Take(t.Context()) {
			t.Fatal("the first one got no place")
		}
		if begin := time.Now(); places.Take(t.Context()) || time.Since(begin) != 2*time.Second {
			t.Errorf("the second one waited %s", time.Since(begin))
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if begin := time.Now(); places.Take(gone) || time.Since(begin) != 0 {
			t.Error("one that has gone waited")
		}
		time.AfterFunc(time.Second, places.Leave)
		if !places.Take(t.Context()) {
			t.Error("the place that became free was not taken")
		}
	})
}
