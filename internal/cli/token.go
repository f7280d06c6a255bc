package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/units"
)

func newToken(s streams, g *globals) *cobra.Command {
	data := &dataFlags{}
	cmd := &cobra.Command{
		Use: "token", Short: "Make, list and revoke API tokens", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	data.register(cmd)
	cmd.AddCommand(newTokenCreate(s, g, data), newTokenList(s, g, data), newTokenRevoke(s, g, data))
	return cmd
}

func newTokenCreate(s streams, g *globals, data *dataFlags) *cobra.Command {
	var scopes []string
	var expires string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a token; its text is printed once and never again", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := access.ParseScopes(scopes)
			if err != nil {
				return usageError("--scope: %w", err)
			}
			var until time.Time
			if expires != "" {
				d, err := units.ParseDuration(expires)
				if err != nil {
					return usageError("--expires: %w", err)
				}
				until = time.Now().Add(d.Std())
			}
			return data.withAccess(cmd, s, g, func(ctx context.Context, m *access.Manager) error {
				token, text, err := m.CreateToken(ctx, args[0], wanted, until, "command line")
				if err != nil {
					return err
				}
				fmt.Fprintf(s.err, "Token %s (%s). It is not kept and cannot be shown again:\n", token.ID, token.Name)
				_, err = fmt.Fprintln(s.out, text.Reveal())
				return err
			})
		},
	}
	cmd.Flags().StringSliceVar(&scopes, "scope", []string{"read"}, "ingest, read, write or admin")
	cmd.Flags().StringVar(&expires, "expires", "", "end of its life from now, such as 90d; never without it")
	return cmd
}

func newTokenList(s streams, g *globals, data *dataFlags) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "list", Short: "List tokens", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return usageError("--output: %q is not known; use table or json", output)
			}
			return data.withAccess(cmd, s, g, func(ctx context.Context, m *access.Manager) error {
				tokens, err := m.Tokens(ctx)
				if err != nil {
					return err
				}
				return printTokens(s, tokens, output)
			})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

// tokenRow is a token as it is printed.
type tokenRow struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	Scopes   []access.Scope `json:"scopes"`
	Created  time.Time      `json:"created"`
	Expires  time.Time      `json:"expires,omitzero"`
	LastUsed time.Time      `json:"last_used,omitzero"`
}

func printTokens(s streams, tokens []access.Token, output string) error {
	rows := make([]tokenRow, 0, len(tokens))
	for _, t := range tokens {
		rows = append(rows, tokenRow{t.ID, t.Name, t.Scopes, t.Created, t.Expires, t.LastUsed})
	}
	if output == "json" {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(rows)
	}
	if len(rows) == 0 {
		fmt.Fprintln(s.err, "No tokens. Make one: lapwing token create NAME --scope read")
		return nil
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tSCOPES\tCREATED\tEXPIRES\tLAST USED")
	for _, r := range rows {
		scopes := make([]string, len(r.Scopes))
		for i, scope := range r.Scopes {
			scopes[i] = string(scope)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Name, strings.Join(scopes, ","), day(r.Created), day(r.Expires), day(r.LastUsed))
	}
	return w.Flush()
}

func day(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format("2006-01-02 15:04")
}

func newTokenRevoke(s streams, g *globals, data *dataFlags) *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "Revoke a token; it ends at once", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return data.withAccess(cmd, s, g, func(ctx context.Context, m *access.Manager) error {
				if err := m.RevokeToken(ctx, args[0], "command line"); err != nil {
					return err
				}
				fmt.Fprintf(s.err, "Token %s is revoked.\n", args[0])
				return nil
			})
		},
	}
}
