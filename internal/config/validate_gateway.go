package config

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/internal/gateway/auth"
)

// validateGateway looks at what the gateway has in common with other sections.
func validateGateway(f *File) fault.Problems {
	var ps fault.Problems
	if len(f.Gateway.Routes) == 0 {
		return nil
	}
	tierUpstreams(&ps, f)
	idleLimits(&ps, f)
	exemptKeys(&ps, f)
	listens(&ps, f)
	return ps
}

// tierUpstreams wants a group of upstreams that a tier names to be in a route.
func tierUpstreams(ps *fault.Problems, f *File) {
	groups := []string{"default"}
	for i := range f.Gateway.Routes {
		groups = append(groups, slices.Sorted(maps.Keys(f.Gateway.Routes[i].Upstreams))...)
	}
	for i := range f.Tiers {
		if name := f.Tiers[i].Upstream; name != "" && !slices.Contains(groups, name) {
			hint := cmp.Or(fault.DidYouMean(name, groups), "add it to the upstreams of a route, as in {default: [http://127.0.0.1:8000], "+name+": [http://127.0.0.1:8001]}")
			ps.Add(fmt.Sprintf("tiers[%d].upstream", i), hint, "no route has upstreams %q", name)
		}
	}
}

// idleLimits wants each limit to be in a route: one that is in none, and what
// tiers say of it, holds for nobody.
func idleLimits(ps *fault.Problems, f *File) {
	limits, named := map[string]bool{}, map[string]bool{}
	for i := range f.Limits {
		limits[f.Limits[i].Name] = true
	}
	for i := range f.Gateway.Routes {
		for _, name := range f.Gateway.Routes[i].Limits {
			if !limits[name] {
				return // a mistake of its own, and maybe the cause of this one
			}
			named[name] = true
		}
	}
	for i := range f.Limits {
		if name := f.Limits[i].Name; name != "" && !named[name] {
			ps.Add(fmt.Sprintf("limits[%d]", i), "add `limits: ["+name+"]` to a route of the gateway", "no route names limit %q, so it holds for nobody", name)
		}
	}
}

// exemptKeys wants the API keys that limits exempt to be known to the gateway,
// if it knows keys at all.
func exemptKeys(ps *fault.Problems, f *File) {
	var names []string
	know := func(a *auth.Config) {
		if a == nil {
			return
		}
		for i := range a.APIKeys {
			names = append(names, a.APIKeys[i].Name)
		}
	}
	know(f.Gateway.Auth)
	for i := range f.Gateway.Routes {
		know(f.Gateway.Routes[i].Auth)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 || names[0] == "" { // a mistake of its own, and maybe the cause of this one
		return
	}
	for i := range f.Limits {
		for j, exempt := range f.Limits[i].Exempt {
			if name := exempt.APIKey; name != "" && !slices.Contains(names, name) {
				ps.Add(fmt.Sprintf("limits[%d].exempt[%d].api_key", i, j), suggest(name, "API key", names), "there is no API key %q", name)
			}
		}
	}
}

// listens wants each address to be listened on once.
func listens(ps *fault.Problems, f *File) {
	clients := cmp.Or(f.Gateway.Listen, gateway.DefaultListen)
	if sameAddress(clients, f.Listen) {
		ps.Add("gateway.listen", "take another port, such as "+gateway.DefaultListen, "the web interface listens on %s already", f.Listen)
	}
	if decision := f.Gateway.Decision.Listen; sameAddress(decision, f.Listen) {
		ps.Add("gateway.decision.listen", "take another port", "the web interface listens on %s already", f.Listen)
	}
}

// sameAddress reports whether one of two addresses takes the other's port.
func sameAddress(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return hostA == hostB || everywhere(hostA) || everywhere(hostB)
}

func everywhere(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}
