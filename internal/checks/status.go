package checks

import "fmt"

// Status is the verdict of a run, or the state of a check.
type Status uint8

// The statuses. A run is up, degraded or down; a check may be unknown (never
// ran) or paused as well. The numbers are stored: never reorder them.
const (
	Unknown  Status = 0
	Up       Status = 1
	Degraded Status = 2
	Down     Status = 3
	Paused   Status = 4
)

var statusNames = [...]string{"unknown", "up", "degraded", "down", "paused"}

func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status(%d)", uint8(s))
}

// MarshalText implements encoding.TextMarshaler.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Status) UnmarshalText(text []byte) error {
	for i, name := range statusNames {
		if name == string(text) {
			*s = Status(i)
			return nil
		}
	}
	return fmt.Errorf("unknown status %q; statuses are unknown, up, degraded, down, paused", text)
}
