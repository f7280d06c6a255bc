package cli

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/block"
)

func newBlock(s streams, g *globals) *cobra.Command {
	b := &blockFlags{}
	cmd := &cobra.Command{
		Use: "block", Short: "Keep clients out, and let them in again", Args: cobra.NoArgs,
		Long: `Keep clients out, and let them in again:

  lapwing block add 203.0.113.7 --for 1h --reason "scans for passwords"
  lapwing block add 2001:db8::/48 --shadow     only count what it would hit
  lapwing block add key:mobile-app             a key or sub:SUBJECT, from wherever it comes
  lapwing block rm 203.0.113.7                 by target or by ID
  lapwing block list

A running server is asked, and a block is in force when the command ends. Where no
server runs, the blocks in its data folder are changed.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	b.register(cmd)
	cmd.AddCommand(newBlockAdd(s, g, b), newBlockRemove(s, g, b), newBlockList(s, g, b))
	return cmd
}

// blocker is whoever can be asked about blocks: a server, or its data folder.
type blocker interface {
	add(ctx context.Context, spec blocks.Spec) (blockRow, error)
	remove(ctx context.Context, id string) error
	list(ctx context.Context) ([]blockRow, error)
}

// blockRow is a block as it is printed, and as the API has it.
type blockRow struct {
	ID      string    `json:"id"`
	Target  string    `json:"target"`
	Reason  string    `json:"reason,omitempty"`
	Author  string    `json:"author,omitempty"`
	Rule    string    `json:"rule,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Shadow  bool      `json:"shadow"`
}

func blockRowOf(e *block.Entry) blockRow {
	return blockRow{e.ID, e.Target.String(), e.Reason, e.Author, e.Rule, e.Created, e.Expires, e.Shadow}
}

// blockFlags say which server and which folder a command works on.
type blockFlags struct {
	dataFlags
	server, token string
}

func (b *blockFlags) register(cmd *cobra.Command) {
	b.dataFlags.register(cmd)
	flags := cmd.PersistentFlags()
	flags.StringVar(&b.server, "server", "http://127.0.0.1:7480", "address of the server (LAPWING_SERVER)")
	flags.StringVar(&b.token, "token", "", "API token, where the server asks for one: scope write, or read to list (LAPWING_TOKEN)")
}

// with lets do ask the server or, where none answers and none was named, the
// data folder.
func (b *blockFlags) with(cmd *cobra.Command, s streams, g *globals, do func(context.Context, blocker) error) error {
	if err := fromEnv(cmd, "server", "token"); err != nil {
		return err
	}
	err := do(cmd.Context(), &blockServer{server{b.server, b.token}})
	if !errors.Is(err, errNoServer) || cmd.Flags().Changed("server") {
		return err
	}
	return b.withFolder(cmd, s, g, do)
}

// blockServer asks a running server.
type blockServer struct{ server }

func (b *blockServer) add(ctx context.Context, spec blocks.Spec) (blockRow, error) {
	var row blockRow
	wanted := map[string]any{"target": spec.Target, "reason": spec.Reason, "shadow": spec.Shadow}
	if spec.For > 0 {
		wanted["for"] = units.Duration(spec.For).String() // as the server reads it
	}
	return row, b.ask(ctx, http.MethodPost, "/blocks", wanted, &row)
}

func (b *blockServer) remove(ctx context.Context, id string) error {
	return b.ask(ctx, http.MethodDelete, "/blocks/"+url.PathEscape(id), nil, nil)
}

func (b *blockServer) list(ctx context.Context) ([]blockRow, error) {
	var answer struct {
		Blocks []blockRow `json:"blocks"`
	}
	return answer.Blocks, b.ask(ctx, http.MethodGet, "/blocks", nil, &answer)
}
