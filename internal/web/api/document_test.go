package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/web/api"
	"lapwing.dev/lapwing/internal/web/problem"
)

// readDocument loads the document that the API serves. Every object is closed,
// so that a member that is not documented is found.
func readDocument(t *testing.T, h *house) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(h.get(t, api.Base+"/openapi.json")))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, schema := range doc.Components.Schemas {
		closeObjects(schema, map[*openapi3.Schema]bool{})
	}
	return doc
}

func closeObjects(ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) {
	if ref == nil || ref.Value == nil || seen[ref.Value] {
		return
	}
	s := ref.Value
	seen[s] = true
	if len(s.Properties) > 0 && s.AdditionalProperties.Schema == nil {
		no := false
		s.AdditionalProperties = openapi3.AdditionalProperties{Has: &no}
	}
	for _, property := range s.Properties {
		closeObjects(property, seen)
	}
	closeObjects(s.Items, seen)
}

func TestTheDocumentHasExactlyTheRoutes(t *testing.T) {
	h := newHouse(t)
	doc := readDocument(t, h)
	var documented, routed []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	for _, route := range h.Routes() {
		routed = append(routed, route.Method+" "+api.Base+route.Path)
	}
	slices.Sort(documented)
	slices.Sort(routed)
	if diff := cmp.Diff(routed, documented); diff != "" {
		t.Errorf("routes and document (-routes +document):\n%s", diff)
	}
}

func TestTheDocumentTellsTheScopes(t *testing.T) {
	h := newHouse(t)
	doc := readDocument(t, h)
	for _, route := range h.Routes() {
		operation := doc.Paths.Find(api.Base + route.Path).GetOperation(route.Method)
		if operation == nil {
			t.Errorf("%s %s is not documented", route.Method, route.Path)
			continue
		}
		open := operation.Security != nil && len(*operation.Security) == 0
		if route.Scope == "" != open {
			t.Errorf("%s %s: open %v, documented as open %v", route.Method, route.Path, route.Scope == "", open)
		}
		if want := "Needs the scope `" + string(route.Scope) + "`"; route.Scope != "" && !strings.Contains(operation.Description, want) {
			t.Errorf("%s %s: %q does not tell the scope %s", route.Method, route.Path, operation.Description, route.Scope)
		}
	}
}

