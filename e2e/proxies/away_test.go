package proxies

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/testneeds"
)

// Each example is closed while Lapwing is away, and says how to open it.
func TestOpenWhileLapwingIsAway(t *testing.T) {
	nginx := testneeds.Program(t, "nginx", "nginx", "/usr/sbin/nginx")
	haproxy := testneeds.Program(t, "haproxy", "haproxy", "/usr/sbin/haproxy")
	for _, p := range []proxied{
		{
			name: "nginx", files: []string{"nginx.conf"}, run: func(_ *testing.T, dir string) *exec.Cmd { return nginxIn(nginx, dir) },
			changed: []string{"# error_page 502 504", "error_page 502 504"},
		},
		{
			name: "haproxy", files: []string{"haproxy.cfg", "lapwing.lua"}, run: func(_ *testing.T, dir string) *exec.Cmd { return haproxyIn(haproxy, dir) },
			changed: []string{"    lua-load-per-thread", "    setenv LAPWING_AWAY open\n    lua-load-per-thread"},
		},
	} {
		t.Run(p.name, func(t *testing.T) {
			s := open(t, p)
			if res, text := s.must(http.MethodGet, "/private/x", ""); res.StatusCode != http.StatusUnauthorized {
				t.Errorf("while it is there: %s: %s", res.Status, text)
			}
			s.stop()
			res, text := s.must(http.MethodGet, "/private/x", "", "X-Lapwing-User", "admin")
			if res.StatusCode != http.StatusOK || res.Header.Get("X-Api-Server") != "default" || strings.Contains(text, "admin") {
				t.Errorf("while it is away: %s: %s", res.Status, text)
			}
		})
	}
}
