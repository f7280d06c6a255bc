package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/block"
)

func newBlockAdd(s streams, g *globals, b *blockFlags) *cobra.Command {
	var last, reason string
	var shadow bool
	cmd := &cobra.Command{
		Use: "add TARGET", Short: "Block an address, a network, key:NAME or sub:SUBJECT", Args: cobra.ExactArgs(1),
		Long: `Block an address, a network, key:NAME or sub:SUBJECT. One that is blocked already has its
block changed. Standard output has the block's ID.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			spec := blocks.Spec{Target: args[0], Reason: reason, Shadow: shadow}
			if _, err := block.ParseTarget(args[0]); err != nil {
				return usageError("%w", err)
			}
			if last != "" {
				d, err := units.ParseDuration(last)
				if err != nil {
					return usageError("--for: %w", err)
				}
				if d <= 0 {
					return usageError("--for: %s is no time to block somebody for; without it a block holds until it is removed", last)
				}
				spec.For = d.Std()
			}
			return b.with(cmd, s, g, func(ctx context.Context, to blocker) error {
				row, err := to.add(ctx, spec)
				if err != nil {
					return err
				}
				what, until := "is blocked", "until somebody removes the block"
				if row.Shadow {
					what = "is counted as if it were blocked"
				}
				if !row.Expires.IsZero() {
					until = "until " + day(row.Expires)
				}
				fmt.Fprintf(s.err, "%s %s %s.\n", row.Target, what, until)
				_, err = fmt.Fprintln(s.out, row.ID)
				return err
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&last, "for", "", "how long, such as 10m, 1h or 7d; until it is removed without it")
	flags.StringVar(&reason, "reason", "", "why, for those who look at the list later")
	flags.BoolVar(&shadow, "shadow", false, "only count what the block would hit")
	return cmd
}

func newBlockRemove(s streams, g *globals, b *blockFlags) *cobra.Command {
	return &cobra.Command{
		Use: "rm TARGET", Short: "Let a client in again, named by the target or the ID of its block", Aliases: []string{"remove"}, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return b.with(cmd, s, g, func(ctx context.Context, to blocker) error {
				if err := to.remove(ctx, args[0]); err != nil {
					return err
				}
				fmt.Fprintf(s.err, "The block %s has ended.\n", args[0])
				return nil
			})
		},
	}
}