// TestAnswersMatchTheDocument sends requests for every route, good and bad ones,
// and holds what comes back to the document.
func TestAnswersMatchTheDocument(t *testing.T) {
	const base = api.Base
	line := fmt.Sprintf(`{"time":%q,"api":"orders","method":"GET","path":"/","status":200,"duration_ms":1,"bytes_in":0,"bytes_out":0,"verdict":"allow","source":"middleware"}`, time.Now().UTC().Format(time.RFC3339Nano))
	tests := []struct {
		method, target, body string
		prepare              func(*testing.T, *house)
		want                 int
	}{
		{"GET", base + "/checks", "", nil, 200},
		{"GET", base + "/checks?state=down&state=up&api=orders&label=team=shop&q=orders&limit=2", "", nil, 200},
		{"GET", base + "/checks/reports", "", nil, 200},
		{"GET", base + "/checks/reports/results", "", nil, 200},
		{"GET", base + "/checks/reports/results?limit=2&from=2026-11-23T11:00:00Z&to=2026-11-23T13:00:00Z", "", nil, 200},
		{"GET", base + "/checks/reports/results/" + runOf(noon), "", nil, 200},
		{"GET", base + "/checks/reports/results/" + runOf(noon.Add(-60e9)), "", nil, 200},
		{"GET", base + "/checks/reports/rollups", "", nil, 200},
		{"GET", base + "/checks/reports/rollups?step=hour", "", nil, 200},
		{"GET", base + "/checks/reports/uptime", "", nil, 200},
		{"GET", base + "/checks/reports/transitions", "", nil, 200},
		{"GET", base + "/transitions?limit=1", "", nil, 200},
		{"POST", base + "/checks/reports/run", "", nil, 200},
		{"POST", base + "/checks/reports/pause", "", nil, 200},
		{"POST", base + "/checks/reports/resume", "", nil, 200},
		{"GET", base + "/apis", "", nil, 200},
		{"GET", base + "/apis/reports/operations", "", nil, 200},
		{"GET", base + "/config", "", nil, 200},
		{"GET", base + "/config", "", refused, 200},
		{"POST", base + "/config/reload", "", nil, 200},
		{"GET", base + "/health", "", unwell, 200},
		{"GET", base + "/tokens", "", withToken, 200},
		{"POST", base + "/tokens", `{"name":"ci","scopes":["read"],"expires_at":"2099-01-01T00:00:00Z"}`, nil, 201},
		{"DELETE", base + "/tokens/{first}", "", withToken, 204},
		{"GET", base + "/events", "", func(_ *testing.T, h *house) { h.streams.Close() }, 503},
		{"HEAD", base + "/events", "", nil, 200},
		{"GET", base + "/openapi.json", "", nil, 200},
		{"GET", base + "/problems/forbidden", "", nil, 200},

		{"GET", base + "/traffic", "", nil, 200},
		{"GET", base + "/traffic?from=2026-11-23T11:00:00Z&to=2026-11-23T12:00:00Z&points=10&api=orders&operation=GET+/orders", "", nil, 200},
		{"GET", base + "/traffic/operations?limit=3", "", nil, 200},
		{"GET", base + "/traffic/clients?minutes=5", "", nil, 200},
		{"GET", base + "/traffic/clients/203.0.113.7", "", nil, 200},
		{"GET", base + "/traffic/clients/2001:db8:77:12::%2F64?minutes=60", "", nil, 200},
		{"GET", base + "/traffic/clients/192.0.2.66", "", nil, 200},
		{"GET", base + "/traffic/requests", "", nil, 200},
		{"GET", base + "/traffic/requests?client=203.0.113.7&failed=true&after=7&verdict=allow&api=orders&operation=x", "", nil, 200},
		{"GET", base + "/limits", "", nil, 200},
		{"GET", base + "/upstreams", "", nil, 200},
		{"GET", base + "/blocks", "", nil, 200},
		{"POST", base + "/blocks", `{"target":"203.0.113.0/24","reason":"scans","for":"1h"}`, nil, 201},
		{"POST", base + "/blocks", `{"target":"key:mobile-app","shadow":true}`, nil, 201},
		{"DELETE", base + "/blocks/b7", "", nil, 204},
		{"GET", base + "/blocks/proposals", "", nil, 200},
		{"POST", base + "/blocks/proposals/p3/accept", "", nil, 201},
		{"POST", base + "/blocks/proposals/p3/dismiss", "", nil, 204},
		{"GET", base + "/blocks/history?limit=2", "", nil, 200},
		{"POST", base + "/exchanges", line + "\n" + line + "\nnonsense\n", nil, 202},
		{"POST", base + "/exchanges", line, asSender, 202},
		{"GET", base + "/exchanges/blocks", "", nil, 200},
		{"GET", base + "/exchanges/blocks", "", asSender, 200},

		{"GET", base + "/endpoints", "", nil, 200},
		{"GET", base + "/endpoints?api=orders", "", nil, 200},
		{"GET", base + "/endpoints/series?api=orders&operation=POST+/refunds&limit=10&from=2026-11-23T11:00:00Z&to=2026-11-23T12:00:00Z", "", nil, 200},
		{"GET", base + "/objectives", "", nil, 200},
		{"GET", base + "/errors?api=orders&since=2026-11-22T12:00:00Z&limit=5", "", nil, 200},
		{"GET", base + "/alerts", "", nil, 200},
		{"GET", base + "/alerts?state=firing,pending&resolved_after=2026-11-22T12:00:00Z", "", nil, 200},
		{"GET", base + "/alerts/0a11ce5b0b0b0001", "", nil, 200},
		{"POST", base + "/alerts/4f1a0c7be2d95a31/acknowledge", `{"note":"on it","for":"2h"}`, nil, 200},
		{"POST", base + "/alerts/4f1a0c7be2d95a31/acknowledge", "", nil, 200},
		{"DELETE", base + "/alerts/0a11ce5b0b0b0001/acknowledge", "", nil, 204},
		{"GET", base + "/silences?expired_after=2026-11-22T12:00:00Z", "", nil, 200},
		{"POST", base + "/silences", `{"matchers":[{"name":"api","op":"=","value":"orders"}],"for":"2h","comment":"deploy"}`, nil, 201},
		{"DELETE", base + "/silences/night-work", "", nil, 204},
		{"GET", base + "/deliveries", "", nil, 200},
		{"GET", base + "/deliveries?receiver=team-shop&limit=2&cursor=MTA4", "", nil, 200},
		{"POST", base + "/deliveries/107/retry", "", nil, 202},
		{"GET", base + "/receivers", "", nil, 200},
		{"GET", base + "/receivers/of?label=severity=critical&label=api=orders", "", nil, 200},
		{"POST", base + "/receivers/team-shop/test", "", nil, 204},
		{"GET", base + "/heartbeats", "", nil, 200},
		{"POST", base + "/heartbeats/backup", "", nil, 204},
		{"POST", base + "/heartbeats/backup?status=fail", "", asSender, 204},

		{"GET", base + "/endpoints/series", "", nil, 400},
		{"GET", base + "/errors?limit=0", "", nil, 400},
		{"GET", base + "/alerts?state=loud", "", nil, 400},
		{"GET", base + "/alerts/nothing", "", nil, 404},
		{"POST", base + "/alerts/4f1a0c7be2d95a31/acknowledge", `{"for":"soon"}`, nil, 400},
		{"POST", base + "/alerts/4f1a0c7be2d95a31/acknowledge", "", asReader, 403},
		{"POST", base + "/silences", `{"matchers":[{"name":"api","op":"=","value":"orders"}]}`, nil, 400},
		{"DELETE", base + "/silences/nothing", "", nil, 404},
		{"GET", base + "/deliveries?cursor=eA", "", nil, 400},
		{"POST", base + "/deliveries/x/retry", "", nil, 404},
		{"POST", base + "/deliveries/1/retry", "", nil, 404},
		{"GET", base + "/receivers/of?label=severity", "", nil, 400},
		{"POST", base + "/receivers/somebody/test", "", nil, 404},
		{"POST", base + "/receivers/team-shop/test", "", func(_ *testing.T, h *house) { h.alerts.Refuse = errors.New("502 Bad Gateway") }, 503},
		{"POST", base + "/heartbeats/bakup", "", nil, 404},
		{"POST", base + "/heartbeats/backup?status=perhaps", "", nil, 400},
		{"POST", base + "/heartbeats/backup", "", asReader, 403},
		{"GET", base + "/heartbeats", "", asSender, 403},

		{"GET", base + "/traffic?points=0", "", nil, 400},
		{"GET", base + "/traffic?points=1001", "", nil, 400},
		{"GET", base + "/traffic?from=2026-11-23T12:00:00Z&to=2026-11-23T11:00:00Z", "", nil, 400},
		{"GET", base + "/traffic/operations?limit=0", "", nil, 400},
		{"GET", base + "/traffic/clients?minutes=61", "", nil, 400},
		{"GET", base + "/traffic/clients/nobody", "", nil, 404},
		{"GET", base + "/traffic/requests?failed=perhaps", "", nil, 400},
		{"GET", base + "/traffic/requests?after=-1", "", nil, 400},
		{"GET", base + "/limits?limit=5", "", nil, 400},
		{"POST", base + "/blocks", `{"target":"everybody"}`, nil, 400},
		{"POST", base + "/blocks", `{"reason":"x"}`, nil, 400},
		{"POST", base + "/blocks", `{"target":"203.0.113.7","for":"soon"}`, nil, 400},
		{"POST", base + "/blocks", `{"target":"127.0.0.1"}`, nil, 409},
		{"POST", base + "/blocks", `{"target":"203.0.113.7"}`, asReader, 403},
		{"DELETE", base + "/blocks/b0", "", nil, 404},
		{"POST", base + "/blocks/proposals/p0/accept", "", nil, 404},
		{"POST", base + "/blocks/proposals/p0/dismiss", "", nil, 404},
		{"POST", base + "/exchanges", line, asReader, 403},
		{"GET", base + "/traffic", "", asSender, 403},

		{"GET", base + "/checks?limit=0", "", nil, 400},
		{"GET", base + "/checks?limit=x", "", nil, 400},
		{"GET", base + "/checks?stat=down", "", nil, 400},
		{"GET", base + "/checks?state=broken", "", nil, 400},
		{"GET", base + "/checks?cursor=%21", "", nil, 400},
		{"GET", base + "/checks?cursor=zzz", "", nil, 400},
		{"GET", base + "/checks/reports/results?cursor=zzz", "", nil, 400},
		{"GET", base + "/checks?%zz", "", nil, 400},
		{"GET", base + "/checks/nowhere", "", nil, 404},
		{"GET", base + "/checks/nowhere/results", "", nil, 404},
		{"GET", base + "/checks/nowhere/rollups", "", nil, 404},
		{"GET", base + "/checks/nowhere/uptime", "", nil, 404},
		{"GET", base + "/checks/nowhere/transitions", "", nil, 404},
		{"GET", base + "/checks/reports/results?from=yesterday", "", nil, 400},
		{"GET", base + "/checks/reports/results?from=2026-11-23T12:00:00Z&to=2026-11-22T12:00:00Z", "", nil, 400},
		{"GET", base + "/checks/reports/results?from=9999999-01-01T00:00:00Z", "", nil, 400},
		{"GET", base + "/checks/reports/results?cursor=eA", "", nil, 400},
		{"GET", base + "/checks/reports/results/x", "", nil, 400},
		{"GET", base + "/checks/reports/results/1", "", nil, 404},
		{"GET", base + "/checks/reports/rollups?step=week", "", nil, 400},
		{"GET", base + "/checks/reports/rollups?step=hour&from=1990-01-01T00:00:00Z", "", nil, 400},
		{"GET", base + "/checks/reports/results", "", broken, 500},
		{"GET", base + "/checks/reports/uptime", "", broken, 500},
		{"GET", base + "/checks/reports/rollups", "", broken, 500},
		{"GET", base + "/transitions", "", broken, 500},
		{"GET", base + "/transitions?limit=1001", "", nil, 400},
		{"POST", base + "/checks/nowhere/run", "", nil, 404},
		{"POST", base + "/checks/nowhere/pause", "", nil, 404},
		{"POST", base + "/checks/reports/run", "", broken, 500},
		{"GET", base + "/apis/nowhere/operations", "", nil, 404},
		{"POST", base + "/config/reload", "", refused, 422},
		{"POST", base + "/tokens", `{"name":"","scopes":["read"]}`, nil, 400},
		{"POST", base + "/tokens", `{"name":"x","scopes":["root"]}`, nil, 400},
		{"POST", base + "/tokens", `{"name":"x","scopes":["read"],"expires_at":"tomorrow"}`, nil, 400},
		{"POST", base + "/tokens", `{"name":"x","scopes":["read"],"colour":"red"}`, nil, 400},
		{"POST", base + "/tokens", `{"name":"x","scopes":["read"]} trailing`, nil, 400},
		{"POST", base + "/tokens", `[`, nil, 400},
		{"POST", base + "/tokens", ``, nil, 400},
		{"POST", base + "/tokens", `{"name":"grafana","scopes":["read"]}`, withToken, 409},
		{"DELETE", base + "/tokens/nowhere", "", nil, 404},
		{"GET", base + "/problems/nonsense", "", nil, 404},
		{"GET", base + "/tokens", "", asReader, 403},
		{"POST", base + "/checks/reports/pause", "", asReader, 403},
		{"POST", base + "/config/reload", "", asReader, 403},
		{"GET", base + "/checks", "", asNobody, 401},
	}
	succeeded := map[string]bool{}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %s %d", test.method, strings.TrimPrefix(test.target, base), test.want), func(t *testing.T) {
			h := newHouse(t)
			doc := readDocument(t, h)
			if test.prepare != nil {
				test.prepare(t, h)
			}
			if strings.Contains(test.target, "{first}") {
				tokens, err := h.access.Tokens(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				test.target = strings.ReplaceAll(test.target, "{first}", tokens[0].ID)
			}
			r, w := h.do(t, test.method, test.target, test.body)
			if w.Code != test.want {
				t.Fatalf("%d %s, want %d", w.Code, w.Body, test.want)
			}
			succeeded[r.Pattern] = succeeded[r.Pattern] || w.Code < 300
			if test.method != http.MethodHead { // as GET without a body
				validate(t, doc, r, test.body, w)
			}
		})
	}
	for _, route := range newHouse(t).Routes() {
		if pattern := route.Method + " " + api.Base + route.Path; !succeeded[pattern] {
			t.Errorf("%s has no success in the table", pattern)
		}
	}
}

