package units

import (
	"fmt"
	"strconv"
	"strings"
)

// Share is a part of a whole, 0 to 1.
type Share float64

// ParseShare reads "5%", "0.1%", "100%" or the same as a number: "0.05".
func ParseShare(s string) (Share, error) {
	text := strings.TrimSpace(s)
	number, percent := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || share-share != 0 { // neither NaN nor ±Inf
		return 0, fmt.Errorf("%q is not a share; write 5%% or 0.05", s)
	}
	if percent {
		share /= 100
	}
	if share < 0 || share > 1 {
		return 0, fmt.Errorf("%q is not between 0%% and 100%%; write 5%% or 0.05", s)
	}
	return Share(share), nil
}

// String writes it in percent: 5%, 0.1%.
func (s Share) String() string {
	return strconv.FormatFloat(float64(s)*100, 'g', 12, 64) + "%"
}

// MarshalText implements encoding.TextMarshaler.
func (s Share) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Share) UnmarshalText(text []byte) (err error) {
	*s, err = ParseShare(string(text))
	return err
}
