package app

import (
	"context"
	"io"
	"log/slog"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/state"
	"lapwing.dev/lapwing/internal/web/api"
)

// Options say what to run.
type Options struct {
	Log        *slog.Logger
	ConfigFile string         // read, and watched for changes; exclusive with Config
	Config     *config.Loaded // a configuration without a file: nothing to reload
	Listen     string         // overrides the file's when not empty
	Gateway    string         // address of the gateway, overrides the file's when not empty
	Stdout     io.Writer      // of an access log that goes there; nil: nowhere
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

// override shows what a flag (or its environment variable) put in the place of
// what the file says.
func (o *Options) override(s api.Setting) api.Setting {
	flag, value := "", ""
	switch s.Path {
	case "listen":
		flag, value = "--listen", o.Listen
	case "gateway.listen":
		flag, value = "--gateway", o.Gateway
	case "data":
		flag, value = "--data", o.Data
		if value == state.Memory {
			value = "in memory"
		}
	}
	if value == "" {
		return s
	}
	return api.Setting{Path: s.Path, Value: value, File: flag}
}
