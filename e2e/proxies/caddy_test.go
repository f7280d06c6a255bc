package proxies

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"lapwing.dev/lapwing/internal/testneeds"
)

func TestBehindCaddy(t *testing.T) { tell(t, open(t, behindCaddy(t))) }

// Some versions of Caddy may send an inquiry to the API, on a connection that
// they have mistaken for one to Lapwing. The API's 200 is not a permission.
func TestCaddyTakesNobodyElsesWord(t *testing.T) {
	p := behindCaddy(t)
	p.misled = true
	s := open(t, p)
	res, text := s.must(http.MethodGet, "/plain/x", "", "X-Lapwing-Verdict", "allow")
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("X-Api-Server") != "" {
		t.Errorf("the API answered the inquiry, and the request got %s: %s", res.Status, text)
	}
}

func behindCaddy(t *testing.T) proxied {
	caddy := testneeds.Program(t, "caddy")
	return proxied{
		name: "caddy", files: []string{"Caddyfile"},
		run: func(_ *testing.T, dir string) *exec.Cmd {
			cmd := exec.Command(caddy, "run", "--config", filepath.Join(dir, "Caddyfile"), "--adapter", "caddyfile")
			cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
			return cmd
		},
	}
}
