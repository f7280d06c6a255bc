package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/middleware/limit"
)

// limitsTest is one call of `lapwing limits test`.
type limitsTest struct {
	limitFlags
	client, method, path, host, operation, apiKey string
	headers, claims, cookies                      []string
	output                                        string
}

func newLimitsTest(s streams) *cobra.Command {
	t := limitsTest{}
	cmd := &cobra.Command{
		Use: "test", Short: "Say what would happen to a request: tier, limits, who is counted, fields of the answer", Args: cobra.NoArgs,
		Long: `Say what would happen to a request: which tier it is in, which limits hold for its
route, who is counted, how much is left after it, and the fields that its answer would
have. It reads the configuration alone: the client has made no request before.

  lapwing limits test --client 203.0.113.7 --path /orders --claim plan=pro`,
		RunE: func(cmd *cobra.Command, _ []string) error { return t.run(cmd, s.out) },
	}
	t.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&t.client, "client", "", "who sends it: an address, or key:NAME of an API key, or sub:SUBJECT of a token")
	flags.StringVar(&t.method, "method", http.MethodGet, "method")
	flags.StringVar(&t.path, "path", "/", "path, without the query")
	flags.StringVar(&t.host, "host", "", "host, where routes differ in it")
	flags.StringVar(&t.operation, "operation", "", `operation, such as "GET /orders/{id}"; the method and the path without it`)
	flags.StringVar(&t.apiKey, "api-key", "", "name of its API key")
	flags.StringArrayVar(&t.headers, "header", nil, `header "Name: value"; several with the flag repeated`)
	flags.StringArrayVar(&t.claims, "claim", nil, "claim of its token, name=value; several with the flag repeated")
	flags.StringArrayVar(&t.cookies, "cookie", nil, "cookie name=value; several with the flag repeated")
	flags.StringVarP(&t.output, "output", "o", "table", "table or json")
	return cmd
}

func (t *limitsTest) run(cmd *cobra.Command, out io.Writer) error {
	if err := checkOutput(t.output); err != nil {
		return err
	}
	request, err := t.request()
	if err != nil {
		return err
	}
	loaded, err := t.load(cmd)
	if err != nil {
		return err
	}
	names, where := t.names, "named on the command line"
	if len(names) == 0 {
		names, where = limitNames(&loaded.File), "all of the file, as no route of the gateway takes this request"
		if r := routeOf(&loaded.File, t.method, t.host, t.path); r != nil {
			names, where = r.Limits, fmt.Sprintf("of the route %s of %s", cleanPath(r.Path), r.API)
			request.API = r.API
		}
	}
	c := limitsOf(&loaded.File)
	e, err := c.Explain(cmd.Context(), names, request)
	if err != nil {
		return err
	}
	if t.output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(e)
	}
	return printExplanation(out, e, where)
}

func cleanPath(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

// named are texts by name.
type named map[string]string

// Get implements limit.Values.
func (n named) Get(name string) string { return n[name] }

func (t *limitsTest) request() (*limit.Request, error) {
	if !strings.HasPrefix(t.path, "/") {
		return nil, usageError("--path: %q does not begin with /", t.path)
	}
	q := &limit.Request{Method: t.method, Path: t.path, Operation: t.operation, APIKey: t.apiKey}
	if q.Operation == "" {
		q.Operation = t.method + " " + t.path
	}
	claims, err := pairs("--claim", t.claims)
	if err != nil {
		return nil, err
	}
	cookies, err := pairs("--cookie", t.cookies)
	if err != nil {
		return nil, err
	}
	kind, name, _ := strings.Cut(t.client, ":")
	addr, addrErr := netip.ParseAddr(t.client)
	switch {
	case t.client == "":
	case addrErr == nil:
		q.Client = addr.Unmap()
	case kind == "key":
		q.APIKey = name
	case kind == "sub":
		claims["sub"] = name
	default:
		return nil, usageError("--client: %q is neither an address nor key:NAME nor sub:SUBJECT", t.client)
	}
	headers := http.Header{}
	for _, text := range t.headers {
		name, value, found := strings.Cut(text, ":")
		if !found {
			return nil, usageError(`--header: %q is not a header; write "Name: value"`, text)
		}
		headers.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	q.Headers, q.Cookies, q.Token = headers, cookies, claims
	return q, nil
}

func pairs(flag string, list []string) (named, error) {
	values := named{}
	for _, text := range list {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, usageError("%s: %q has no value; write name=value", flag, text)
		}
		values[name] = value
	}
	return values, nil
}

func printExplanation(out io.Writer, e *limits.Explanation, where string) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	verdict := map[string]string{"allow": "let in", "delay": "let in after waiting", "reject": "rejected"}[e.Verdict]
	if e.Policy != "" {
		verdict += " by " + e.Policy + " (" + e.Reason + ")"
	}
	fmt.Fprintf(w, "verdict\t%s\n", verdict)
	if e.Shadow != "" {
		fmt.Fprintf(w, "shadow\t%s would hold it back\n", e.Shadow)
	}
	tier := e.Tier
	if tier == "" {
		tier = "none"
	}
	if e.Upstream != "" {
		tier += ", to the upstreams " + e.Upstream
	}
	fmt.Fprintf(w, "tier\t%s\n", tier)
	fmt.Fprintf(w, "limits\t%s\n", where)
	for _, l := range e.Limits {
		fmt.Fprintf(w, "  %s\tcounted: %s\n", l.Name, l.Key)
		if l.Exempt {
			fmt.Fprintf(w, "  \texempt, it does not count\n")
			continue
		}
		if l.Cost != 1 {
			fmt.Fprintf(w, "  \tcosts %d\n", l.Cost)
		}
		for _, s := range l.States {
			window := ""
			if s.Window > 0 {
				window = " in " + s.Window.String()
			}
			fmt.Fprintf(w, "  \t%s: %d%s; %d more at once now\n", s.Name, s.Limit, window, s.Remaining)
		}
	}
	for _, f := range e.Fields {
		fmt.Fprintf(w, "%s\t%s\n", f.Name, f.Value)
	}
	return w.Flush()
}