// validate holds one exchange to the document. A request is only held to it
// when it was accepted: the bad ones are bad on purpose.
func validate(t *testing.T, doc *openapi3.T, r *http.Request, body string, w *httptest.ResponseRecorder) {
	t.Helper()
	method, path, _ := strings.Cut(r.Pattern, " ")
	item := doc.Paths.Find(path)
	if item == nil {
		t.Fatalf("%s is not documented", r.Pattern)
	}
	parameters := map[string]string{}
	for segment := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			parameters[name] = r.PathValue(name)
		}
	}
	r.Body = io.NopCloser(strings.NewReader(body))
	request := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: parameters,
		Route:   &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: item.GetOperation(method)},
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	request.Options.ExcludeRequestBody = r.Header.Get("Content-Type") == "application/x-ndjson" // lines, which no schema describes
	if w.Code < 300 {
		if err := openapi3filter.ValidateRequest(t.Context(), request); err != nil {
			t.Errorf("the request does not match the document: %v", err)
		}
	}
	response := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: w.Code, Header: w.Header(), Options: request.Options,
	}
	response.SetBodyBytes(w.Body.Bytes())
	if err := openapi3filter.ValidateResponse(t.Context(), response); err != nil {
		t.Errorf("the answer does not match the document: %v\n%s", err, w.Body)
	}
	if w.Code >= 400 {
		checkProblem(t, w)
	}
}

