package rules

import (
	"fmt"
	"slices"
	"sync"

	promrules "github.com/prometheus/prometheus/rules"

	"lapwing.dev/lapwing/internal/health"
)

// The codes of the notices.
const (
	noticeFailing = "rules_failing"
	noticeLate    = "rules_late"
)

// troubles knows which groups do not do their work, and says so: one failing
// rule in a group is silent otherwise, and so is the alert that it would raise.
type troubles struct {
	health *health.Registry

	mu     sync.Mutex
	groups map[*promrules.Group]trouble
}

// trouble is what is wrong with one group.
type trouble struct {
	failing int    // rules
	first   string // of them, and why
	late    string // by how much an evaluation exceeds the interval, "" if not
}

// judge looks at a group that was just evaluated.
func (t *troubles) judge(g *promrules.Group) {
	var found trouble
	for _, rule := range g.Rules() {
		if rule.Health() != promrules.HealthBad {
			continue
		}
		if found.failing++; found.failing == 1 {
			found.first = fmt.Sprintf("%q of the group %q in %s: %v", rule.Name(), g.Name(), g.File(), rule.LastError())
		}
	}
	if took := g.GetEvaluationTime(); took > g.Interval() {
		found.late = fmt.Sprintf("The group %q in %s takes %s and is due every %s", g.Name(), g.File(), took, g.Interval())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if found == (trouble{}) {
		delete(t.groups, g)
	} else {
		if t.groups == nil {
			t.groups = map[*promrules.Group]trouble{}
		}
		t.groups[g] = found
	}
	t.say()
}

// keep forgets the groups that are gone.
func (t *troubles) keep(groups []*promrules.Group) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for g := range t.groups {
		if !slices.Contains(groups, g) {
			delete(t.groups, g)
		}
	}
	t.say()
}

// failing is how many rules fail.
func (t *troubles) failing() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := 0
	for _, one := range t.groups {
		sum += one.failing
	}
	return sum
}

// say raises or clears the notices. t.mu is held.
func (t *troubles) say() {
	if t.health == nil {
		return
	}
	var failing int
	var first, late string
	for _, one := range t.groups {
		failing += one.failing
		if one.first != "" && (first == "" || one.first < first) {
			first = one.first
		}
		if one.late != "" && (late == "" || one.late < late) {
			late = one.late
		}
	}
	if failing > 0 {
		t.health.Raise(health.Notice{
			Code: noticeFailing, Severity: health.Failing, Title: "Rules fail",
			Text: fmt.Sprintf("%s: alerts that they would raise do not come. The first: rule %s.", plural(failing, "rule fails", "rules fail"), first),
		})
	} else {
		t.health.Clear(noticeFailing)
	}
	if late != "" {
		t.health.Raise(health.Notice{
			Code: noticeLate, Severity: health.Warning, Title: "Rules are late",
			Text: late + ": evaluations are left out. Give it a longer interval, record what several rules ask for, or split it.",
		})
	} else {
		t.health.Clear(noticeLate)
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
