package app

import "context"

// warmLatency fills the overview's latency chart with the hour before the
// start, in the background: a restart must not look like an outage.
func (a *App) warmLatency(ctx context.Context) error {
	shown := shownChecks{a.parts.checks}
	if err := a.latency.Fill(ctx, shown, shown.IDs(), a.started); err != nil && ctx.Err() == nil {
		a.log.Warn("the latency of the last hour could not be read", "error", err)
	}
	<-ctx.Done()
	return nil
}
