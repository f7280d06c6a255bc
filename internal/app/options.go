package app

import (
	"context"
	"log/slog"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/config"
)

// Options say what to run.
type Options struct {
	Log        *slog.Logger
	ConfigFile string         // read, and watched for changes; exclusive with Config
	Config     *config.Loaded // a configuration without a file: nothing to reload
	Listen     string         // overrides the file's when not empty
	Data       string         // overrides the file's when not empty; state.Memory keeps nothing
	Dev        string         // folder of package ui's sources, to read templates from on each request
	Demo       bool           // the pages say that this is demo data
	Seeds      map[string]Seed

	// OnReady is called once, when everything runs. Its context ends with the App.
	OnReady func(context.Context, *App)
}

// Seed is invented history of one check, for the demo.
type Seed struct {
	Rollups     map[checks.Step][]checks.Rollup
	Results     []checks.Result
	Transitions []checks.Transition
}
