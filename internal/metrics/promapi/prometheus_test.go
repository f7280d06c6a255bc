package promapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/testneeds"
)

var listening = regexp.MustCompile(`Listening on.*address=(\S+)`)

// A real Prometheus server reads what Lapwing has, by /api/v1/read when it is
// asked and by /federate all the time.
func TestARealPrometheusReadsAndFederates(t *testing.T) {
	program := testneeds.Program(t, "prometheus", "prometheus")
	s := open(t, metrics.Section{})
	now := time.Now()
	for i := range 20 {
		s.put(t, now.Add(time.Duration(i-19)*15*time.Second), map[string]float64{`orders_total{api="orders"}`: float64(10 * i), `federated{api="orders"}`: 7})
	}
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	config := fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s}
remote_read: [{url: %s/prometheus/api/v1/read, read_recent: true}]
scrape_configs:
  - job_name: lapwing
    honor_labels: true
    metrics_path: /prometheus/federate
    params: {'match[]': [federated]}
    static_configs: [{targets: ['%s']}]
`, s.URL, at.Host)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	server := start(t, program, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0")
	want := []struct{ query, answer string }{
		{`increase(orders_total[4m])`, `"metric":{"api":"orders"}`},                     // it has never scraped this one
		{`count_over_time(federated[1m])`, `"metric":{"api":"orders","job":"lapwing"}`}, // and this one has no other instance
		{`up{job="lapwing"}`, `"1"]`},
	}
	for _, w := range want {
		t.Run(w.query, func(t *testing.T) {
			var got string
			for range 100 {
				if got = ask(t, server, w.query); strings.Contains(got, w.answer) {
					return
				}
				time.Sleep(200 * time.Millisecond)
			}
			t.Errorf("%s is missing from %s", w.answer, got)
		})
	}
}

// start starts a program that listens, and returns where.
func start(t *testing.T, program string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, args...) // #nosec G204 -- found by testneeds
	logs, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	where, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(logs)
		for lines.Scan() {
			if found := listening.FindStringSubmatch(lines.Text()); found != nil {
				where <- "http://" + found[1]
				break
			}
		}
		_, _ = io.Copy(io.Discard, logs) //nolint:errcheck // it has ended
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill() //nolint:errcheck // it may have ended
		<-ended
		_ = command.Wait() //nolint:errcheck // it was killed
		http.DefaultClient.CloseIdleConnections()
	})
	select {
	case at := <-where:
		return at
	case <-ended:
		t.Fatal("it ended before it listened")
	case <-time.After(30 * time.Second):
		t.Fatal("it does not listen")
	}
	return ""
}

func ask(t *testing.T, server, query string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+"/api/v1/query?query="+url.QueryEscape(query), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}
