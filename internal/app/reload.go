package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/web/problem"
)

// The notices of a reload.
const (
	refusedNotice = "config_refused"
	restartNotice = "config_restart"
)

// reloadStatus is how the last reload went.
type reloadStatus struct {
	at       time.Time
	err      error
	problems []config.Error
	good     time.Time // the last one that went well
}

func (s *reloadStatus) set(err error) {
	s.err, s.problems = err, nil
	if mistakes, ok := errors.AsType[*config.Errors](err); ok {
		s.problems = mistakes.All
	}
}

// mistakes are the problems as the HTTP surface tells them.
func (s *reloadStatus) mistakes() problem.Mistakes {
	var list problem.Mistakes
	for _, p := range s.problems {
		list = append(list, problem.Mistake{
			File: p.File, Line: p.Line, Column: p.Column, Path: p.Path, Message: p.Message, Hint: p.Hint, Excerpt: p.Excerpt,
		})
	}
	return list
}

// Reload reads the configuration file again. All parts prepare; any error
// leaves everything as it was and is returned, logged and shown. Then all
// commit, which cannot fail.
func (a *App) Reload(ctx context.Context) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	if a.watcher == nil {
		return fault.Conflict("this server runs without a configuration file; there is nothing to reload")
	}
	loaded, err := LoadConfig(a.options.ConfigFile)
	if mistakes, ok := errors.AsType[*config.Errors](err); ok {
		a.watcher.Expect(mistakes.Seen) // what is corrected need not be in the configuration that runs
	}
	if err == nil {
		a.watcher.Expect(seenBy(loaded))
		var commit func()
		if commit, err = a.parts.prepare(ctx, loaded); err == nil {
			commit()
		}
	}
	a.noteReload(loaded, err)
	return err
}

// noteReload shows the outcome in the log, on the pages, and to whoever looks.
func (a *App) noteReload(loaded *config.Loaded, err error) {
	now := time.Now()
	a.mu.Lock()
	a.reload.at = now
	a.reload.set(err)
	if err == nil {
		a.reload.good = now
		a.noteRestart(loaded)
		a.loaded = loaded
	}
	a.mu.Unlock()
	if err != nil {
		a.log.Error("the configuration was refused; what runs goes on unchanged", "file", a.options.ConfigFile, "error", err)
		a.notices.Raise(health.Notice{
			Code: refusedNotice, Severity: health.Warning, Title: "The configuration file has mistakes",
			Text: refusal(err),
		})
	} else {
		a.log.Info("the configuration was reloaded", "file", a.options.ConfigFile, "checks", len(loaded.File.Checks))
		a.notices.Clear(refusedNotice)
	}
	a.hub.Publish("config", map[string]bool{"ok": err == nil})
}

// refusal is the short form of a refused reload; the log and the settings page
// have every mistake.
func refusal(err error) string {
	const goesOn = "what ran before goes on unchanged. The settings page and `lapwing config check` list every mistake"
	mistakes, ok := errors.AsType[*config.Errors](err)
	if !ok {
		return "It was refused, and " + goesOn + ": " + err.Error() + "."
	}
	first := mistakes.All[0]
	first.Excerpt = ""
	if n := len(mistakes.All) + mistakes.More; n > 1 {
		return fmt.Sprintf("It has %d mistakes, and %s. The first is %s.", n, goesOn, first.Error())
	}
	return fmt.Sprintf("It has a mistake, and %s: %s.", goesOn, first.Error())
}

// noteRestart says which changes wait for a restart. The caller holds the lock.
func (a *App) noteRestart(loaded *config.Loaded) {
	var changed []string
	if a.options.Listen == "" && a.inForce.listen != loaded.File.Listen {
		changed = append(changed, "listen")
	}
	if a.options.Data == "" && a.inForce.data != DataFolder(loaded) {
		changed = append(changed, "data")
	}
	if a.inForce.traffic != loaded.File.Traffic {
		changed = append(changed, "traffic")
	}
	was, is := a.inForce.metrics.Filled(), loaded.File.Metrics.Filled()
	if was.Retention != is.Retention || was.MaxSize != is.MaxSize || was.CheckDetails != is.CheckDetails || was.Query != is.Query {
		changed = append(changed, "metrics")
	}
	changed = append(changed, a.parts.limits.NeedsRestart(limitsOf(&loaded.File), loaded.Dir)...)
	if len(changed) == 0 {
		a.notices.Clear(restartNotice)
		return
	}
	keys := strings.Join(changed, " and ")
	a.log.Warn("the configuration asks for what only a restart changes; everything else is in force", "file", a.options.ConfigFile, "keys", keys)
	a.notices.Raise(health.Notice{
		Code: restartNotice, Severity: health.Warning, Title: "Restart to use the new " + keys,
		Text: "In the configuration, " + keys + " differs from what this server was started with; it is used from the next start on. Everything else is in force.",
	})
}

// seenBy is what a configuration was read from, and its password file, which
// the parts read when they prepare.
func seenBy(loaded *config.Loaded) config.Seen {
	if file := loaded.File.Access.PasswordFile; file != "" {
		return loaded.Seen.With(resolve(loaded.Dir, file))
	}
	return loaded.Seen
}

// watchFiles reloads when a file of the configuration changes.
func (a *App) watchFiles(ctx context.Context) error {
	a.watcher.Run(ctx, func() {
		_ = a.Reload(ctx) //nolint:errcheck // logged and shown by Reload
	})
	return nil
}

// collectors are the metrics of reloads.
func (s *reloadStatus) collectors(mu *sync.Mutex) []prometheus.Collector {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			mu.Lock()
			defer mu.Unlock()
			return value()
		})
	}
	return []prometheus.Collector{
		gauge("lapwing_config_last_reload_successful", "Whether the last reload of the configuration went well.", func() float64 {
			if s.err != nil {
				return 0
			}
			return 1
		}),
		gauge("lapwing_config_last_reload_success_timestamp_seconds", "When the configuration was last read without mistakes.", func() float64 {
			return float64(s.good.Unix())
		}),
	}
}
