package delivery

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
)

// How long a try may take: one that the pipeline waits for, and a later one.
const (
	firstTry = 10 * time.Second
	laterTry = 30 * time.Second
)

// refusal is why a receiver did not take news.
type refusal struct {
	text    string        // for people, without secrets
	lasting bool          // trying again soon is of no use: the receiver refused just this
	after   time.Duration // it asked to be left alone for so long; 0: it did not say

	interrupted bool // the receiver is not to blame
}

func (r *refusal) Error() string { return r.text }

// Later is an error of a notifier that knows when the receiver will listen again.
type Later struct {
	After time.Duration
	Err   error
}

func (l *Later) Error() string { return l.Err.Error() }

// Unwrap returns what went wrong.
func (l *Later) Unwrap() error { return l.Err }

// try tells the receiver news, and waits at most limit. Some notifiers (e-mail,
// Telegram) do not heed their context, so the call is left alone when its time is
// over; a channel has at most maxHung such calls.
func (c *channel) try(ctx context.Context, l *lane, limit time.Duration, n *news, alerts []*alert.Alert) *refusal {
	if !l.begin() {
		return &refusal{text: "earlier messages still hang in the receiver"}
	}
	ctx, cancel := context.WithTimeout(withMessageID(ctx, n.id(alerts)), limit)
	defer cancel()
	type answer struct {
		retry bool
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		defer l.end()
		var a answer
		defer func() {
			if p := recover(); p != nil {
				a.err = fmt.Errorf("the notifier failed: %v", p)
			}
			answers <- a
		}()
		a.retry, a.err = c.notifier.Notify(ctx, alerts...)
	}()
	select {
	case a := <-answers:
		return c.judge(ctx, limit, a.retry, a.err)
	case <-ctx.Done():
	}
	// What arrived at the last moment counts.
	select {
	case a := <-answers:
		return c.judge(ctx, limit, a.retry, a.err)
	case <-time.After(grace):
		return c.judge(ctx, limit, true, ctx.Err())
	}
}

// grace is how long a notifier may take to notice that its time is over.
const grace = 100 * time.Millisecond

// judge says why news were not taken, nil when they were.
func (c *channel) judge(ctx context.Context, limit time.Duration, retry bool, err error) *refusal {
	if err == nil {
		return nil
	}
	r := &refusal{lasting: !retry, after: askedFor(err)}
	if r.after > 0 || tooMany(err) {
		r.lasting = false
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		r.text, r.lasting = fmt.Sprintf("no answer within %s", limit), false
	case ctx.Err() != nil:
		r.text, r.lasting, r.interrupted = "interrupted", false, true
	default:
		r.text = c.clean.text(err.Error())
	}
	return r
}

// tooMany recognises a receiver's limit. Alertmanager takes 429 for an answer
// that will not change, but a receiver says by it that it will.
func tooMany(err error) bool {
	var e *notify.ErrorWithReason
	return errors.As(err, &e) && e.Reason == notify.RateLimitedReason
}

// retryAfter finds what Discord ("retry_after": 0.5) and Telegram (retry after 30) say.
var retryAfter = regexp.MustCompile(`(?i)retry[_ ]after["']?:?\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)`)

// maxAfter bounds what a receiver may ask for.
const maxAfter = time.Hour

// askedFor returns how long a receiver wants to be left alone, 0 when it did not say.
func askedFor(err error) time.Duration {
	if later, ok := errors.AsType[*Later](err); ok {
		return min(max(later.After, 0), maxAfter)
	}
	m := retryAfter.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	seconds, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds*float64(time.Second)), maxAfter)
}
