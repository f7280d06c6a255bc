package assert

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/expr-lang/expr/vm"
)

// Program is a compiled assertion or capture. It may be used by several
// goroutines at once, each with its own Answer.
type Program struct {
	text     string
	options  Options
	program  *vm.Program
	loops    bool
	mentions []string

	// Most assertions hold for days, so what explains a failure is made at the first one.
	explain   sync.Once
	explainer *explainer
}

// String returns the expression as it was written.
func (p *Program) String() string { return p.text }

// Mentions reports whether the expression names name, which is one of Names
// without a point ("tls" for tls.version), or "vars.<name>".
func (p *Program) Mentions(name string) bool {
	_, found := slices.BinarySearch(p.mentions, name)
	return found
}

// NeedsBody reports whether the expression looks into the body, so that it must
// be read whole.
func (p *Program) NeedsBody() bool { return p.Mentions("body") || p.Mentions("json") }

// Check reports whether the assertion holds for the answer. If not, detail says
// which values it found ("status = 503") or why there are none ("json.orders is
// missing"); it may quote the answer, so the caller redacts it. An assertion
// that cannot be evaluated does not hold.
func (p *Program) Check(a *Answer) (holds bool, detail string) {
	v, err := p.run(a)
	if err != nil {
		return false, p.fault(a, err)
	}
	holds, isBool := v.(bool)
	switch {
	case holds:
		return true, ""
	case !isBool:
		return false, p.notBool(a, v)
	}
	x := p.explanation()
	if x == nil {
		return false, "it is false"
	}
	return false, x.why(a)
}

// Values says which values an assertion that holds has found ("status = 200");
// "" when there is nothing to say. It quotes the answer, as Check's detail does.
func (p *Program) Values(a *Answer) string {
	x := p.explanation()
	if x == nil {
		return ""
	}
	return x.values(a, false)
}

// Value evaluates a capture. Null, and a member that is not there, is an error.
func (p *Program) Value(a *Answer) (any, error) {
	v, err := p.run(a)
	if err != nil {
		return nil, errors.New(p.fault(a, err))
	}
	if v != nil {
		return v, nil
	}
	if x := p.explanation(); x != nil {
		return nil, errors.New(x.missing(a))
	}
	return nil, fmt.Errorf("%s is null", p.text)
}

func (p *Program) run(a *Answer) (any, error) {
	if p.loops {
		a.deadline = time.Now().Add(maxEval)
	}
	return a.run(p.program)
}

// fault returns why the expression could not be evaluated.
func (p *Program) fault(a *Answer, err error) string {
	if f, ok := errors.AsType[*noValue](err); ok {
		return f.message
	}
	if x := p.explanation(); x != nil {
		if reason := x.fault(a); reason != "" {
			return reason
		}
	}
	return plain(err)
}

func (p *Program) notBool(a *Answer, v any) string {
	x := p.explanation()
	if x != nil && v == nil {
		return x.missing(a)
	}
	if x != nil {
		if reason := x.notBool(a); reason != "" {
			return reason
		}
	}
	return fmt.Sprintf("%s is %s (%s), not true or false", p.text, typeOf(v), show(v))
}

// explanation returns nil if there is none, which would be a defect.
func (p *Program) explanation() *explainer {
	p.explain.Do(func() {
		x, err := newExplainer(p.text, p.options)
		if err == nil {
			p.explainer = x
		}
	})
	return p.explainer
}
