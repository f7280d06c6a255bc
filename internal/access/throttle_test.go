package access

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheThrottlesMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var throttle loginThrottle
		addr := netip.MustParseAddr("10.0.0.0")
		for range 3 * maxAddresses {
			addr = addr.Next()
			_, _, _ = throttle.take(addr)
			time.Sleep(globalInterval) // so that the limit over all does not stop it
		}
		if n := len(throttle.addresses); n > maxAddresses {
			t.Errorf("%d addresses are remembered, want at most %d", n, maxAddresses)
		}
	})
}

func TestManyAddressesAtOnceShareABucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var throttle loginThrottle
		now := time.Now()
		addr := netip.MustParseAddr("10.0.0.0")
		for range maxAddresses { // all of them busy
			addr = addr.Next()
			throttle.bucket(network(addr), now).add(now, addressInterval, 3)
		}
		for i := range addressBurst + 1 {
			addr = addr.Next()
			_, _, err := throttle.take(addr)
			if (err != nil) != (i == addressBurst) {
				t.Errorf("new address %d: %v", i, err)
			}
		}
		if n := len(throttle.addresses); n != maxAddresses {
			t.Errorf("%d addresses are remembered, want %d", n, maxAddresses)
		}
		time.Sleep(time.Hour)
		if _, _, err := throttle.take(addr.Next()); err != nil || len(throttle.addresses) != 1 {
			t.Errorf("an hour later: %v, %d addresses; want the calm ones forgotten", err, len(throttle.addresses))
		}
	})
}

func TestOneNetworkIsOneParty(t *testing.T) {
	tests := []struct {
		a, b string
		same bool
	}{
		{"2001:db8::1", "2001:db8::ffff:1", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"fe80::1%eth0", "fe80::1%eth1", true},
	}
	for _, test := range tests {
		if same := network(netip.MustParseAddr(test.a)) == network(netip.MustParseAddr(test.b)); same != test.same {
			t.Errorf("%s and %s are one party: %v, want %v", test.a, test.b, same, test.same)
		}
	}
	if network(netip.Addr{}) != (netip.Prefix{}) {
		t.Error("no address is somebody")
	}
}
