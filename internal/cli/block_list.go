package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newBlockList(s streams, g *globals, b *blockFlags) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "list", Short: "List who is blocked, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			return b.with(cmd, s, g, func(ctx context.Context, of blocker) error {
				rows, err := of.list(ctx)
				if err != nil {
					return err
				}
				return printBlocks(s, rows, output)
			})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func printBlocks(s streams, rows []blockRow, output string) error {
	if output == "json" {
		if rows == nil {
			rows = []blockRow{}
		}
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(rows)
	}
	if len(rows) == 0 {
		fmt.Fprintln(s.err, "Nobody is blocked. Block somebody: lapwing block add 203.0.113.7 --for 1h --reason TEXT")
		return nil
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tTARGET\tSINCE\tUNTIL\tBY\tREASON")
	for _, r := range rows {
		reason := r.Reason
		if r.Shadow {
			reason = "(only counted) " + reason
		}
		until := "removed"
		if !r.Expires.IsZero() {
			until = day(r.Expires)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Target, day(r.Created), until, r.Author, reason)
	}
	return w.Flush()
}