// checkProblem holds a problem to what the schema cannot say.
func checkProblem(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var p problem.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if _, ok := problem.Find(p.Code); !ok || p.Type != problem.Path+p.Code || p.Status != w.Code || p.Instance == "" || p.Detail == "" {
		t.Errorf("status %d, problem %+v", w.Code, p)
	}
	if got := w.Header().Get("Content-Type"); got != problem.ContentType {
		t.Errorf("content type %q", got)
	}
}

func TestPathsWithoutARouteAreProblemsToo(t *testing.T) {
	tests := []struct {
		method, target string
		want           int
		allow          string
	}{
		{"GET", api.Base + "/nowhere", 404, ""},
		{"GET", "/api/v2/checks", 404, ""},
		{"GET", api.Base + "/checks/a/b/c/d", 404, ""},
		{"DELETE", api.Base + "/checks", 405, "GET, HEAD"},
		{"GET", api.Base + "/checks/reports/run", 405, "POST"},
		{"BREW", api.Base + "/tokens", 405, "GET, HEAD, POST"},
	}
	for _, test := range tests {
		_, w := newHouse(t).do(t, test.method, test.target, "")
		if w.Code != test.want || w.Header().Get("Allow") != test.allow {
			t.Errorf("%s %s: %d, Allow %q; want %d, %q", test.method, test.target, w.Code, w.Header().Get("Allow"), test.want, test.allow)
		}
		checkProblem(t, w)
	}
}

