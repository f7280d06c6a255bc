package delivery

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/notify"
)

func TestHowLongAReceiverWantsToBeLeftAlone(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"":                              0,
		"17":                            17 * time.Second,
		"-5":                            0,
		"999999999999":                  maxAfter,
		"99999999999999999999999":       0,
		"Sun, 01 Mar 2026 12:01:00 GMT": time.Minute,
		"Sun, 01 Mar 2026 11:00:00 GMT": 0,
		"Sun, 01 Mar 2027 12:01:00 GMT": maxAfter,
		"soon":                          0,
	} {
		if got := retryAfterHeader(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("Retry-After: %s is %s; want %s", text, got, want)
		}
	}
	for text, want := range map[string]time.Duration{
		`unexpected status code 429: {"message": "You are being rate limited.", "retry_after": 0.57}`: 570 * time.Millisecond,
		"telegram: retry after 30 (429)":         30 * time.Second,
		"telegram: retry after 999999 (429)":     maxAfter,
		"unexpected status code 500: no idea":    0,
		`{"retry_after": 99999999999999999999.}`: maxAfter,
	} {
		if got := askedFor(errors.New(text)); got != want {
			t.Errorf("%s asks for %s; want %s", text, got, want)
		}
	}
	// Alertmanager takes 429 for lasting.
	limited := fmt.Errorf("channel: %w", notify.NewErrorWithReason(notify.RateLimitedReason, errors.New("unexpected status code 429")))
	c := &channel{clean: newCleaner()}
	if r := c.judge(t.Context(), time.Second, false, limited); r.lasting || r.text != "channel: it answered 429" {
		t.Errorf("429 is %+v", r)
	}
}

func TestSpokenDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		4400 * time.Millisecond:          "4s",
		59 * time.Second:                 "59s",
		12*time.Minute + 20*time.Second:  "12m",
		2 * time.Hour:                    "2h",
		3*time.Hour + 10*time.Minute:     "3h10m",
		59*time.Minute + 59*time.Second:  "1h",
		80 * time.Hour:                   "3d",
		-5 * time.Second:                 "0s",
		26*time.Hour + 30*time.Minute:    "26h30m",
		10*time.Minute + 10*time.Second:  "10m",
		100*time.Minute + 10*time.Second: "1h40m",
	} {
		if got := lasting(d); got != want {
			t.Errorf("%s is %q; want %q", d, got, want)
		}
	}
}
