// Command alerts measures how long an alert takes from being pushed to the API to
// arriving at a webhook, through Lapwing's alerting with its store on disk, beside
// a stock Alertmanager. Both get the same alerts in turns, so that they share the
// machine's noise. Every alert is a group of its own, with group_wait 0.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

func main() {
	alerts := flag.Int("alerts", 500, "how many alerts each gets; with -warm at most 600, the messages that Lapwing sends to one webhook in a minute")
	warm := flag.Int("warm", 50, "how many come before, uncounted")
	child := flag.String("serve", "", "")
	dir := flag.String("dir", "", "")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *child != "" {
		err = serve(ctx, *child, *dir)
	} else {
		err = run(ctx, *alerts, *warm)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "alerts:", err)
		os.Exit(1)
	}
}

// hook is the webhook: it notes when each alert arrives.
type hook struct{ arrived chan arrival }

type arrival struct {
	name string
	at   time.Time
}

// ServeHTTP implements http.Handler.
func (h *hook) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	at := time.Now()
	var m struct {
		Alerts []struct{ Labels map[string]string }
	}
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		return
	}
	for _, a := range m.Alerts {
		h.arrived <- arrival{a.Labels["alertname"], at}
	}
}

// peer is one of those that are measured.
type peer struct {
	name string
	api  string // address of POST /api/v2/alerts
	hook *hook
	took []time.Duration
}

// configuration has every alert in a group of its own, told at once.
func configuration(webhook string) string {
	return fmt.Sprintf(`route:
  receiver: hook
  group_by: ['...']
  group_wait: 0s
  group_interval: 5m
receivers:
  - name: hook
    webhook_configs:
      - url: %s
`, webhook)
}

func run(ctx context.Context, alerts, warm int) error {
	dir, err := os.MkdirTemp("", "lapwing-bench-alerts-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var peers []*peer
	for _, start := range []func(context.Context, string, string) (*process, error){startLapwing, startAlertmanager} {
		h := &hook{arrived: make(chan arrival, 1024)}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
		go func() { _ = server.Serve(l) }()
		defer server.Close()
		p, err := start(ctx, dir, "http://"+l.Addr().String()+"/")
		if errors.Is(err, errNotInstalled) {
			fmt.Fprintln(os.Stderr, "alerts:", err)
			continue
		}
		if err != nil {
			return err
		}
		defer p.stop()
		peers = append(peers, &peer{name: p.name, api: p.api, hook: h})
	}
	for i := range warm + alerts {
		for _, p := range peers {
			took, err := p.push(ctx, fmt.Sprintf("alert-%d", i))
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			if i >= warm {
				p.took = append(p.took, took)
			}
		}
	}
	for _, p := range peers {
		fmt.Printf("%-22s push -> webhook, %d alerts: p50 %s, p99 %s\n", p.name, alerts, quantile(p.took, .5), quantile(p.took, .99))
	}
	if len(peers) == 2 {
		fmt.Printf("%-22s p50 %.2f, p99 %.2f\n", "ratio", ratio(peers, .5), ratio(peers, .99))
	}
	return nil
}

// push sends one alert, and returns how long it took to come out.
func (p *peer) push(ctx context.Context, name string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	now := time.Now()
	body, err := json.Marshal([]map[string]any{{
		"labels":      map[string]string{"alertname": name, "severity": "critical", "api": "orders"},
		"annotations": map[string]string{"summary": "error rate of orders is 23 %"},
		"startsAt":    now, "endsAt": now.Add(time.Hour),
	}})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.api, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	start := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("it answered %s", resp.Status)
	}
	for {
		select {
		case a := <-p.hook.arrived:
			if a.name == name {
				return a.at.Sub(start), nil
			}
		case <-ctx.Done():
			return 0, fmt.Errorf("%s never arrived", name)
		}
	}
}

func quantile(took []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[min(int(float64(len(sorted))*q), len(sorted)-1)].Round(10 * time.Microsecond)
}

func ratio(peers []*peer, q float64) float64 {
	return float64(quantile(peers[0].took, q)) / float64(quantile(peers[1].took, q))
}
