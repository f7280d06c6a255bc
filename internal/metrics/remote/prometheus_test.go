package remote_test

import (
	"fmt"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"lapwing.dev/lapwing/internal/metrics/remote"
)

func TestAPrometheusServerWritesToUs(t *testing.T) {
	db := openDB(t, t.TempDir())
	receiver := remote.NewReceiver(quiet(), db.Appendable())
	server := httptest.NewServer(receiver)
	defer server.Close()
	address := freeAddress(t)
	startPrometheus(t, t.TempDir(), fmt.Sprintf(`
global: {scrape_interval: 1s, external_labels: {n: theirs}}
scrape_configs: [{job_name: itself, static_configs: [{targets: [%q]}]}]
remote_write: [{url: %q, send_native_histograms: true, send_exemplars: true, queue_config: {batch_send_deadline: 1s}}]
`, address, server.URL), address)
	eventually(t, "samples of its own scrape arrive", func() bool {
		return len(stored(t, db, "up")["theirs"]) >= 2 && len(stored(t, db, "prometheus_build_info")["theirs"]) >= 2
	})
	for at, v := range stored(t, db, "up")["theirs"] {
		if v != 1 {
			t.Errorf("up is %v at %d", v, at)
		}
	}
}

// ours is a series of our own.
func ours(n int) labels.Labels {
	return labels.FromStrings(model.MetricNameLabel, "ours", "n", strconv.Itoa(n))
}

func TestWeWriteToAPrometheusServer(t *testing.T) {
	db := openDB(t, t.TempDir())
	p := startPrometheus(t, t.TempDir(), "", "127.0.0.1:0", "--web.enable-remote-write-receiver")
	r := sender(t, db, "- url: "+p.url+"/api/v1/write\n  queue_config: {batch_send_deadline: 100ms}\n")
	run(t, r)
	begin := time.Now()
	sent := 0
	eventually(t, "what is stored arrives as it comes", func() bool {
		store(t, db, time.Now(), float64(sent), ours(1))
		sent++
		return len(p.has(t, `ours{region="eu"}[1h]`)["1"]) > 3
	})
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("the queue is not told when something is written: it took %s", took)
	}
}

// TestNothingIsLost is about what remote write of Prometheus itself loses: what
// was not sent when it stops, and what came while it was away.
func TestNothingIsLostWhenTheReceiverAndWeAreStartedAnew(t *testing.T) {
	dir, theirs, address := t.TempDir(), t.TempDir(), freeAddress(t)
	config := "- url: http://" + address + "/api/v1/write\n  queue_config: {batch_send_deadline: 50ms, min_shards: 3, max_backoff: 200ms}\n"
	want := map[string]int{}
	samples := 0
	p := startPrometheus(t, theirs, "", address, "--web.enable-remote-write-receiver")
	db := openDB(t, dir)
	stop := run(t, sender(t, db, config))
	add := func() {
		t.Helper()
		samples++
		for n := range 20 {
			store(t, db, time.Now(), float64(samples), ours(n))
			want[strconv.Itoa(n)]++
		}
	}
	arrived := func() bool {
		has := p.has(t, "ours[1h]")
		for n, count := range want {
			if len(has[n]) != count {
				return false
			}
		}
		return true
	}
	// The queue leaves out what is older than its beginning, so wait for that.
	eventually(t, "the queue has begun", func() bool {
		store(t, db, time.Now(), 0, labels.FromStrings(model.MetricNameLabel, "begun"))
		return len(p.has(t, "begun[1h]")) > 0
	})
	for range 20 {
		add()
		time.Sleep(time.Millisecond)
	}
	eventually(t, "the first samples arrive", arrived)

	p.kill()
	for range 20 { // while the receiver is away
		add()
		time.Sleep(time.Millisecond)
	}
	stop()         // and then we go as well, with all of that unsent
	for range 20 { // and are away while more is stored
		add()
		time.Sleep(time.Millisecond)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db = openDB(t, dir)
	stop = run(t, sender(t, db, config))
	for range 20 { // back, and the receiver is not
		add()
		time.Sleep(time.Millisecond)
	}
	p = startPrometheus(t, theirs, "", address, "--web.enable-remote-write-receiver")
	for range 20 {
		add()
		time.Sleep(time.Millisecond)
	}
	eventually(t, "everything has arrived", arrived)
	for range 20 { // from now on by the queue again
		add()
		time.Sleep(20 * time.Millisecond)
	}
	eventually(t, "what comes after arrives too", arrived)
	stop()
}
