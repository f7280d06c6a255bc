package proxies

import (
	"os/exec"
	"testing"

	"lapwing.dev/lapwing/internal/testneeds"
)

func TestBehindHAProxy(t *testing.T) {
	haproxy := testneeds.Program(t, "haproxy", "haproxy", "/usr/sbin/haproxy")
	tell(t, open(t, proxied{
		name: "haproxy", files: []string{"haproxy.cfg", "lapwing.lua"},
		run: func(_ *testing.T, dir string) *exec.Cmd { return haproxyIn(haproxy, dir) },
	}))
}

func haproxyIn(haproxy, dir string) *exec.Cmd {
	cmd := exec.Command(haproxy, "-f", "haproxy.cfg", "-db")
	cmd.Dir = dir
	return cmd
}
