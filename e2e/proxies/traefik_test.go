package proxies

import (
	"os/exec"
	"testing"

	"lapwing.dev/lapwing/internal/testneeds"
)

func TestBehindTraefik(t *testing.T) {
	traefik := testneeds.Program(t, "traefik")
	tell(t, open(t, proxied{
		name: "traefik", files: []string{"traefik.yaml", "dynamic.yaml"}, deaf: true,
		run: func(_ *testing.T, dir string) *exec.Cmd {
			cmd := exec.Command(traefik, "--configFile=traefik.yaml")
			cmd.Dir = dir
			return cmd
		},
	}))
}
