package rules

import (
	"fmt"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// loader gives Prometheus' manager the files as they were when they were
// prepared: a commit reads nothing and cannot fail. m.mu is held meanwhile.
type loader struct{ m *Manager }

// Load returns the groups of a file.
func (l loader) Load(name string, _ bool, _ model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	groups, ok := l.m.set.files[name]
	if !ok {
		return nil, []error{fmt.Errorf("the rule file %s was not prepared", name)}
	}
	return groups, nil
}

// Parse parses an expression.
func (l loader) Parse(query string) (parser.Expr, error) { return l.m.parser.ParseExpr(query) }
