package probe

import (
	"encoding/json"
	"time"
)

// phasesJSON is how Phases are written: milliseconds, exact to the microsecond.
type phasesJSON struct {
	DNS      float64 `json:"dns_ms"`
	Connect  float64 `json:"connect_ms"`
	TLS      float64 `json:"tls_ms"`
	TTFB     float64 `json:"ttfb_ms"`
	Transfer float64 `json:"transfer_ms"`
}

// MarshalJSON writes milliseconds, as everything else that people read does.
func (p Phases) MarshalJSON() ([]byte, error) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return json.Marshal(phasesJSON{ms(p.DNS), ms(p.Connect), ms(p.TLS), ms(p.TTFB), ms(p.Transfer)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Phases) UnmarshalJSON(data []byte) error {
	var in phasesJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	d := func(ms float64) time.Duration { return time.Duration(ms*1000+0.5) * time.Microsecond }
	*p = Phases{d(in.DNS), d(in.Connect), d(in.TLS), d(in.TTFB), d(in.Transfer)}
	return nil
}
