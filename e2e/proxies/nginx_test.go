package proxies

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"lapwing.dev/lapwing/internal/testneeds"
)

func TestBehindNginx(t *testing.T) {
	nginx := testneeds.Program(t, "nginx", "nginx", "/usr/sbin/nginx")
	tell(t, open(t, proxied{
		name: "nginx", files: []string{"nginx.conf"},
		run: func(_ *testing.T, dir string) *exec.Cmd { return nginxIn(nginx, dir) },
	}))
}

func nginxIn(nginx, dir string) *exec.Cmd {
	global := "daemon off;"
	if os.Geteuid() == 0 {
		global += " user root;" // else its workers cannot write into the test's folder
	}
	return exec.Command(nginx, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-g", global)
}
