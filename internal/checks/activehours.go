package checks

import (
	"fmt"
	"strings"
	"time"
)

// activeHours are weekly windows in one time zone: "Mon-Fri 08:00-20:00 Europe/Berlin".
type activeHours struct {
	days     [7]bool // by time.Weekday
	from, to int     // minutes of the day; from < to, to ≤ 1440
	zone     *time.Location
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

const activeExample = `write days, hours and a time zone, such as "Mon-Fri 08:00-20:00 Europe/Berlin"`

// parseActiveHours reads "[days] HH:MM-HH:MM [zone]": days are a range or a
// list (Mon-Fri, Sat,Sun; default all), the zone is an IANA name (default UTC).
func parseActiveHours(text string) (*activeHours, error) {
	h := &activeHours{zone: time.UTC}
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return nil, fmt.Errorf("active hours are empty; %s", activeExample)
	}
	if !strings.Contains(fields[0], ":") {
		if err := h.parseDays(fields[0]); err != nil {
			return nil, err
		}
		fields = fields[1:]
	} else {
		h.days = [7]bool{true, true, true, true, true, true, true}
	}
	if len(fields) == 0 || len(fields) > 2 {
		return nil, fmt.Errorf("%q has no hours; %s", text, activeExample)
	}
	from, to, ok := strings.Cut(fields[0], "-")
	if !ok {
		return nil, fmt.Errorf("%q is not a span of hours; %s", fields[0], activeExample)
	}
	var err error
	if h.from, err = minuteOfDay(from); err != nil {
		return nil, err
	}
	if h.to, err = minuteOfDay(to); err != nil {
		return nil, err
	}
	if h.from >= h.to {
		return nil, fmt.Errorf("%q ends before it begins; for a night, use two checks or turn it around", fields[0])
	}
	if len(fields) == 2 {
		if h.zone, err = time.LoadLocation(fields[1]); err != nil {
			return nil, fmt.Errorf("%q is not a time zone; use an IANA name such as Europe/Berlin", fields[1])
		}
	}
	return h, nil
}

func (h *activeHours) parseDays(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, err := weekday(first)
		if err != nil {
			return err
		}
		to := from
		if isRange {
			if to, err = weekday(last); err != nil {
				return err
			}
		}
		for d := from; ; d = (d + 1) % 7 {
			h.days[d] = true
			if d == to {
				break
			}
		}
	}
	return nil
}

func weekday(text string) (int, error) {
	if len(text) >= 3 {
		for i, name := range weekdays {
			if strings.EqualFold(text[:3], name) {
				return i, nil
			}
		}
	}
	return 0, fmt.Errorf("%q is not a weekday; use Mon Tue Wed Thu Fri Sat Sun", text)
}

func minuteOfDay(text string) (int, error) {
	if text == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time of day; write HH:MM", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// contains reports whether t is inside the hours.
func (h *activeHours) contains(t time.Time) bool {
	local := t.In(h.zone)
	minute := local.Hour()*60 + local.Minute()
	return h.days[local.Weekday()] && minute >= h.from && minute < h.to
}

// length is how long the hours last.
func (h *activeHours) length() time.Duration { return time.Duration(h.to-h.from) * time.Minute }

// opens returns the next beginning of the hours at or after t, on the wall clock.
func (h *activeHours) opens(t time.Time) time.Time {
	local := t.In(h.zone)
	for day := range 9 {
		at := time.Date(local.Year(), local.Month(), local.Day()+day, h.from/60, h.from%60, 0, 0, h.zone)
		if h.days[at.Weekday()] && !at.Before(t.Round(0)) {
			return at
		}
	}
	return t // unreachable: some day of the week is active
}
