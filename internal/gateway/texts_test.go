package gateway_test

import (
	"log/slog"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/internal/units"
)

func networks(t *testing.T, texts ...string) []gateway.Network {
	t.Helper()
	list := make([]gateway.Network, len(texts))
	for i, text := range texts {
		if err := list[i].UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func sizeOf(n int64) *units.Size {
	s := units.Size(n)
	return &s
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// compareAddr lets cmp compare addresses.
var compareAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
