package units

import (
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
