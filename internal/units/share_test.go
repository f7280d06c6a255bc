package units

import "testing"

func TestShares(t *testing.T) {
	for text, want := range map[string]string{"5%": "5%", "0.05": "5%", "100%": "100%", " 0.1 %": "0.1%", "0": "0%", "1": "100%"} {
		share, err := ParseShare(text)
		if err != nil || share.String() != want {
			t.Errorf("%q is %s, %v; want %s", text, share, err, want)
		}
	}
	for _, text := range []string{"", "%", "5", "101%", "-1%", "NaN", "Inf%", "five"} {
		if share, err := ParseShare(text); err == nil {
			t.Errorf("%q is accepted as %s", text, share)
		}
	}
}

func FuzzParseShare(f *testing.F) {
	f.Add("5%")
	f.Add("0.05")
	f.Fuzz(func(t *testing.T, text string) {
		share, err := ParseShare(text)
		if err != nil {
			return
		}
		if again, err := ParseShare(share.String()); err != nil || again-share > 1e-9 || share-again > 1e-9 {
			t.Errorf("%q is read as %v, and its text %s as %v, %v", text, float64(share), share, float64(again), err)
		}
	})
}
