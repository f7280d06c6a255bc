package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
)

// validators look at the whole file, in this order. Where two of them report
// the same path, the first is heard.
var validators = []func(*File, string) fault.Problems{
	validateWhole,
	validateTexts,
	validateNames,
	validateReferences,
	validateTargets,
	validateTimes,
	validateSections,
}

// validate runs the validators on what was bound, and asks the others when
// there are mistakes. A mistake about a value that
// could not be bound would be an echo of the first one, so it is left out.
func (l *loader) validate(loaded *Loaded) {
	heard := map[string]int{}
	turn := 0
	hear := func(problems fault.Problems) {
		turn++
		for _, p := range problems {
			if first, known := heard[p.Path]; (known && first != turn) || l.echoes(p.Path) {
				continue
			}
			heard[p.Path] = turn
			if l.errs.full() {
				continue
			}
			l.errs.add(loaded.locateProblem(p))
		}
	}
	for _, validator := range validators {
		hear(validator(&loaded.File, loaded.Dir))
	}
	if !l.above["gateway"] { // what it lacks could be what was not bound
		hear(validateGateway(&loaded.File))
	}
	if len(l.errs.list) == 0 {
		return
	}
	for _, other := range l.others {
		hear(other(loaded))
	}
}

// echoes reports whether a mistake at path, above it or below it is known, or
// one that explains why nothing is at path: an unknown key beside it.
func (l *loader) echoes(path string) bool {
	if _, _, whole := l.joined.locate(path); !whole && path != "" && l.misspelt[around(path)] {
		return true
	}
	if l.above[path] {
		return true
	}
	for ; path != ""; path = around(path) {
		if l.broken[path] {
			return true
		}
	}
	return false
}

func validateWhole(f *File, _ string) fault.Problems {
	var ps fault.Problems
	watched := len(f.APIs) + len(f.Checks) + len(f.Gateway.Routes) + len(f.Heartbeats) + len(f.Ingest.AccessLogs) + len(f.Ingest.ErrorLogs)
	if watched == 0 && !f.ScrapeConfigs.Given() {
		ps = append(ps, fault.Problem{
			Message: "there is nothing to watch: neither checks nor apis are given",
			Hint:    "begin with these two lines:",
			Excerpt: "checks:\n  - {name: my-api, url: \"http://127.0.0.1:8000/health\"}",
		})
	}
	if message, hint := listenProblem(f.Listen); message != "" {
		ps.Add("listen", hint, "%s", message)
	}
	if strings.TrimSpace(f.Data) == "" {
		ps.Add("data", "write ./data", "the folder of the embedded stores has no name")
	}
	if f.History.Evidence < 0 {
		ps.Add("history.evidence", "0 keeps none", "%d is less than nothing", f.History.Evidence)
	}
	return ps
}

// CheckListen says what is wrong with an address to listen on that does not
// come from a file, with the words that would be used for one that does.
func CheckListen(address string) error {
	if message, hint := listenProblem(address); message != "" {
		return fault.Invalid("listen address: %s; %s", message, hint)
	}
	return nil
}

// listenProblem says what is wrong with an address to listen on.
func listenProblem(address string) (message, hint string) {
	hint = "write host:port, such as 127.0.0.1:7480"
	if strings.Contains(address, "://") {
		return fmt.Sprintf("%q is a URL, not an address", address), hint
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Sprintf("%q is not an address", address), hint
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Sprintf("%q is not a port", port), "write a number from 1 to 65535, or 0 for any free port"
	}
	if strings.ContainsAny(host, " /[]*") {
		return fmt.Sprintf("%q is not a host", host), hint
	}
	return "", ""
}
