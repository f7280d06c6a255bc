package slo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/health"
)

// doubtAfter is how long an operation that the configuration names may have no
// request and no place in the API's document before somebody should look.
const doubtAfter = time.Hour

// doubt raises a notice about operations that the configuration names and that
// there do not seem to be: a typo would be an objective that is always kept.
func (m *Manager) doubt(now time.Time) {
	if m.documents == nil || now.Sub(m.doubted) < doubtAfter && !now.Before(m.doubted) {
		return
	}
	m.doubted = now
	var found []string
	for _, a := range m.operations.sorted() {
		documented := m.documents(a.name)
		if len(documented) == 0 {
			continue
		}
		for _, name := range a.policy.named() {
			op := m.operations.find(a.name, name)
			if (op == nil || op.lastSeen == 0) && !slices.Contains(documented, name) {
				found = append(found, fmt.Sprintf("%s of %s", name, a.name))
			}
		}
	}
	if len(found) == 0 {
		m.health.Clear("slo_operation")
		return
	}
	m.health.Raise(health.Notice{
		Code: "slo_operation", Severity: health.Warning, Title: "Objectives about operations that there are not",
		Text: "Nobody has asked for " + strings.Join(found[:min(len(found), 5)], ", ") +
			", and no document has it: look for a typo in error_rate.operations and objectives.",
	})
}

// named are the operations that the configuration names.
func (p *policy) named() []string {
	names := slices.Collect(maps.Keys(p.own))
	for i := range p.objectivesOf {
		if name := p.objectivesOf[i].Operation; name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
