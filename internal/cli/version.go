package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/app"
)

func newVersion(s streams) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := app.Version()
			_, err := fmt.Fprintf(s.out, "lapwing %s (%s, %s)\n", v.Version, v.Go, v.Platform)
			return err
		},
	}
}
