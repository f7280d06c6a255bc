package alerting

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
)

// Prefix is where Handler expects to be mounted.
const Prefix = "/alertmanager"

// Bounds of requests to the API.
const (
	maxPost    = 10 << 20 // bytes of a body
	maxQuery   = 16 << 10 // bytes
	maxReaders = 16       // at once
)

// alertmanagerVersion is the one whose API this is.
const alertmanagerVersion = "0.34.2"

// Handler serves Alertmanager's API v2 below Prefix, as Alertmanager does below its
// own root, with /-/healthy and /-/ready. It asks nobody who they are: its caller
// does, and Changes helps.
func (m *Manager) Handler() http.Handler { return m.handler }

// Changes reports whether a request to Handler would change something: post
// alerts, set or end a silence.
func Changes(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	return true
}

// routes lists what there is. All else is not found before Alertmanager's own
// handler sees it, which counts requests by their paths.
func (m *Manager) routes() http.Handler {
	mux := http.NewServeMux()
	readers := make(chan struct{}, maxReaders)
	for _, path := range []string{"/alerts", "/alerts/groups", "/silences", "/silence/{id}", "/receivers"} {
		mux.Handle("GET "+Prefix+"/api/v2"+path, m.whenReady(limited(readers, m.apiHandler())))
	}
	mux.Handle("GET "+Prefix+"/api/v2/status", m.whenReady(limited(readers, http.HandlerFunc(m.serveStatus))))
	mux.Handle("POST "+Prefix+"/api/v2/alerts", m.whenReady(http.HandlerFunc(m.servePost)))
	mux.Handle("POST "+Prefix+"/api/v2/silences", m.whenReady(http.HandlerFunc(m.serveSilence)))
	mux.Handle("DELETE "+Prefix+"/api/v2/silence/{id}", m.whenReady(http.HandlerFunc(m.serveSilence)))
	mux.HandleFunc("GET "+Prefix+"/-/healthy", func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, "OK") })
	mux.Handle("GET "+Prefix+"/-/ready", m.whenReady(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, "OK") })))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.RawQuery) > maxQuery {
			refuse(w, http.StatusRequestURITooLong, "the query is too long")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// apiHandler is Alertmanager's, which knows nothing of Prefix.
func (m *Manager) apiHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.StripPrefix(Prefix, m.api.Handler).ServeHTTP(w, r)
	})
}

// whenReady lets nobody in before Run: Alertmanager's handler has no answers then.
func (m *Manager) whenReady(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !m.ready.Load() {
			refuse(w, http.StatusServiceUnavailable, "alerting has not started yet")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// limited lets in so many at once as room has places.
func limited(room chan struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case room <- struct{}{}:
			defer func() { <-room }()
			next.ServeHTTP(w, r)
		default:
			refuse(w, http.StatusServiceUnavailable, "too many requests at once; try again later")
		}
	})
}

// postKey finds, in the context of a request, where the outcome of its alerts goes.
type postKey struct{}

// servePost takes alerts. Alertmanager's handler takes every error for one of its
// own; who sent something wrong, or too much, is told so.
func (m *Manager) servePost(w http.ResponseWriter, r *http.Request) {
	var outcome error
	answer := m.ask(w, r.WithContext(context.WithValue(r.Context(), postKey{}, &outcome)))
	switch {
	case outcome == nil:
		answer.to(w)
	case fault.KindOf(outcome) == fault.KindInvalid:
		refuse(w, http.StatusBadRequest, outcome.Error())
	case fault.KindOf(outcome) == fault.KindUnavailable:
		refuse(w, http.StatusServiceUnavailable, outcome.Error())
	default:
		refuse(w, http.StatusInternalServerError, "the alerts are told but not stored: send them again")
	}
}

// serveSilence sets or ends a silence, and answers when it is on disk.
func (m *Manager) serveSilence(w http.ResponseWriter, r *http.Request) {
	answer := m.ask(w, r)
	if err := m.journal.flush(r.Context()); err != nil {
		refuse(w, http.StatusServiceUnavailable, "the silence holds but is not stored: a restart would forget it")
		return
	}
	answer.to(w)
}

// serveStatus tells which Alertmanager this is, which its packages do not know,
// and shows the configuration in the words of older clients, too.
func (m *Manager) serveStatus(w http.ResponseWriter, r *http.Request) {
	answer := m.ask(w, r)
	var status map[string]json.RawMessage
	if answer.code == http.StatusOK && json.Unmarshal(answer.body.Bytes(), &status) == nil {
		var version map[string]string
		if json.Unmarshal(status["versionInfo"], &version) == nil {
			version["version"], version["branch"] = alertmanagerVersion, strings.TrimSpace("lapwing "+m.deps.Version)
			if text, err := json.Marshal(version); err == nil {
				status["versionInfo"] = text
			}
		}
		if g := m.current.Load(); g != nil {
			if text, err := json.Marshal(map[string]string{"original": g.plan.shown}); err == nil {
				status["config"] = text
			}
		}
		if text, err := json.Marshal(status); err == nil {
			answer.body.Reset()
			answer.body.Write(text)
		}
	}
	answer.to(w)
}

// ask has Alertmanager's handler answer, whose answer is short. Some bodies make it
// panic: [null].
func (m *Manager) ask(w http.ResponseWriter, r *http.Request) (answer *kept) {
	r.Body = http.MaxBytesReader(w, r.Body, maxPost)
	answer = &kept{header: http.Header{}, code: http.StatusOK}
	defer func() {
		if p := recover(); p != nil {
			m.log.Warn("a request to the API cannot be read", "path", r.URL.Path, "error", p)
			answer = &kept{header: http.Header{"Content-Type": {"application/json"}}, code: http.StatusBadRequest}
			answer.body.WriteString(`"the body cannot be read"`)
		}
	}()
	m.apiHandler().ServeHTTP(answer, r)
	return answer
}

// kept is an answer that waits until it may be given.
type kept struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (k *kept) Header() http.Header { return k.header }

// WriteHeader implements http.ResponseWriter.
func (k *kept) WriteHeader(code int) { k.code = code }

// Write implements http.ResponseWriter.
func (k *kept) Write(data []byte) (int, error) { return k.body.Write(data) }

func (k *kept) to(w http.ResponseWriter) {
	maps.Copy(w.Header(), k.header)
	w.Header().Del("Content-Length")
	w.WriteHeader(k.code)
	_, _ = w.Write(k.body.Bytes()) // who has gone does not hear it
}

// refuse answers as Alertmanager's API does: a JSON string.
func refuse(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	data, err := json.Marshal(text)
	if err != nil {
		data = []byte(`"refused"`) // a string always has a text
	}
	w.WriteHeader(code)
	_, _ = w.Write(append(data, '\n')) // who has gone does not hear it
}

func write(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text)) // who has gone does not hear it
}
