package ui

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/fault"
)

// timeRange is what a page looks at. Its URL has either range=24h, which moves
// with the time, or from and to, which stay.
type timeRange struct {
	From, To time.Time
	Key      string // "24h"; "" when from and to were given
}

// rangeChoice is one button of the range selector.
type rangeChoice struct {
	Key     string
	Length  time.Duration
	Current bool
}

var rangeChoices = []rangeChoice{
	{Key: "1h", Length: time.Hour},
	{Key: "24h", Length: 24 * time.Hour},
	{Key: "7d", Length: 7 * 24 * time.Hour},
	{Key: "30d", Length: 30 * 24 * time.Hour},
	{Key: "90d", Length: 90 * 24 * time.Hour},
}

const maxRange = 800 * 24 * time.Hour

// parseRange reads range, or from and to (RFC 3339 or seconds of Unix time).
// Nothing given means the fallback.
func parseRange(q url.Values, now time.Time, fallback string) (timeRange, error) {
	return parseRangeOf(q, now, fallback, rangeChoices)
}

// parseRangeOf does the same with other choices.
func parseRangeOf(q url.Values, now time.Time, fallback string, choices []rangeChoice) (timeRange, error) {
	if from, to := q.Get("from"), q.Get("to"); from != "" || to != "" {
		r := timeRange{To: now}
		var err error
		if r.From, err = parseTime(from); err != nil {
			return r, err
		}
		if to != "" {
			if r.To, err = parseTime(to); err != nil {
				return r, err
			}
		}
		if length := r.To.Sub(r.From); length < time.Second || length > maxRange {
			return r, fault.Invalid("from must be before to, and not more than 800 days")
		}
		return r, nil
	}
	key := q.Get("range")
	if key == "" {
		key = fallback
	}
	var keys strings.Builder
	for _, c := range choices {
		if c.Key == key {
			return timeRange{From: now.Add(-c.Length), To: now, Key: key}, nil
		}
		keys.WriteString(c.Key + ", ")
	}
	return timeRange{}, fault.Invalid("range %q is not known; use %sor from and to", cut(key, 40), keys.String())
}

func parseTime(text string) (time.Time, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > -1e11 && n < 1e11 {
		return time.Unix(n, 0).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fault.Invalid("%q is not a time; write 2026-11-23T14:00:00Z or seconds of Unix time", cut(text, 40))
	}
	return t, nil
}

// Name is the range in words.
func (r timeRange) Name() string {
	if r.Key != "" {
		return "last " + r.Key
	}
	return "from " + r.From.UTC().Format("2006-01-02 15:04") + " to " + r.To.UTC().Format("2006-01-02 15:04") + " UTC"
}

// Shift is the query of the range moved by its own length: back for -1, on for 1.
func (r timeRange) Shift(by int) string {
	length := r.To.Sub(r.From) * time.Duration(by)
	return rangeQuery(r.From.Add(length), r.To.Add(length))
}

// Live reports whether the range moves with the time.
func (r timeRange) Live() bool { return r.Key != "" }

// Start and End are the ends for templates.
func (r timeRange) Start() moment { return moment{r.From} }

// End is the end of the range.
func (r timeRange) End() moment { return moment{r.To} }

func rangeQuery(from, to time.Time) string {
	return "?from=" + strconv.FormatInt(from.Unix(), 10) + "&to=" + strconv.FormatInt(to.Unix(), 10)
}
