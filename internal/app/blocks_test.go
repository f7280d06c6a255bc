package app

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/limits/redistest"
)

// TestServersShareBlocks: what is blocked on one is blocked on the other.
func TestServersShareBlocks(t *testing.T) {
	text := check("a") + "redis: \"" + redistest.Start(t).URL() + "\"\n"
	one, other := running(t, Options{ConfigFile: file(t, text)}), running(t, Options{ConfigFile: file(t, text)})
	if _, err := one.Blocks().Add(t.Context(), blocks.Spec{Target: "203.0.113.7"}, "anna"); err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		if _, hit := other.Blocks().Find(netip.MustParseAddr("203.0.113.7"), ""); hit {
			return
		}
		time.Sleep(10 * time.Millisecond) // other processes cannot be waited for otherwise
	}
	t.Error("the other server does not hear of it")
}

// TestNobodyBlocksThisMachine: from its addresses its own checks come.
func TestNobodyBlocksThisMachine(t *testing.T) {
	s := running(t, Options{ConfigFile: file(t, check("a")+
		"apis: [{name: orders, url: \"http://198.51.100.8:1\"}]\ngateway: {trusted_proxies: [192.0.2.0/24], routes: [{api: orders, path: /, upstreams: {default: \"http://198.51.100.9:1\"}}]}\n"), Gateway: "127.0.0.1:0"})
	wanted := []string{"127.0.0.1", "192.0.2.8", "198.51.100.8", "198.51.100.9"}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok {
			wanted = append(wanted, network.IP.String())
		}
	}
	for _, target := range wanted {
		if _, err := s.Blocks().Add(t.Context(), blocks.Spec{Target: target}, "anna"); fault.KindOf(err) != fault.KindConflict {
			t.Errorf("%s: %v", target, err)
		}
	}
}