// What may be different from a house in order.
func broken(_ *testing.T, h *house) {
	h.checks.broken = errors.New("read the history: disk on fire")
}

func refused(_ *testing.T, h *house) {
	mistake := problem.Mistake{File: "lapwing.yaml", Line: 14, Column: 9, Path: "checks[2].assert[0]", Message: `unknown name "stauts"`, Hint: `did you mean "status"?`}
	h.config.refuse = problem.Mistakes{mistake}
	h.config.reload = api.Reload{At: noon, Problems: []problem.Mistake{mistake}}
}

func unwell(_ *testing.T, h *house) {
	h.health.Raise(health.Notice{Code: "disk_full", Severity: health.Failing, Title: "Disk full", Text: "Free some space."})
	h.health.Raise(health.Notice{Code: "reload_refused", Severity: health.Warning, Title: "Reload refused", Text: "See the configuration."})
}

func withToken(t *testing.T, h *house) {
	t.Helper()
	if _, w := h.do(t, "POST", api.Base+"/tokens", `{"name":"grafana","scopes":["read"]}`); w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func asReader(_ *testing.T, h *house) { h.scope = access.Read }
func asSender(_ *testing.T, h *house) { h.scope = access.Ingest }
func asNobody(_ *testing.T, h *house) { h.scope = "" }
