package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/app"
	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/demo"
	"lapwing.dev/lapwing/internal/state"
)

func newDemo(s streams, g *globals) *cobra.Command {
	var listen, dev string
	cmd := &cobra.Command{
		Use: "demo", Short: "Look around: a demo API under checks, with an invented past", Args: cobra.NoArgs,
		Long: `Look around. Lapwing serves a small shop API with weak spots on purpose, checks it, and
invents its last 90 days. Everything is in memory: Ctrl-C forgets it.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnv(cmd, "listen"); err != nil {
				return err
			}
			return runDemo(cmd.Context(), s, g, listen, dev)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "address of the web interface, 127.0.0.1:7480 (LAPWING_LISTEN)")
	cmd.Flags().StringVar(&dev, "dev", "", "read templates and styles from this folder (internal/web/ui) for each request")
	return cmd
}

// demoSeed makes every demo's past the same one.
const demoSeed = 7480

func runDemo(ctx context.Context, s streams, g *globals, listen, dev string) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serve the demo API: %w", err)
	}
	inbox := &demo.Inbox{Received: func(m demo.Message) { fmt.Fprintln(s.err, "  ✉ the demo's webhook got  "+m.String()) }}
	served := http.NewServeMux()
	served.Handle(demo.InboxPath, inbox)
	served.Handle("/", demo.API(rand.Uint64())) //nolint:gosec // delays, not secrets
	shop := &http.Server{Handler: served, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- shop.Serve(ln) }()
	defer func() {
		_ = shop.Close() //nolint:errcheck // the process ends
		<-ended
	}()
	base := "http://" + ln.Addr().String()
	loaded, err := config.Parse("demo.yaml", demo.Config(), demo.Environment(base))
	if err != nil {
		return err
	}
	a, err := app.New(ctx, app.Options{
		Log: g.quietly(s.err), Config: loaded, Listen: listen, Data: state.Memory, Dev: dev,
		Demo: true, Seeds: demoSeeds(time.Now()), Gateway: demoGateway(ctx),
		OnReady: func(ctx context.Context, a *app.App) { announceDemo(ctx, s, a, base) },
	})
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

func demoSeeds(now time.Time) map[string]app.Seed {
	seeds := map[string]app.Seed{}
	for name, past := range demo.History(now, demoSeed) {
		seeds[checks.ID(name)] = app.Seed(past)
	}
	return seeds
}

// demoGateway is the demo's usual address, or any other when it is taken: a demo
// must start.
func demoGateway(ctx context.Context) string {
	const usual = "127.0.0.1:8480"
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", usual)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = ln.Close() //nolint:errcheck // the gateway will tell when it is not free
	return usual
}

func announceDemo(ctx context.Context, s streams, a *app.App, base string) {
	fmt.Fprintf(s.err, "Lapwing %s  demo  ● ready in %s          (data in memory, Ctrl-C forgets it)\n", app.Version().Version, a.StartTook())
	fmt.Fprintf(s.err, "  UI      %s\n  API     %s/openapi.json   (served by Lapwing, with weak spots on purpose)\n  Gateway %s   (in front of it, with invented clients)\n", a.URL(), base, a.GatewayURL())
	for _, id := range []string{"health", "orders-list", "refunds"} {
		result, err := a.Checks().RunNow(ctx, id)
		if err != nil {
			return // Ctrl-C
		}
		printResult(s.err, id, result)
	}
	fmt.Fprintln(s.err, "  Next:   lapwing watch http://localhost:8000")
	if _, err := a.Blocks().Add(ctx, blocks.Spec{Target: demo.BlockedClient, Reason: "copied the catalogue every night (demo)"}, "demo"); err != nil {
		fmt.Fprintln(s.err, "  the demo's block was not set:", err)
	}
	demo.Traffic(ctx, strings.TrimSuffix(a.GatewayURL(), "/"))
}
