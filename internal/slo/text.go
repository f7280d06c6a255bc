package slo

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/units"
)

// describeErrors says in words what an alert about an error rate is about.
func (s *subject) describeErrors(c *Condition, p *policy, now time.Time) {
	who, over := s.title(), units.Duration(p.over)
	c.Page = pageOf(s.api, s.method, s.route, c.Since.Add(-p.over), now)
	if c.State == NoData {
		c.Summary = fmt.Sprintf("%s failed, and has had no requests since %s", who, clock(c.Quiet))
		c.Description = fmt.Sprintf("Nobody knows whether it still fails. Without requests the alert is given up at %s. It began %s.",
			clock(c.Quiet.Add(noDataKept)), clock(c.Since))
		return
	}
	c.Summary = fmt.Sprintf("%s fails: %s of %s in %s", who, percent(c.Value), requests(c.Requests), over)
	newest := s.newest(newestSlots, 0)
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s in the last %s failed", number(c.Errors), requests(c.Requests), over)
	if by := s.sum.byStatus(); by != "" {
		fmt.Fprintf(&b, " (%s)", by)
	}
	if newest.requests > 0 {
		fmt.Fprintf(&b, ", %s in the last half minute", percent(newest.share()))
	}
	fmt.Fprintf(&b, ". %s begins at %s. It began %s.", capital(c.Severity), percent(c.Threshold), clock(c.Since))
	c.Description = b.String()
}

// byStatus tells how answers were spread over classes of status.
func (c *counts) byStatus() string {
	var parts []string
	for class := len(c.status) - 1; class >= 0; class-- {
		if n := c.status[class]; n > 0 {
			name := strconv.Itoa(class) + "xx"
			if class == 0 {
				name = "no answer"
			}
			parts = append(parts, name+" "+number(uint64(n)))
		}
	}
	return strings.Join(parts, ", ")
}

// describe says in words what an alert about a budget is about.
func (o *objective) describe(c *Condition, now time.Time) {
	c.Page = o.pageOf(c, now)
	whole := o.over(o.whole)
	left := o.left(whole)
	what := fmt.Sprintf("%s of %s", o.Name, o.title())
	promise := fmt.Sprintf("The promise is that %s of requests in %s %s", percent(float64(o.Target)), units.Duration(o.period), o.verb())
	budget := fmt.Sprintf("%s of the budget is left (%s of %s).", percent(left), number(whole.bad)+" "+o.badName(), requests(whole.requests))
	if left < 0 {
		budget = fmt.Sprintf("The budget is overdrawn by %s (%s of %s).", percent(-left), number(whole.bad)+" "+o.badName(), requests(whole.requests))
	}
	switch {
	case c.State == NoData:
		c.Summary = fmt.Sprintf("%s was burning, and there have been no requests since %s", what, clock(c.Quiet))
		c.Description = fmt.Sprintf("Nobody knows whether it still is. Without requests the alert is given up at %s. %s. %s", clock(c.Quiet.Add(noDataKept)), promise, budget)
	case c.Window == windowName(o.whole.length):
		c.Summary = fmt.Sprintf("the error budget of %s is spent: %s of %s in %s", what, number(whole.bad)+" "+o.badName(), requests(whole.requests), c.Window)
		c.Description = fmt.Sprintf("%s. %s In the last %s it was spent %s times as fast as it may be.",
			promise, budget, units.Duration(o.recent.length), factor(o.burn(o.recent)))
	default:
		c.Summary = fmt.Sprintf("the error budget of %s burns %s times too fast: %s of %s in %s", what, factor(c.Value),
			number(c.Errors)+" "+o.badName(), requests(c.Requests), c.Window)
		c.Description = fmt.Sprintf("%s. At this rate a whole budget lasts %s. %s An alert begins at %s times.", promise,
			roughly(time.Duration(float64(o.period)/max(c.Value, .01))), budget, factor(c.Threshold))
	}
}

func (o *objective) verb() string {
	if o.Latency > 0 {
		return "take at most " + o.Latency.String()
	}
	return "do not fail"
}

func (o *objective) badName() string {
	if o.Latency > 0 {
		return "slow"
	}
	return "failed"
}

func (o *objective) title() string {
	if o.Operation == "" {
		return o.api
	}
	return o.Operation + " (" + o.api + ")"
}

// pageOf leads to the requests of the alert's window.
func (o *objective) pageOf(c *Condition, now time.Time) string {
	method, route, _ := strings.Cut(o.Operation, " ")
	from := c.Since
	if d, err := units.ParseDuration(c.Window); err == nil {
		from = from.Add(-d.Std())
	}
	return pageOf(o.api, method, route, from, now)
}

// title is how people call a subject in a sentence.
func (s *subject) title() string {
	switch {
	case s.name == "":
		return s.api
	case s.name == Other:
		return "operations without room of " + s.api
	case s.route == "":
		return s.method + " of no known operation (" + s.api + ")"
	}
	return s.name + " (" + s.api + ")"
}

// pageOf is the page that shows an operation, or an API as a whole, in a range of
// time: /endpoints/GET/orders/%7Bid%7D?api=orders&from=…&to=…. A route that cannot
// be a path stands in the query.
func pageOf(apiName, method, route string, from, to time.Time) string {
	q := url.Values{"api": {apiName}, "from": {from.UTC().Format(time.RFC3339)}, "to": {to.UTC().Format(time.RFC3339)}}
	path := "/endpoints"
	if method != "" {
		path += "/" + url.PathEscape(method)
	}
	if route != "" {
		segments := strings.Split(strings.TrimPrefix(route, "/"), "/")
		odd := !strings.HasPrefix(route, "/")
		for i, s := range segments {
			odd = odd || s == "." || s == ".." || s == "" && i < len(segments)-1
			segments[i] = url.PathEscape(s)
		}
		if odd {
			q.Set("route", route)
		} else {
			path += "/" + strings.Join(segments, "/")
		}
	}
	return path + "?" + q.Encode()
}

// percent writes a share: 42 %, 5.3 %, 0.12 %.
func percent(share float64) string {
	p := share * 100
	digits := 0
	switch {
	case p == float64(int64(p)):
	case p < .1 && p > -.1:
		digits = 3
	case p < 10 && p > -10, p > 99 && p < 100:
		digits = 1
		if p > 99 || p < 1 {
			digits = 2
		}
	}
	text := strconv.FormatFloat(p, 'f', digits, 64)
	if digits > 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + " %"
}

// factor writes how many times something is: 14.4, 120.
func factor(n float64) string {
	if n >= 100 {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	return strings.TrimSuffix(strconv.FormatFloat(n, 'f', 1, 64), ".0")
}

// number writes a count with thousands apart: 12,345.
func number(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func requests(n uint64) string {
	if n == 1 {
		return "1 request"
	}
	return number(n) + " requests"
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }

// roughly is a duration as people say it: 3.2 days, 5 hours, 40 minutes.
func roughly(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return factor(d.Hours()/24) + " days"
	case d >= 2*time.Hour:
		return factor(d.Hours()) + " hours"
	}
	return strconv.Itoa(max(int(d.Minutes()), 1)) + " minutes"
}

func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
