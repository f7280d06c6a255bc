package cost

import (
	"errors"
	"fmt"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// The bounds of one expression.
const (
	MaxText   = 64 << 10 // bytes
	MaxTokens = 10_000
	MaxDepth  = 256 // brackets within brackets, operators within operators
)

// Parser is PromQL's own parser, and refuses what is too costly. It may be
// given to whatever takes a parser.Parser: the engine, rules, the HTTP API.
type Parser struct{ parser.Parser }

// NewParser returns a Parser of the PromQL that a stable Prometheus speaks:
// without experimental functions.
func NewParser() Parser { return Parser{parser.NewParser(parser.Options{})} }

// ParseExpr parses an expression that is allowed to run at one instant.
func (p Parser) ParseExpr(text string) (parser.Expr, error) {
	if err := checkText(text); err != nil {
		return nil, err
	}
	expr, err := p.Parser.ParseExpr(text)
	if err != nil {
		return nil, err
	}
	if err := Check(expr, 0, 0); err != nil {
		return nil, err
	}
	return expr, nil
}

// ParseMetric parses a series.
func (p Parser) ParseMetric(text string) (labels.Labels, error) {
	if err := checkText(text); err != nil {
		return labels.EmptyLabels(), err
	}
	return p.Parser.ParseMetric(text)
}

// ParseMetricSelector parses what match[] has.
func (p Parser) ParseMetricSelector(text string) ([]*labels.Matcher, error) {
	if err := checkText(text); err != nil {
		return nil, err
	}
	return p.Parser.ParseMetricSelector(text)
}

// ParseMetricSelectors parses all that match[] has.
func (p Parser) ParseMetricSelectors(texts []string) ([][]*labels.Matcher, error) {
	var sets [][]*labels.Matcher
	for _, text := range texts {
		set, err := p.ParseMetricSelector(text)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// checkText refuses, before it is parsed, what the parser itself would suffer
// from.
func checkText(text string) error {
	if len(text) > MaxText {
		return fmt.Errorf("the expression has %d bytes; at most %d are taken", len(text), MaxText)
	}
	lexer, depth, signs := parser.Lex(text), 0, 0
	for tokens := 0; ; tokens++ {
		if tokens > MaxTokens {
			return fmt.Errorf("the expression has more than %d words", MaxTokens)
		}
		var item parser.Item
		lexer.NextItem(&item)
		switch item.Typ {
		case parser.EOF, parser.ERROR:
			return nil // of what is no PromQL the parser tells
		case parser.LEFT_PAREN:
			depth++
		case parser.RIGHT_PAREN:
			depth--
		case parser.ADD, parser.SUB:
			signs++
		case parser.STRING:
			if costlyPattern(item.Val) {
				return errors.New("a regular expression repeats so much that it would take megabytes; write it with fewer or smaller {n}")
			}
		}
		if item.Typ != parser.ADD && item.Typ != parser.SUB {
			signs = 0
		}
		if depth > MaxDepth || signs > MaxDepth {
			return errTooDeep()
		}
	}
}

func errTooDeep() error {
	return fmt.Errorf("the expression is nested deeper than %d; split it by recording rules", MaxDepth)
}
