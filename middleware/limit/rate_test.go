package limit

import (
	"strings"
	"testing"
	"time"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]Rate{
		"500/minute":   {500, time.Minute},
		"10/s":         {10, time.Second},
		" 10 / sec ":   {10, time.Second},
		"1000/10m":     {1000, 10 * time.Minute},
		"5/1h30m":      {5, 90 * time.Minute},
		"1/day":        {1, day},
		"1/7d":         {1, 7 * day},
		"1_000_000/h":  {1_000_000, time.Hour},
		"10000000/s":   {10_000_000, time.Second},
		"1/100ms":      {1, 100 * time.Millisecond},
		"9223372036/d": {9_223_372_036, day},
	} {
		got, err := ParseRate(text)
		if err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
		again, err := ParseRate(got.String())
		if err != nil || again != want {
			t.Errorf("%q became %q, which is %v, %v", text, got, again, err)
		}
	}
}

func TestWhatIsNoRateIsTold(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "has no period: write it like 500/minute",
		"500":                    "has no period",
		"/minute":                "whole number",
		"0/minute":               "whole number",
		"-5/minute":              "whole number",
		"+5/minute":              "whole number",
		"1.5/minute":             "whole number",
		"five/minute":            "whole number",
		"_5/s":                   "whole number",
		"99999999999999999999/s": "too large",
		"5/fortnight":            `period "fortnight" is not known: use second`,
		"5/0s":                   "is not known",
		"5/-1m":                  "is not known",
		"5/400d":                 "longer than a year",
		"10000001/s":             "above 10000000/second: leave the limit out",
		"9223372036854775807/d":  "above 10000000/second",
	} {
		_, err := ParseRate(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want something with %q", text, err, want)
		}
	}
}

func TestRateIsTextInConfigurations(t *testing.T) {
	var r Rate
	if err := r.UnmarshalText([]byte("20/minute")); err != nil || r != PerMinute(20) {
		t.Errorf("%v, %v", r, err)
	}
	if text, err := r.MarshalText(); err != nil || string(text) != "20/minute" {
		t.Errorf("%q, %v", text, err)
	}
	if got := (Rate{}).String(); got != "" {
		t.Errorf("the zero rate is %q", got)
	}
	if got := PerMinute(500).Every(); got != 120*time.Millisecond {
		t.Errorf("500 a minute are one every %v", got)
	}
}

func FuzzParseRate(f *testing.F) {
	for _, text := range []string{"500/minute", "10/s", "1000/10m", "1/day", "5/1h30m", "1_000/s", "/", "9223372036854775807/1ns", "1/1.5s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRate(text)
		if err != nil {
			if r != (Rate{}) {
				t.Errorf("%q: a rate of %v beside an error", text, r)
			}
			return
		}
		if err := r.Validate(); err != nil {
			t.Errorf("%q was read and is not valid: %v", text, err)
		}
		if again, err := ParseRate(r.String()); err != nil || again != r {
			t.Errorf("%q became %q, which is %v, %v", text, r, again, err)
		}
		if r.Every() <= 0 {
			t.Errorf("%q is one request every %v", text, r.Every())
		}
	})
}

func TestParseQuota(t *testing.T) {
	for text, want := range map[string]Quota{
		"100000/day":      {100_000, Day},
		"1_000_000/month": {1_000_000, Month},
		"5/minute":        {5, Minute},
		"5/hour":          {5, Hour},
		"5/week":          {5, Week},
	} {
		got, err := ParseQuota(text)
		if err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
		if again, err := ParseQuota(got.String()); err != nil || again != want {
			t.Errorf("%q became %q", text, got)
		}
	}
	for _, text := range []string{"", "5", "5/", "0/day", "5/fortnight", "5/10m"} {
		if q, err := ParseQuota(text); err == nil {
			t.Errorf("%q is %v", text, q)
		}
	}
}

func TestWindowsAreOfTheCalendarInUTC(t *testing.T) {
	at := func(text string) time.Time {
		t.Helper()
		u, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return u.UTC()
	}
	for _, c := range []struct {
		period         Period
		at, start, end string
	}{
		{Minute, "2026-11-23T18:15:59Z", "2026-11-23T18:15:00Z", "2026-11-23T18:16:00Z"},
		{Hour, "2026-11-23T18:15:59Z", "2026-11-23T18:00:00Z", "2026-11-23T19:00:00Z"},
		{Day, "2026-11-23T23:59:59Z", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"},
		{Day, "2026-11-24T00:30:00+02:00", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"},
		{Week, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"}, // a Monday
		{Week, "2026-11-29T23:59:59Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"},
		{Month, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{Month, "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"},
		{Day, "1969-12-31T12:00:00Z", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"},
	} {
		start, end := c.period.Window(at(c.at))
		if !start.Equal(at(c.start)) || !end.Equal(at(c.end)) {
			t.Errorf("the %v of %s is %v to %v, want %s to %s", c.period, c.at, start, end, c.start, c.end)
		}
	}
}
