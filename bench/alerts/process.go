package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/state"
)

var errNotInstalled = errors.New("no prometheus-alertmanager in PATH: measured without its peer")

// process is a running server with Alertmanager's API.
type process struct {
	name, api string
	stop      func()
}

// startLapwing starts this program as a server of Lapwing's alerting, in a process
// of its own as its peer.
func startLapwing(ctx context.Context, dir, webhook string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "lapwing.yml")
	if err := os.WriteFile(conf, []byte(configuration(webhook)), 0o600); err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	return start(ctx, "Lapwing", "http://"+address+"/alertmanager", self, "-serve", address, "-dir", dir)
}

// startAlertmanager starts the one that the system has.
func startAlertmanager(ctx context.Context, dir, webhook string) (*process, error) {
	path, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		if path, err = exec.LookPath("alertmanager"); err != nil {
			return nil, errNotInstalled
		}
	}
	conf := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(conf, []byte(configuration(webhook)), 0o600); err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	return start(ctx, "Alertmanager", "http://"+address, path, "--config.file="+conf, "--storage.path="+filepath.Join(dir, "alertmanager"),
		"--web.listen-address="+address, "--cluster.listen-address=", "--log.level=error")
}

// start runs a server and waits until it answers.
func start(ctx context.Context, name, base, program string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // this program, or the system's Alertmanager
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	for range 200 {
		if answers(ctx, base+"/api/v2/status") {
			return &process{name: name, api: base + "/api/v2/alerts", stop: stop}, nil
		}
		select {
		case <-ctx.Done():
			stop()
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	stop()
	return nil, fmt.Errorf("%s does not answer", name)
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// serve is the child: alerting with its store, and its API.
func serve(ctx context.Context, address, dir string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	db, err := state.Open(ctx, filepath.Join(dir, "data"), log)
	if err != nil {
		return err
	}
	defer db.Close()
	m, err := alerting.New(alerting.Deps{Log: log, Store: db.Alerts(), Version: "bench", ExternalURL: func() string { return "http://" + address }})
	if err != nil {
		return err
	}
	commit, err := m.Prepare(alerting.Config{Alerting: alerting.Section{ConfigFile: filepath.Join(dir, "lapwing.yml")}, Dir: dir})
	if err != nil {
		return err
	}
	commit()
	if err := m.Load(ctx); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	mux := http.NewServeMux()
	mux.Handle("/alertmanager/", m.Handler())
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	signals := make(chan error, 1)
	go func() { signals <- server.ListenAndServe() }()
	select {
	case err = <-signals:
	case <-ctx.Done():
	}
	_ = server.Close()
	stop()
	return errors.Join(err, <-done)
}
