package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
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
