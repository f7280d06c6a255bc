package proxies

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"lapwing.dev/lapwing/internal/testneeds"
)

func TestBehindCaddy(t *testing.T) {
	caddy := testneeds.Program(t, "caddy")
	tell(t, open(t, proxied{
		name: "caddy", files: []string{"Caddyfile"},
		run: func(_ *testing.T, dir string) *exec.Cmd {
			cmd := exec.Command(caddy, "run", "--config", filepath.Join(dir, "Caddyfile"), "--adapter", "caddyfile")
			cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
			return cmd
		},
	}))
}
