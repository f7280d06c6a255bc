package api

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/fault"
)

// Numbers of entries in one answer.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// query reads the parameters of a request. The first mistake is kept in err;
// what is read after it is of no use.
type query struct {
	values url.Values
	err    error
}

// readQuery refuses parameters that the route does not know: a misspelt filter
// that filters nothing is worse than an error.
func readQuery(r *http.Request, known ...string) *query {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &query{err: fault.Invalid("the query is not valid: %w", err)}
	}
	q := &query{values: values}
	for name, list := range values {
		switch {
		case !slices.Contains(known, name):
			return &query{err: fault.Invalid("unknown parameter %.40q; this route has %s", name, cmp.Or(strings.Join(known, ", "), "none"))}
		case len(list) > 100:
			return &query{err: fault.Invalid("parameter %q is given %d times; want at most 100", name, len(list))}
		}
	}
	return q
}

func (q *query) fail(err error) {
	if q.err == nil {
		q.err = err
	}
}

// text returns the parameter's value, "" without one.
func (q *query) text(name string) string { return q.values.Get(name) }

// list returns the values of a parameter that may be repeated or hold commas.
func (q *query) list(name string) []string {
	var list []string
	for _, value := range q.values[name] {
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
	}
	return list
}

// limit is the number of entries to answer with.
func (q *query) limit() int {
	text := q.text("limit")
	if text == "" {
		return defaultLimit
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		q.fail(fault.Invalid("limit %.40q: want a number from 1 to %d", text, maxLimit))
	}
	return n
}

// time reads a time in RFC 3339. Years that a store cannot count in
// milliseconds are refused.
func (q *query) time(name string, otherwise time.Time) time.Time {
	text := q.text(name)
	if text == "" {
		return otherwise
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		q.fail(fault.Invalid("%s %.40q: want a time in RFC 3339, such as 2026-11-23T12:00:00Z (with + written as %%2B)", name, text))
	}
	return t
}

// span reads from and to. A span that ends before it begins is refused.
func (q *query) span(from, to time.Time) (time.Time, time.Time) {
	from, to = q.time("from", from), q.time("to", to)
	if q.err == nil && to.Before(from) {
		q.fail(fault.Invalid("to is before from"))
	}
	return from, to
}

// cursor is where the previous answer ended: what next was given. Clients must
// not look into it.
func (q *query) cursor() string {
	text := q.text("cursor")
	if text == "" {
		return ""
	}
	value, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(value) == 0 || len(value) > 300 {
		q.damagedCursor()
		return ""
	}
	return string(value)
}

func (q *query) damagedCursor() {
	q.fail(fault.Invalid("the cursor is damaged; use `next` of the previous answer as it is, or leave it out"))
}

// nextCursor is the cursor of the answer that follows the entry.
func nextCursor(entry string) string { return base64.RawURLEncoding.EncodeToString([]byte(entry)) }
