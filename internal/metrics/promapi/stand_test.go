package promapi_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/cost"
	"lapwing.dev/lapwing/internal/metrics/promapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stand is a server with the API over an empty store.
type stand struct {
	*httptest.Server
	db      *metrics.DB
	handler http.Handler
}

func open(t testing.TB, section metrics.Section, change ...func(*promapi.Deps)) *stand {
	t.Helper()
	log, registry := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	db, err := metrics.Open(t.TempDir(), section, log, registry, &health.Registry{})
	if err != nil {
		t.Fatal(err)
	}
	d := promapi.Deps{Log: log, DB: db, Gatherer: registry, Version: "1.2.3", Started: time.Now()}
	for _, c := range change {
		c(&d)
	}
	handler := promapi.New(d)
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.Client().CloseIdleConnections()
		server.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return &stand{server, db, handler}
}

// put writes one sample of each series, such as `up{job="api"}`.
func (s *stand) put(t testing.TB, at time.Time, samples map[string]float64) {
	t.Helper()
	appender := s.db.TSDB().Appender(context.Background())
	for _, series := range slices.Sorted(maps.Keys(samples)) { // answers come in the order of writing
		if _, err := appender.Append(0, parseSeries(t, series), at.UnixMilli(), samples[series]); err != nil {
			t.Fatal(err)
		}
	}
	if err := appender.Commit(); err != nil {
		t.Fatal(err)
	}
}

// direct asks without a connection.
func (s *stand) direct(t testing.TB, method, path string, form url.Values) said {
	t.Helper()
	target, body := "/prometheus"+path, io.Reader(http.NoBody)
	if method == http.MethodGet {
		target += "?" + form.Encode()
	} else {
		body = strings.NewReader(form.Encode())
	}
	request := httptest.NewRequestWithContext(context.Background(), method, target, body)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, request)
	out := said{code: recorder.Code, header: recorder.Header(), raw: recorder.Body.String()}
	if strings.HasPrefix(out.header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal([]byte(out.raw), &out); err != nil {
			t.Errorf("%s %s is no JSON: %v\n%.500s", method, path, err, out.raw)
		}
	}
	return out
}

// said is an answer of the API.
type said struct {
	code   int
	header http.Header
	raw    string

	Status    string          `json:"status"`
	Data      json.RawMessage `json:"data"`
	ErrorType string          `json:"errorType"`
	Error     string          `json:"error"`
	Warnings  []string        `json:"warnings"`
}

func (s *stand) get(t testing.TB, path string, form url.Values) said {
	t.Helper()
	return s.do(t, http.MethodGet, path+"?"+form.Encode(), "", nil)
}

func (s *stand) post(t testing.TB, path string, form url.Values) said {
	t.Helper()
	return s.do(t, http.MethodPost, path, form.Encode(), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
}

func (s *stand) do(t testing.TB, method, path, body string, header http.Header) said {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, s.URL+"/prometheus"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(request.Header, header)
	response, err := s.Client().Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	out := said{code: response.StatusCode, header: response.Header, raw: string(raw)}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(raw, &out); err != nil {
			t.Fatalf("%s %s is no JSON: %v\n%.500s", method, path, err, raw)
		}
	}
	return out
}

func parseSeries(t testing.TB, text string) labels.Labels {
	t.Helper()
	parsed, err := cost.NewParser().ParseMetric(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return parsed
}
