package cli

import (
	"github.com/spf13/cobra"
)

func newCheck(s streams, g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use: "check", Short: "Run checks once", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCheckRun(s, g))
	return cmd
}
