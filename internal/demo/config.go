package demo

import (
	_ "embed"
)

//go:embed demo.yaml
var configuration string

// Config is the demo's configuration, a lapwing.yaml whose variables
// Environment knows.
func Config() []byte { return []byte(configuration) }

// Environment looks up the variables of Config; base is where API is served.
func Environment(base string) func(name string) (value string, ok bool) {
	return func(name string) (string, bool) {
		switch name {
		case "DEMO_URL":
			return base, true
		case "DEMO_PASSWORD":
			return demoPassword, true
		default:
			return "", false
		}
	}
}
