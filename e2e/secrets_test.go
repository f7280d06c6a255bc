package e2e

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	_ "modernc.org/sqlite" // reads the database as it lies on the disk
)

// planted is in every secret and nowhere else.
const planted = "PLANTED"

// plant makes a secret that every notation writes in another way.
func plant(name string) string { return planted + `-"<` + name + `>&'\ü+ =` }

// plain makes a secret for places that take no special characters.
func plain(name string) string { return planted + name }

// secretsFile has a secret in every place of the file that may hold one. Those
// in capitals come from the environment.
const secretsFile = `
access: {password_file: password, hosts: [monitor.internal]}
apis:
  - {name: parrot, url: "API", openapi: "/openapi.json?key=${PLAIN}"}
x-post: &post {method: POST, url: /echo}
checks:
  - {name: bearer, api: parrot, every: 1h, request: {<<: *post, auth: {bearer: "${PLAIN}"}}}
  - {name: bearer-file, api: parrot, every: 1h, request: {<<: *post, auth: {bearer_file: bearer}}}
  - {name: basic, api: parrot, every: 1h, request: {<<: *post, auth: {basic: {username: ada, password: "${SPECIAL}"}}}}
  - {name: basic-plain, api: parrot, every: 1h, request: {<<: *post, auth: {basic: {username: ada, password: PLANTEDbasicplain}}}}
  - {name: basic-file, api: parrot, every: 1h, request: {<<: *post, auth: {basic: {username: ada, password_file: basic}}}}
  - {name: user-info, every: 1h, request: {method: POST, url: "http://ada:PLANTEDuserinfo@HOST/echo"}}
  - {name: oauth2, api: parrot, every: 1h, request: {<<: *post, auth: {oauth2: {token_url: "API/token", client_id: lapwing, client_secret: PLANTEDclient, params: {audience: "${SPECIAL}"}}}}}
  - {name: oauth2-file, api: parrot, every: 1h, request: {<<: *post, auth: {oauth2: {token_url: "API/token", client_id: lapwing, client_secret_file: client}}}}
  - {name: oauth2-refused, api: parrot, every: 1h, request: {<<: *post, auth: {oauth2: {token_url: "API/refused", client_id: lapwing, client_secret_file: client}}}}
  - {name: headers, api: parrot, every: 1h, request: {<<: *post, headers: {X-Note: "${SPECIAL}", X-Api-Key: PLANTEDapikey, Cookie: "a=PLANTEDcookiea; b=PLANTEDcookieb"}}}
  - {name: authorization, api: parrot, every: 1h, request: {<<: *post, headers: {Authorization: "Token PLANTEDheader"}}}
  - {name: proxy, every: 1h, request: {method: POST, url: "http://api.invalid/echo", proxy: "http://ada:PLANTEDproxy@HOST"}}
  - {name: query, api: parrot, every: 1h, request: {<<: *post, query: {note: "${SPECIAL}", api_key: PLANTEDquery}}}
  - {name: path, api: parrot, every: 1h, request: {method: POST, url: "/echo/${PLAIN}?note=${PLAIN}"}}
  - {name: json, api: parrot, every: 1h, request: {<<: *post, json: {note: "it is ${SPECIAL}", password: PLANTEDjson, deep: ["${SPECIAL}"]}}}
  - {name: form, api: parrot, every: 1h, request: {<<: *post, form: {note: "${SPECIAL}", password: PLANTEDform}}}
  - {name: multipart, api: parrot, every: 1h, request: {<<: *post, multipart: {note: "${SPECIAL}"}}}
  - {name: graphql, api: parrot, every: 1h, request: {<<: *post, graphql: {query: "query($n: String) { a }", variables: {n: "${SPECIAL}"}}}}
  - {name: body, api: parrot, every: 1h, request: {<<: *post, body: "${file:body}"}}
  - {name: cut, api: parrot, every: 1h, request: {<<: *post, body: "${file:long}"}}
  - {name: redirect, api: parrot, every: 1h, request: {method: POST, url: "/moved?to=${PLAIN}", redirects: same-host}}
  - name: assertions
    api: parrot
    every: 1h
    request: {<<: *post, json: {note: "${SPECIAL}"}}
    assert:
      - 'json.body == "${PLAIN}"'
      - 'json.body contains "not there"'
      - 'body == ""'
      - 'json == {}'
      - 'headers["x-echo"] == "${PLAIN}"'
      - 'cookies.sid.value == "${PLAIN}"'
      - {schema: schema.json}
      - contract
  - name: journey
    api: parrot
    every: 1h
    steps:
      - name: login
        request: {method: POST, url: /login}
        assert: [status == 200]
        capture: {token: json.made, both: {expr: json.both, public: true}}
      - name: again
        request: {method: POST, url: /login}
        assert: [status == 200]
        capture: {both: json.both}
      - name: use
        request: {<<: *post, url: "/echo?both=${both}", auth: {bearer: "${token}"}}
`

