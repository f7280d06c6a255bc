package cost

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// The bounds of one evaluation.
const (
	MaxSteps  = 2_000_000     // of one subquery
	MaxPoints = 5_000_000_000 // looked at for one series, by all windows together
	MaxGrowth = 4096          // by which labels may be multiplied
)

// everySample is how densely samples are taken to lie when it matters how many
// are in a window.
const everySample = 10 * time.Second

// defaultStep is the step of a subquery that names none.
const defaultStep = 15 * time.Second

// Check says why an expression is too costly to be evaluated over a span by a
// step; both are 0 for one instant.
func Check(expr parser.Expr, span, step time.Duration) error {
	if span > 0 && step < time.Millisecond {
		return fmt.Errorf("the step %s is too small; the smallest is 1ms", step)
	}
	return check(expr, evaluation{span: span.Seconds(), step: max(step, time.Millisecond).Seconds(), growth: 1})
}

// evaluation is how an expression is evaluated: in seconds, as floats do not
// overflow.
type evaluation struct {
	span, step float64
	growth     float64 // what the functions around it multiply labels by
	depth      int
}

func (e evaluation) steps() float64 { return e.span/e.step + 1 }

// points refuses windows that overlap so much that one series takes minutes.
func (e evaluation) points(window, every float64) error {
	if points := e.steps() * (window/every + 1); points > MaxPoints {
		return fmt.Errorf("the windows look at about %.1g samples of each series; take a larger step or a shorter window, or record it by a rule", points)
	}
	return nil
}

func check(node parser.Node, e evaluation) error {
	if e.depth++; e.depth > MaxDepth {
		return errTooDeep()
	}
	switch n := node.(type) {
	case *parser.MatrixSelector:
		if err := e.points(n.Range.Seconds(), everySample.Seconds()); err != nil {
			return err
		}
	case *parser.SubqueryExpr:
		inner, err := subquery(n, e)
		if err != nil {
			return err
		}
		e.span, e.step = inner.span, inner.step
	case *parser.Call:
		if e.growth *= growth(n); e.growth > MaxGrowth {
			return fmt.Errorf("%s within %[1]s multiplies labels more than %d times", n.Func.Name, MaxGrowth)
		}
	}
	for child := range parser.ChildrenIter(node) {
		if err := check(child, e); err != nil {
			return err
		}
	}
	return nil
}

// subquery is how the expression within a subquery is evaluated.
func subquery(n *parser.SubqueryExpr, e evaluation) (evaluation, error) {
	step := n.Step
	if step == 0 {
		step = defaultStep
	}
	if step < time.Millisecond {
		return e, fmt.Errorf("the step %s of a subquery is too small; the smallest is 1ms", step)
	}
	inner := evaluation{span: e.span + n.Range.Seconds(), step: step.Seconds()}
	if steps := inner.steps(); steps > MaxSteps {
		return e, fmt.Errorf("a subquery would take %.0f steps; at most %d are taken: give it a larger step or a shorter range", math.Ceil(steps), MaxSteps)
	}
	return inner, e.points(n.Range.Seconds(), inner.step)
}

// growth is how many times the label that a call writes may hold what it reads.
func growth(n *parser.Call) float64 {
	switch n.Func.Name {
	case "label_replace": // v, to, replacement, from, pattern
		if len(n.Args) > 2 {
			if replacement, ok := bare(n.Args[2]).(*parser.StringLiteral); ok {
				return float64(max(strings.Count(replacement.Val, "$"), 1))
			}
		}
		return MaxGrowth + 1 // its replacement cannot be read
	case "label_join": // v, to, separator, from…
		return float64(max(len(n.Args)-3, 1))
	default:
		return 1
	}
}

// bare is an expression without the brackets around it.
func bare(expr parser.Expr) parser.Expr {
	for {
		inner, ok := expr.(*parser.ParenExpr)
		if !ok {
			return expr
		}
		expr = inner.Expr
	}
}
