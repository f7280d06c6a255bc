package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/app"
	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/internal/limits"
)

func newLimits(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "limits", Short: "Show limits, and try them out", Args: cobra.NoArgs,
		Long: `Show limits, and try them out before they are in force:

  lapwing limits list                                       what there is, and what it has done
  lapwing limits test --client 203.0.113.7 --path /orders   what would happen to one request
  lapwing limits simulate --from 24h                        what would have happened to all of them
  lapwing limits simulate --from 24h --rate per-client=100/minute`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLimitsList(s), newLimitsTest(s), newLimitsSimulate(s))
	return cmd
}

// limitsOf are the sections of a file that say what is limited.
func limitsOf(f *config.File) limits.Config {
	return limits.Config{Limits: f.Limits, Tiers: f.Tiers, Limiter: f.Limiter}
}

// limitFlags choose a configuration and limits of it.
type limitFlags struct {
	file  string
	names []string
}

func (l *limitFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&l.file, "config", "c", defaultFile, "configuration file (LAPWING_CONFIG)")
	cmd.Flags().StringSliceVar(&l.names, "limits", nil, "names of limits, instead of those of the route")
}

// load reads the configuration, which must have limits.
func (l *limitFlags) load(cmd *cobra.Command) (*config.Loaded, error) {
	if err := fromEnv(cmd, "config"); err != nil {
		return nil, err
	}
	loaded, err := app.LoadConfig(l.file)
	if err != nil {
		return nil, err
	}
	if len(loaded.File.Limits) == 0 {
		return nil, fmt.Errorf("%s has no limits; add some under limits:, for instance {name: per-client, rate: 500/minute}", l.file)
	}
	known := limitNames(&loaded.File)
	for _, name := range l.names {
		if !slices.Contains(known, name) {
			return nil, usageError("--limits: there is no limit %q; the limits are %s", name, strings.Join(known, ", "))
		}
	}
	return loaded, nil
}

func limitNames(f *config.File) []string {
	names := make([]string, len(f.Limits))
	for i := range f.Limits {
		names[i] = f.Limits[i].Name
	}
	return names
}

// routeOf finds the route of the gateway that a request takes, as far as its
// method, host and path say; nil when there is none.
func routeOf(f *config.File, method, host, path string) *gateway.Route {
	var found *gateway.Route
	for i := range f.Gateway.Routes {
		r := &f.Gateway.Routes[i]
		prefix := r.Path
		if prefix == "" {
			prefix = "/"
		}
		switch {
		case host != "" && r.Host != "" && !hostMatches(r.Host, host):
		case len(r.Methods) > 0 && !slices.Contains(r.Methods, method):
		case !below(path, prefix):
		case found == nil, len(prefix) > len(found.Path), len(prefix) == len(found.Path) && found.Host == "" && r.Host != "" && host != "":
			found = r
		}
	}
	return found
}

func hostMatches(pattern, host string) bool {
	if suffix, wild := strings.CutPrefix(pattern, "*"); wild {
		return strings.HasSuffix(host, suffix) && len(host) > len(suffix)
	}
	return strings.EqualFold(pattern, host)
}

// below reports whether whole segments of path begin with prefix.
func below(path, prefix string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	rest, found := strings.CutPrefix(path, prefix)
	return found && (rest == "" || rest[0] == '/')
}

// checkOutput checks the value of --output.
func checkOutput(output string) error {
	if output != "table" && output != "json" {
		return usageError("--output: %q is not known; use table or json", output)
	}
	return nil
}
