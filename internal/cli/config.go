package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/app"
	"lapwing.dev/lapwing/internal/config"
)

func newConfig(s streams, g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Check and show the configuration", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigCheck(s, g), newConfigShow(s, g), newConfigSchema(s))
	return cmd
}

func newConfigCheck(s streams, g *globals) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "check [FILE]", Short: "Find every mistake, without running anything", Args: cobra.MaximumNArgs(1),
		Long: `Find every mistake in a configuration, with file, line and column, without running
anything. It goes the way that serve goes, so the two cannot disagree. Exit status 3
when there are mistakes.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := fileArg(cmd, file, args)
			if err != nil {
				return err
			}
			loaded, err := app.LoadConfig(path)
			if err != nil {
				return err
			}
			if err := app.CheckConfig(cmd.Context(), g.quietly(s.err), loaded); err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.out, "%s is good: %s, %s\n", path,
				plural(len(loaded.File.APIs), "API"), plural(len(loaded.File.Checks), "check"))
			return err
		},
	}
	fileFlag(cmd, &file)
	return cmd
}

func newConfigShow(s streams, _ *globals) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "show [FILE]", Short: "Print the effective configuration, defaults included, secrets masked", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := fileArg(cmd, file, args)
			if err != nil {
				return err
			}
			loaded, err := app.LoadConfig(path)
			if err != nil {
				return err
			}
			text, err := loaded.YAML()
			if err != nil {
				return err
			}
			_, err = s.out.Write(text)
			return err
		},
	}
	fileFlag(cmd, &file)
	return cmd
}

func newConfigSchema(s streams) *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of the configuration, for editors", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := s.out.Write(config.Schema())
			return err
		},
	}
}

func fileFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "config", "c", defaultFile, "configuration file, as well as FILE (LAPWING_CONFIG)")
}

// fileArg is the file that the command is about: its argument or its flag.
func fileArg(cmd *cobra.Command, flag string, args []string) (string, error) {
	if len(args) == 0 {
		if err := fromEnv(cmd, "config"); err != nil {
			return "", err
		}
		return cmd.Flags().Lookup("config").Value.String(), nil
	}
	if cmd.Flags().Changed("config") && flag != args[0] {
		return "", usageError("%s and %s are two files; name one", flag, args[0])
	}
	return args[0], nil
}
