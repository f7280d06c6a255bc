package cost

import (
	"regexp/syntax"
	"strings"

	"github.com/prometheus/prometheus/util/strutil"
)

// maxPattern is how many steps a regular expression may compile to. RE2 takes
// time in proportion to them for each byte of each label value.
const maxPattern = 20_000

// costlyPattern reports whether a quoted string, read as a regular expression,
// is out of proportion to its length. Which strings are patterns is known only
// to the parser, and it compiles them at once.
func costlyPattern(quoted string) bool {
	text, err := strutil.Unquote(quoted)
	if err != nil || !strings.Contains(text, "{") {
		return false // without {n} it takes no more steps than it has bytes
	}
	pattern, err := syntax.Parse(text, syntax.Perl|syntax.DotNL)
	return err == nil && steps(pattern) > maxPattern
}

// steps is about how many instructions a pattern compiles to.
func steps(re *syntax.Regexp) int {
	sum := 1 + len(re.Rune)/2
	for _, sub := range re.Sub {
		sum += steps(sub)
	}
	if re.Op == syntax.OpRepeat {
		sum *= max(re.Min, re.Max, 1)
	}
	return min(sum, maxPattern+1) // a product of repetitions must not overflow
}
