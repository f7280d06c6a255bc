package units

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "300ms": 300 * time.Millisecond, "30s": 30 * time.Second, "1h30m": 90 * time.Minute,
		"14d": 14 * Day, "2w": 2 * Week, "1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour, "1w2d3h": 9*Day + 3*time.Hour,
	} {
		got, err := ParseDuration(text)
		if err != nil || got.Std() != want {
			t.Errorf("%q is %s (%v), want %s", text, got, err, want)
		}
		again, err := ParseDuration(got.String())
		if err != nil || again != got {
			t.Errorf("%q is written as %q, which reads as %s (%v)", text, got, again, err)
		}
	}
	for _, text := range []string{"", "5", "5 minutes", "-3s", "d", "1d-2h", "99999999999d", "3d5", "1h1d"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("%q passes as %s", text, d)
		}
	}
}

func TestADurationThatIsTooLongIsOne(t *testing.T) {
	for _, text := range []string{
		"100000d", "53376d", "99999999999d", "1" + strings.Repeat("0", 400) + "d", "20000w", "7000w6000d",
		"99999999h", "1281001h", "53375d1ns", "999999999999999999999999s", "99999999h30m",
	} {
		want := strconv.Quote(text) + " is longer than a duration can be; write at most 53375d"
		if d, err := ParseDuration(text); err == nil || err.Error() != want {
			t.Errorf("%q: got %s, %v, want the error %s", text, d, err, want)
		}
	}
	for _, text := range []string{"53375d", "1281000h"} {
		if d, err := ParseDuration(text); err != nil || d.Std() != longest {
			t.Errorf("%q: got %s, %v", text, d, err)
		}
	}
	for _, text := range []string{"NaNd", "-100000d", "100000x", "99999999999hours"} {
		if _, err := ParseDuration(text); err == nil || !strings.Contains(err.Error(), "is not a duration") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "512": 512, "512B": 512, "4KiB": 4096, "1.5MiB": 1572864, "10MB": 1e7, "10 MB": 1e7, "2GiB": 2 << 30,
	} {
		got, err := ParseSize(text)
		if err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
		if again, err := ParseSize(got.String()); err != nil || again != got {
			t.Errorf("%q is written as %q, which reads as %d (%v)", text, got, again, err)
		}
	}
	for _, text := range []string{"", "big", "-1", "1XB", "NaN", "Inf", "1e300GiB"} {
		if s, err := ParseSize(text); err == nil {
			t.Errorf("%q passes as %d", text, s)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"300ms", "14d", "1w2d", "0", "1.5d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err != nil {
			return
		}
		if d < 0 {
			t.Fatalf("%q is negative: %d", text, d)
		}
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Fatalf("%q is written as %q, which reads as %d (%v), not %d", text, d, again, err, d)
		}
	})
}
