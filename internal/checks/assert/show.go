package assert

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/checker/nature"
)

// maxShown is the most of one value that a detail shows, in bytes.
const maxShown = 120

// noValue is a reason, in words for a human, why an expression has no value.
type noValue struct{ message string }

func (f *noValue) Error() string { return f.message }

func faultf(format string, args ...any) *noValue { return &noValue{fmt.Sprintf(format, args...)} }

// show writes a value for a detail, cut to maxShown bytes.
func show(v any) string {
	var w shortener
	w.value(v, 0)
	return w.String()
}

// shortener writes values until it has enough, however large they are.
type shortener struct{ strings.Builder }

func (w *shortener) full() bool { return w.Len() >= maxShown }

func (w *shortener) value(v any, depth int) {
	switch v := v.(type) {
	case nil:
		w.WriteString("null")
	case string:
		w.WriteString(quote(v, depth))
	case float64:
		w.WriteString(showFloat(v))
	case time.Duration:
		w.WriteString(showDuration(v))
	case time.Time:
		w.WriteString(v.Format(time.RFC3339))
	case *cookie:
		w.cookie(v, depth)
	default:
		r := reflect.ValueOf(v)
		switch r.Kind() {
		case reflect.Slice:
			w.list(r, depth)
		case reflect.Map:
			w.object(r, depth)
		case reflect.Pointer:
			w.WriteString(typeOf(v))
		default:
			fmt.Fprint(w, v)
		}
	}
}

func (w *shortener) cookie(c *cookie, depth int) {
	if c == nil {
		w.WriteString("null")
		return
	}
	w.WriteString(quote(c.Value, depth))
}

func (w *shortener) object(m reflect.Value, depth int) {
	names := m.MapKeys()
	slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	w.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			w.WriteString(", ")
		}
		if w.full() {
			w.WriteString("…")
			break
		}
		w.WriteString(quote(name.String(), depth+1) + ": ")
		w.value(m.MapIndex(name).Interface(), depth+1)
	}
	w.WriteByte('}')
}

func (w *shortener) list(r reflect.Value, depth int) {
	w.WriteByte('[')
	for i := range r.Len() {
		if i > 0 {
			w.WriteString(", ")
		}
		if w.full() {
			w.WriteString("…")
			break
		}
		w.value(r.Index(i).Interface(), depth+1)
	}
	w.WriteByte(']')
}

// quote quotes a text; inside lists and objects only its beginning.
func quote(s string, depth int) string {
	limit := maxShown
	if depth > 0 {
		limit = 40
	}
	if len(s) <= limit {
		return strconv.Quote(s)
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return strconv.Quote(s[:limit]) + "…"
}

func showFloat(f float64) string {
	if a := math.Abs(f); a >= 1e21 || a != 0 && a < 1e-6 {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// showDuration rounds to what a human would say: 312ms, 1.24s, 13d 4h.
func showDuration(d time.Duration) string {
	const day = 24 * time.Hour
	a := d.Abs()
	switch {
	case a >= 100*day:
		return fmt.Sprintf("%dd", d/day)
	case a >= day:
		if h := a % day / time.Hour; h > 0 {
			return fmt.Sprintf("%dd %dh", d/day, h)
		}
		return fmt.Sprintf("%dd", d/day)
	case a >= time.Minute:
		return d.Round(time.Second).String()
	case a >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case a >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case a >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(time.Microsecond).String()
	}
}

// typeOf names the type of a value, with its article: "a number".
func typeOf(v any) string {
	if v == nil {
		return "null"
	}
	return typeName(nature.NatureOf(v))
}

// typeName names a type of the language, with its article.
func typeName(n nature.Nature) string {
	for n.Type != nil && n.Type.Kind() == reflect.Pointer {
		n = nature.FromType(n.Type.Elem())
	}
	switch {
	case n.Nil:
		return "null"
	case n.Type == nil:
		return "a value"
	case n.Type == reflect.TypeFor[time.Duration]():
		return "a duration"
	case n.Type == reflect.TypeFor[time.Time]():
		return "a time"
	}
	switch n.Kind {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Func:
		return "a function"
	case reflect.Interface, reflect.Invalid:
		return "a value"
	default:
		return "a number"
	}
}
