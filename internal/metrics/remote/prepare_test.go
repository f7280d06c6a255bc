package remote_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/remote"
	"lapwing.dev/lapwing/internal/metrics/scrape"
)

func TestMistakesAreFoundBeforeAnythingChanges(t *testing.T) {
	r := remote.New(remote.Deps{Log: quiet()}) // as `config check` does
	for name, tt := range map[string]struct{ text, path, message string }{
		"no URL":                          {"- name: there\n", "remote_write[0]", "url"},
		"an unknown key":                  {"- url: http://a\n- url: http://b\n  tiemout: 1s\n", "remote_write[1].tiemout", "unknown key"},
		"no such protocol":                {"- url: http://a\n  protobuf_message: io.prometheus.write.v9\n", "remote_write[0]", "v9"},
		"a certificate that is not there": {"- url: https://a\n  tls_config: {ca_file: /nowhere/ca.pem}\n", "remote_write[0]", "/nowhere/ca.pem"},
		"a name twice":                    {"- {name: a, url: http://a}\n- {name: a, url: http://b}\n", "remote_write", "multiple"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.Prepare(metrics.Config{RemoteWrite: section(tt.text)})
			problems, ok := errors.AsType[fault.Problems](err)
			if !ok || len(problems) != 1 || problems[0].Path != tt.path || !strings.Contains(problems[0].Message, tt.message) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestCountersOfAllPartsGoTogether(t *testing.T) {
	registry := prometheus.NewRegistry()
	db, err := metrics.Open(t.TempDir(), metrics.Section{}, quiet(), registry, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	scraper, err := scrape.New(scrape.Deps{Log: quiet(), Appendable: db.AppendableV2()})
	if err != nil {
		t.Fatal(err)
	}
	receiver := remote.NewReceiver(quiet(), db.Appendable())
	server := httptest.NewServer(receiver)
	defer server.Close()
	r := sender(t, db, "- url: "+server.URL+"/a\n- url: "+server.URL+"/b\n- url: "+server.URL+"/a\n  headers: {X-Scope-OrgID: two}\n")
	run(t, r)
	registry.MustRegister(scraper.Collectors()...)
	registry.MustRegister(r.Collectors()...)
	registry.MustRegister(receiver.Collectors()...)
	queues := func() (n int) {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "prometheus_remote_storage_shards" {
				n = len(f.GetMetric())
			}
		}
		return n
	}
	eventually(t, "all three queues run", func() bool { return queues() == 3 })
}
