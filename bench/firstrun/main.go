// Command firstrun measures what a new user waits for: from the start of the
// built binary to the first page of `lapwing demo`, and to the last first
// result of `lapwing watch` on an API with an OpenAPI document.
//
//	go run ./bench/firstrun
package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

var (
	apiLine = regexp.MustCompile(`API\s+(http://[^/\s]+)`)
	uiLine  = regexp.MustCompile(`UI\s+(http://\S+)`)
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench/firstrun:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "lapwing-firstrun")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	binary := filepath.Join(dir, "lapwing")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/lapwing") //nolint:gosec // our own program
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	demo := &program{ctx: ctx, binary: binary, dir: dir}
	started := time.Now()
	api, err := demo.start(apiLine, "demo", "--listen", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer demo.stop()
	if err := demo.firstPage(); err != nil {
		return err
	}
	fmt.Printf("lapwing demo: overview after        %s\n", time.Since(started).Round(time.Millisecond))

	watch := &program{ctx: ctx, binary: binary, dir: dir}
	started = time.Now()
	// watch says where its pages are after the first result of every check.
	if _, err := watch.start(uiLine, "watch", api, "--listen", "127.0.0.1:0"); err != nil {
		return err
	}
	defer watch.stop()
	fmt.Printf("lapwing watch: all first results after %s\n", time.Since(started).Round(time.Millisecond))
	return nil
}

// program is one run of the binary.
type program struct {
	ctx    context.Context //nolint:containedctx // the benchmark's whole life
	binary string
	dir    string
	cmd    *exec.Cmd
	ui     string
}

// start runs the binary until it has said where its pages are and what until
// asks for; that is returned.
func (p *program) start(until *regexp.Regexp, args ...string) (string, error) {
	p.cmd = exec.CommandContext(p.ctx, p.binary, args...) //nolint:gosec // our own program
	p.cmd.Dir = p.dir
	out, err := p.cmd.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := p.cmd.Start(); err != nil {
		return "", err
	}
	lines := bufio.NewScanner(out)
	found := ""
	for lines.Scan() {
		if m := uiLine.FindStringSubmatch(lines.Text()); m != nil {
			p.ui = m[1]
		}
		if m := until.FindStringSubmatch(lines.Text()); m != nil {
			found = m[1]
		}
		if p.ui != "" && found != "" {
			go func() {
				for lines.Scan() { // keep the pipe empty
				}
			}()
			return found, nil
		}
	}
	return "", fmt.Errorf("lapwing %v ended early", args)
}

func (p *program) firstPage() error {
	request, err := http.NewRequestWithContext(p.ctx, http.MethodGet, p.ui, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // the status is enough
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the overview answered %s", response.Status)
	}
	return nil
}

func (p *program) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt) //nolint:errcheck // it may have ended
	_ = p.cmd.Wait()                       //nolint:errcheck // it was told to end
}