// parrot is an API that repeats everything it is sent, in several notations.
func parrot(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, status int, value any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(value); err != nil {
			t.Error(err)
		}
	}
	echo := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, password, _ := r.BasicAuth()
		proxied, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Proxy-Authorization"), "Basic "))
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: plain("set"), Path: "/"})
		w.Header()["X-Echo"] = []string{r.URL.RawQuery, r.Header.Get("Authorization"), r.Header.Get("X-Api-Key")}
		quoted, err := json.Marshal(string(body))
		if err != nil {
			t.Error(err)
		}
		answer(w, http.StatusInternalServerError, map[string]any{
			"authorization": r.Header.Get("Authorization"), "basic": "the password " + password, "proxy": string(proxied), "url": r.RequestURI,
			"query": r.URL.Query(), "body": string(body), "twice": string(quoted), "escaped": url.QueryEscape(string(body)), "headers": r.Header,
			"set": "sid=" + plain("set"), "none": nil,
		})
	}
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/echo/{rest}", echo)
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]any{"access_token": plain("access"), "token_type": "bearer", "expires_in": 3600})
	})
	mux.HandleFunc("/refused", func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		answer(w, 400, map[string]any{"error": "bad secret " + password})
	})
	mux.HandleFunc("/login", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: plain("session"), Path: "/"})
		answer(w, 200, map[string]any{"made": plain("captured"), "both": plain("both"), "sid": plain("session")})
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/?t="+r.URL.Query().Get("to"), http.StatusFound)
	})
	mux.HandleFunc("/openapi.json", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// hunt looks for what was planted in everything that it is shown.
type hunt struct {
	t     *testing.T
	words *regexp.Regexp
	seen  int // texts without a find
}

func newHunt(t *testing.T) *hunt {
	t.Helper()
	words := []string{planted}
	// What Base64 makes of it; the user name decides where the groups of three begin.
	for _, prefix := range []string{"", "ada:", "lapwing:"} {
		for _, secret := range []string{plant("env"), plain("basicplain"), plain("basicfile"), plain("userinfo"), plain("proxy"), plain("client")} {
			encoded := base64.StdEncoding.EncodeToString([]byte(prefix + secret))
			words = append(words, regexp.QuoteMeta(encoded[:len(encoded)-4]))
		}
	}
	return &hunt{t: t, words: regexp.MustCompile(strings.Join(words, "|"))}
}

func (h *hunt) in(where, text string) {
	h.t.Helper()
	found := h.words.FindAllStringIndex(text, -1)
	if found == nil {
		h.seen++
		return
	}
	for _, at := range found[:min(len(found), 3)] {
		h.t.Errorf("%s tells a secret: …%s…", where, text[max(0, at[0]-80):min(len(text), at[1]+60)])
	}
}

// TestNoSecretLeavesTheProcess plants a secret in every place that can hold
// one, lets all checks fail at a target that repeats them, and looks for them
// in everything that Lapwing says, shows and stores.
func TestNoSecretLeavesTheProcess(t *testing.T) {
	dir := t.TempDir()
	server := parrot(t)
	text := strings.NewReplacer("API", server.URL, "HOST", strings.TrimPrefix(server.URL, "http://")).Replace(secretsFile)
	for name, content := range map[string]string{
		"lapwing.yaml": text, "password": plain("password"), "bearer": plain("bearerfile"), "basic": plain("basicfile"), "client": plain("client"),
		"body": "note " + plant("body"), "long": strings.Repeat("a", 4086-len(`{"body":"`)) + plain("long"),
		"schema.json": `{"type":"object","properties":{"none":{"type":"string"},"body":{"const":"x"}}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PLAIN", plain("env"))
	t.Setenv("SPECIAL", plant("env"))
	h := newHunt(t)

	token := regexp.MustCompile(`lw_\S+`).FindString(h.command(dir, "token", "create", "reader", "--scope", "admin", "--data", "data"))
	bearer := "Authorization: Bearer " + token
	s := start(t, dir, "serve", "--listen", "127.0.0.1:0")
	ask := func(method, path string) string {
		t.Helper()
		status, body, err := request(method, s.url+path, []string{bearer})
		if err != nil || status >= 500 {
			t.Fatalf("%s %s: %d %v\n%s", method, path, status, err, body)
		}
		h.in(path, body)
		return body
	}
	events := s.events(t, bearer)
	var list struct{ Checks []struct{ ID string } }
	if err := json.Unmarshal([]byte(ask("GET", "/api/v1/checks")), &list); err != nil || len(list.Checks) < 20 {
		t.Fatalf("%v: %d checks", err, len(list.Checks))
	}
	for _, c := range list.Checks {
		var run struct {
			Run    int64
			Status string
		}
		if err := json.Unmarshal([]byte(ask("POST", "/api/v1/checks/"+c.ID+"/run")), &run); err != nil || run.Status != "down" {
			t.Fatalf("%s is %q, %v; it should have failed", c.ID, run.Status, err)
		}
		for _, path := range []string{"", "/results", fmt.Sprintf("/results/%d", run.Run), "/transitions", "/rollups", "/uptime"} {
			body := ask("GET", "/api/v1/checks/"+c.ID+path)
			if strings.HasPrefix(path, "/results/") && !strings.Contains(body, "[redacted]") && !strings.Contains(body, `"truncated":true`) {
				t.Errorf("%s has nothing to hide; the test tests nothing:\n%s", c.ID, body)
			}
		}
		ask("GET", fmt.Sprintf("/checks/%s/runs/%d", c.ID, run.Run))
		ask("GET", "/checks/"+c.ID)
	}
	for _, path := range []string{
		"/api/v1/transitions", "/api/v1/apis", "/api/v1/apis/parrot/operations", "/api/v1/config", "/api/v1/health", "/api/v1/tokens", "/api/v1/checks?q=" + planted[:4],
		"/", "/checks", "/settings", "/settings/tokens", "/status", "/status.json", "/search.json?q=a", "/metrics",
	} {
		ask("GET", path)
	}
	ask("POST", "/api/v1/config/reload")
	h.in("the live stream", events())
	s.stop(t)
	h.in("the log", s.talk())

	for _, reporter := range []string{"list", "junit", "github", "json"} {
		h.in("check run as "+reporter, h.command(dir, "check", "run", "--reporter", reporter))
	}
	h.in("config show", h.command(dir, "config", "show"))
	h.in("config check", h.command(dir, "config", "check"))
	h.database(filepath.Join(dir, "data"))
	t.Logf("%d texts told nothing", h.seen)
}

// command runs the binary and returns what it says. Checks that fail are no failure here.
func (h *hunt) command(dir string, args ...string) string {
	h.t.Helper()
	path, err := buildOnce()
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.CommandContext(h.t.Context(), path, args...) // #nosec G204 -- our own binary
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState.ExitCode() != 1 || len(out) == 0 {
		h.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// events listens to the live stream; what it returns ends it and returns what was heard.
func (s *server) events(t *testing.T, header string) func() string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	name, value, _ := strings.Cut(header, ": ")
	r.Header.Set(name, value)
	response, err := http.DefaultClient.Do(r)
	if err != nil || response.StatusCode != http.StatusOK {
		cancel()
		t.Fatalf("no live stream: %v", err)
	}
	heard := make(chan string, 1)
	told := make(chan struct{}, 1)
	go func() {
		defer response.Body.Close()
		var b strings.Builder
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			b.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), `"journey"`) { // the last one
				select {
				case told <- struct{}{}:
				default:
				}
			}
		}
		heard <- b.String()
	}()
	t.Cleanup(cancel)
	return func() string {
		select {
		case <-told:
		case <-time.After(patience):
			t.Error("the live stream tells nothing of the last check")
		}
		cancel()
		return <-heard
	}
}

// database looks into every file of the data folder, and into every value of
// every table, unpacked.
func (h *hunt) database(dir string) {
	h.t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path) // #nosec G304 -- below the test's own folder
		h.in(path, string(data))
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "lapwing.db"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	unzip, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		h.t.Fatal(err)
	}
	defer unzip.Close()
	unpacked := 0
	for _, table := range h.names(db, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`) {
		for _, column := range h.names(db, `SELECT name FROM pragma_table_info('`+table+`')`) {
			for _, value := range h.names(db, `SELECT CAST(`+column+` AS BLOB) FROM `+table+` WHERE `+column+` IS NOT NULL`) {
				where := table + "." + column
				h.in(where, value)
				if text, err := unzip.DecodeAll([]byte(value), nil); err == nil && len(text) > 0 {
					unpacked++
					h.in(where, string(text))
				}
			}
		}
	}
	if unpacked < 20 {
		h.t.Errorf("only %d values could be unpacked: is evidence stored in another way?", unpacked)
	}
}

func (h *hunt) names(db *sql.DB, query string) []string {
	h.t.Helper()
	rows, err := db.QueryContext(h.t.Context(), query)
	if err != nil {
		h.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var value []byte
		if err := rows.Scan(&value); err != nil {
			h.t.Fatal(err)
		}
		list = append(list, string(value))
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	return slices.Clip(list)
}
