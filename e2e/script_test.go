package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"lapwing.dev/lapwing/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"lapwing": func() {
			os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// TestStories runs the scripts. Besides testscript's own commands they have:
//
//	api            starts an API of its own for the script; $API is its address
//	http METHOD URL [header…]   sends a request; stdout is the status and the body
//	until PATTERN URL           asks until the answer matches (at most 20 s)
//	url FILE       waits until a server has said in FILE where its pages are: $UI
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"api":   startAPI,
			"http":  sendRequest,
			"until": askUntil,
			"url":   waitForURL,
		},
	})
}

// patience is how long a story waits for something that must happen.
const patience = 20 * time.Second

// startAPI serves a small API with a document. /broken answers 503 until
// somebody POSTs to /repair.
func startAPI(ts *testscript.TestScript, _ bool, _ []string) {
	var mu sync.Mutex
	repaired := false
	told := "" // what a webhook got
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, status int, body string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, `{"status":"ok"}`) })
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, fmt.Sprintf(`{"id":%q,"total":12.5}`, r.PathValue("id")))
	})
	mux.HandleFunc("GET /broken", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if repaired {
			answer(w, 200, `{}`)
			return
		}
		answer(w, 503, `{"detail":"the database is away","password":"hunter2"}`)
	})
	mux.HandleFunc("POST /repair", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		repaired = true
		answer(w, 200, `{}`)
	})
	mux.HandleFunc("POST /tell", func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		mu.Lock()
		defer mu.Unlock()
		if told += string(body) + "\n"; err != nil {
			told += err.Error() + "\n"
		}
	})
	mux.HandleFunc("GET /told", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprint(w, told)
	})
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, openAPI) })
	server := httptest.NewServer(mux)
	ts.Defer(server.Close)
	ts.Setenv("API", server.URL)
}

const openAPI = `{"openapi":"3.1.0","info":{"title":"Orders","version":"1.4.0"},"paths":{
"/health":{"get":{"responses":{"200":{"description":"ok","content":{"application/json":{"schema":{"type":"object","required":["status"],"properties":{"status":{"type":"string"}}}}}}}}},
"/orders/{id}":{"get":{"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"},"example":"17"}],
 "responses":{"200":{"description":"ok","content":{"application/json":{"schema":{"type":"object","required":["id","total"],"properties":{"id":{"type":"string"},"total":{"type":"number"}}}}}}}},
 "delete":{"responses":{"204":{"description":"gone"}}}},
"/repair":{"post":{"responses":{"200":{"description":"ok"}}}}}}`

// sendRequest is the `http` command. A status of 400 and above is a failure.
func sendRequest(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: http METHOD URL [name:value…]")
	}
	status, body, err := request(args[0], args[1], args[2:])
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d\n%s\n", status, body)
	if failed := status >= 400; failed != neg {
		ts.Fatalf("%s %s answered %d: %s", args[0], args[1], status, body)
	}
}

func request(method, url string, headers []string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, string(data), err
}

// askUntil is the `until` command.
func askUntil(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: until PATTERN URL")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	last := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		_, body, err := request(http.MethodGet, args[1], nil)
		if err == nil && pattern.MatchString(body) {
			fmt.Fprintln(ts.Stdout(), body)
			return
		}
		last = body
	}
	ts.Fatalf("%s never answered %q; the last answer: %s", args[1], args[0], last)
}

var uiLine = regexp.MustCompile(`UI\s+(http://\S+)`)

// waitForURL is the `url` command: it sets $UI without the last slash.
func waitForURL(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: url FILE")
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		file, err := os.Open(ts.MkAbs(args[0]))
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			if found := uiLine.FindStringSubmatch(lines.Text()); found != nil {
				ts.Setenv("UI", strings.TrimSuffix(found[1], "/"))
				file.Close()
				return
			}
		}
		file.Close()
	}
	said, _ := os.ReadFile(ts.MkAbs(args[0]))
	ts.Fatalf("no server said where its pages are; it said: %s", said)
}
