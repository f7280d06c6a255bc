package limit

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// field reads a header of which the test knows how it is written.
func field(h http.Header, name string) string { return h.Get(name) }

func fieldsOf(d *Decision) http.Header {
	h := make(http.Header)
	AppendFields(h, d)
	return h
}

func TestFieldsTellHowPoliciesStand(t *testing.T) {
	clock := newClock("2026-11-23T18:00:00Z")
	rules := mustCompile(t, New(Options{Now: clock.now}),
		Policy{Name: "burst", Rate: PerMinute(100), Burst: 3},
		Policy{Name: "calendar", Quota: []Quota{{1000, Day}, {9000, Month}}},
		Policy{Name: "running", InUse: 5},
		Policy{Name: "tried", Rate: PerMinute(1), Mode: Shadow},
	)
	var d Decision
	rules.Decide(context.Background(), &Request{}, &d)
	h := fieldsOf(&d)
	const policies = `"burst";q=100;w=60, "calendar.day";q=1000;w=86400, "calendar.month";q=9000;w=2592000, "running.running";q=5;qu="concurrent-requests"`
	if got := field(h, "RateLimit-Policy"); got != policies {
		t.Errorf("RateLimit-Policy: %s\nwant %s", got, policies)
	}
	const limits = `"burst";r=2;t=1, "calendar.day";r=999;t=21600, "calendar.month";r=8999;t=626400, "running.running";r=4`
	if got := field(h, "RateLimit"); got != limits {
		t.Errorf("RateLimit: %s\nwant %s", got, limits)
	}
	if got, there := h["Retry-After"]; there {
		t.Errorf("Retry-After %s although it was let in", got)
	}
	d.Done(Feedback{})
	for range 2 {
		once(rules, &Request{})
	}
	rejected := once(rules, &Request{})
	h = fieldsOf(rejected)
	if got := field(h, "RateLimit"); got != `"burst";r=0;t=1, "calendar.day";r=997, "calendar.month";r=8997, "running.running";r=5` {
		t.Errorf("RateLimit of a rejection: %s", got)
	}
	if got := field(h, "Retry-After"); got != "1" {
		t.Errorf("Retry-After %s, want 1", got)
	}
}

func TestThePartitionKeyIsAHashOfItsOwn(t *testing.T) {
	l := New(Options{Secret: [16]byte{1}})
	rules := mustCompile(t, l, Policy{Name: "p", Key: []KeyPart{Header("X-Api-Key")}, Rate: PerMinute(9)})
	pk := func(value string) string {
		d := once(rules, &Request{Headers: http.Header{"X-Api-Key": {value}}})
		got := field(fieldsOf(d), "RateLimit")
		m := regexp.MustCompile(`^"p";r=\d;t=7;pk=:([A-Za-z0-9+/]{11}=):$`).FindStringSubmatch(got)
		if m == nil {
			t.Fatalf("RateLimit: %s", got)
		}
		if strings.Contains(got, strconv.FormatUint(d.States[0].key, 16)) {
			t.Error("it shows the hash that the table uses")
		}
		return m[1]
	}
	a, b := pk("secret a"), pk("secret b")
	if a == b || a != pk("secret a") {
		t.Errorf("%s, %s", a, b)
	}
	if again := New(Options{Secret: [16]byte{1}}); mustCompile(t, again, Policy{Name: "p", Rate: PerMinute(9)}) == nil || again.hash.public(7) != l.hash.public(7) {
		t.Error("two limiters of one secret tell different keys")
	}
}

func TestRetryAfterIsNeverSoonerThanT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, p := range []Policy{
			{Name: "p", Rate: PerMinute(7)},
			{Name: "p", Rate: PerMinute(7), Burst: 1, Mode: Throttle, Queue: Queue{Depth: 2}},
			{Name: "p", Rate: Rate{3, 100 * time.Millisecond}, Burst: 1},
			{Name: "p", Quota: []Quota{{2, Hour}, {1, Minute}}},
			{Name: "p", InUse: 1},
		} {
			rules := mustCompile(t, New(Options{}), p, Policy{Name: "wide", Rate: PerDay(1000)})
			for range 9 {
				d := new(Decision)
				rules.Decide(t.Context(), &Request{}, d)
				if d.Verdict != Refuse {
					continue
				}
				h := fieldsOf(d)
				retry, err := strconv.Atoi(field(h, "Retry-After"))
				if err != nil || retry < 1 || time.Duration(retry)*time.Second < d.RetryAfter {
					t.Errorf("%v: Retry-After %q for %v", p.Rate, field(h, "Retry-After"), d.RetryAfter)
				}
				for _, m := range regexp.MustCompile(`;t=(\d+)`).FindAllStringSubmatch(field(h, "RateLimit"), -1) {
					if sooner, _ := strconv.Atoi(m[1]); sooner > retry {
						t.Errorf("Retry-After %d, but %s", retry, field(h, "RateLimit"))
					}
				}
			}
		}
	})
}

func TestFieldsOfWhatIsNotCountedInSeconds(t *testing.T) {
	rules := mustCompile(t, New(Options{}), Policy{Name: `a "quoted\" name`, Rate: Rate{3, 100 * time.Millisecond}, Burst: 500})
	h := fieldsOf(once(rules, &Request{}))
	if got := field(h, "RateLimit-Policy"); got != `"a \"quoted\\\" name";q=30;w=1` {
		t.Errorf("RateLimit-Policy: %s", got)
	}
	if got := field(h, "RateLimit"); got != `"a \"quoted\\\" name";r=30;t=1` { // no more than q
		t.Errorf("RateLimit: %s", got)
	}
}

func TestWithoutPoliciesThereAreNoFields(t *testing.T) {
	if h := fieldsOf(new(Decision)); len(h) != 0 {
		t.Errorf("%v", h)
	}
	rules := mustCompile(t, New(Options{}), Policy{Name: "tried", Rate: PerMinute(1), Mode: Shadow})
	if h := fieldsOf(once(rules, &Request{})); len(h) != 0 {
		t.Errorf("fields of a policy in shadow: %v", h)
	}
	dear := mustCompile(t, New(Options{}), Policy{Name: "p", Rate: PerMinute(1)})
	if h := fieldsOf(once(dear, &Request{Cost: 5})); h["Retry-After"] != nil {
		t.Errorf("what can never be let in is to come again after %v", h["Retry-After"])
	}
}

// RFC 9651, section 4.1.
func TestStructuredFields(t *testing.T) {
	for in, want := range map[string]string{
		"":            `""`,
		"plain":       `"plain"`,
		`a"b\c`:       `"a\"b\\c"`,
		"a\r\nb\x7fé": `"a??b???"`,
	} {
		if got := string(appendString(nil, in)); got != want {
			t.Errorf("the String of %q is %s, want %s", in, got, want)
		}
	}
	for in, want := range map[int64]string{0: "0", -5: "-5", 1 << 62: "999999999999999", -1 << 62: "-999999999999999"} {
		if got := string(appendInteger(nil, in)); got != want {
			t.Errorf("the Integer of %d is %s, want %s", in, got, want)
		}
	}
	if got := string(appendHash(nil, 0x0102030405060708)); got != ":AQIDBAUGBwg=:" {
		t.Errorf("the Byte Sequence is %s", got)
	}
	for in, want := range map[time.Duration]int64{0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, -1: 0} {
		if got := seconds(in); got != want {
			t.Errorf("%v are %d seconds, want %d", in, got, want)
		}
	}
}
