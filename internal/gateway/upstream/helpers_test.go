package upstream_test

import (
	"log/slog"
	"net/netip"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

var loopback = netip.MustParseAddr("127.0.0.1")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func itoa(n int) string { return strconv.Itoa(n) }
