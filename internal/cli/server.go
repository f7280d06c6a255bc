package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/fault"
)

// serverTimeout bounds one request to a server. A receiver that is tested may
// take half a minute.
const serverTimeout = time.Minute

// serverFlags say which server a command asks.
type serverFlags struct{ address, token string }

// register adds the flags, for cmd and those below it. scope is what the token
// needs.
func (f *serverFlags) register(cmd *cobra.Command, scope string) {
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.address, "server", "http://127.0.0.1:7480", "address of the server (LAPWING_SERVER)")
	flags.StringVar(&f.token, "token", "", "API token, where the server asks for one: scope "+scope+" (LAPWING_TOKEN)")
}

// open returns the server that the flags name.
func (f *serverFlags) open(cmd *cobra.Command) (server, error) {
	err := fromEnv(cmd, "server", "token")
	return server{f.address, f.token}, err
}

// server is a running Lapwing.
type server struct{ address, token string }

// ask sends one request to the API, and reads its answer into answer, unless
// that is nil.
func (a server) ask(ctx context.Context, method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	server := a.address
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(server, "/")+"/api/v1"+path, &sent)
	if err != nil {
		return usageError("--server: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return unreachable("%w at %s: %w", errNoServer, server, err)
	}
	defer response.Body.Close() //nolint:errcheck // reading is over
	text, err := io.ReadAll(io.LimitReader(response.Body, 128<<20))
	if err != nil {
		return unreachable("the answer of %s broke off: %w", server, err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return refusal(server, response.StatusCode, text)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return unreachable("the answer of %s is not what this command reads: %w", server, err)
	}
	return nil
}

// refusal is what a server said that did not do it.
func refusal(server string, status int, body []byte) error {
	var problem struct {
		Detail string `json:"detail"`
	}
	switch err := json.Unmarshal(body, &problem); {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return unreachable("%s asks for a token; make one with `lapwing token create NAME --scope write`, and give it with --token or LAPWING_TOKEN", server)
	case err != nil || problem.Detail == "":
		return unreachable("%s answered %d %s", server, status, http.StatusText(status))
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		return fault.Invalid("%s", problem.Detail)
	case status >= http.StatusInternalServerError:
		return unreachable("%s: %s", server, problem.Detail)
	}
	return errors.New(problem.Detail)
}

// listing is a command that lists what a server has, as a table or as JSON.
type listing[T any] struct {
	use, short string
	path       func() string // of the API; called when flags are read
	member     string        // of the answer that has the rows
	none       string        // said when there are none, besides an empty table
	heading    string        // of the table, with tabs
	cells      func(row *T) []any
}

func (l listing[T]) command(s streams, f *serverFlags) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: l.use, Short: l.short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			server, err := f.open(cmd)
			if err != nil {
				return err
			}
			var answer map[string]json.RawMessage
			if err := server.ask(cmd.Context(), http.MethodGet, l.path(), nil, &answer); err != nil {
				return err
			}
			rows := []T{}
			if err := json.Unmarshal(answer[l.member], &rows); err != nil {
				return unreachable("the answer of %s is not what this command reads: %w", server.address, err)
			}
			return l.print(s, rows, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func (l listing[T]) print(s streams, rows []T, output string) error {
	if output == "json" {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(rows)
	}
	if len(rows) == 0 {
		fmt.Fprintln(s.err, l.none)
		return nil
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, l.heading)
	for i := range rows {
		for at, cell := range l.cells(&rows[i]) {
			if at > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, oneLine(fmt.Sprint(cell)))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// oneLine makes a foreign text fit for a cell and a terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}

// fixed is the path of a listing without parameters.
func fixed(path string) func() string { return func() string { return path } }
