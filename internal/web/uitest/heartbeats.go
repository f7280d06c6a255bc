package uitest

import (
	"time"

	"lapwing.dev/lapwing/internal/heartbeats"
)

// Heartbeats is a ui.Heartbeats that does not change.
type Heartbeats []heartbeats.View

// List implements ui.Heartbeats.
func (h Heartbeats) List() []heartbeats.View { return h }

// NightHeartbeats is one job in each state.
func NightHeartbeats(now time.Time) Heartbeats {
	return Heartbeats{
		{Name: "nightly-backup", State: heartbeats.OK, Last: now.Add(-9 * time.Hour), Due: now.Add(15 * time.Hour), Since: now.Add(-30 * 24 * time.Hour), Every: 24 * time.Hour, Grace: time.Hour, Message: "412 MB in 18m", Severity: "critical"},
		{Name: "import-prices", API: "orders", State: heartbeats.Failed, Last: now.Add(-4 * time.Minute), Due: now.Add(11 * time.Minute), Since: now.Add(-34 * time.Minute), Every: 15 * time.Minute, Grace: 90 * time.Second, Message: "disk full\n<script>alert(1)</script>", Severity: "warning"},
		{Name: "send-invoices", API: "orders", State: heartbeats.Missing, Last: now.Add(-49 * time.Hour), Due: now.Add(-25 * time.Hour), Since: now.Add(-24 * time.Hour), Every: 24 * time.Hour, Grace: time.Hour, Severity: "critical"},
		{Name: "rotate-keys", State: heartbeats.Late, Last: now.Add(-65 * time.Minute), Due: now.Add(-5 * time.Minute), Since: now.Add(-5 * time.Minute), Every: time.Hour, Grace: 10 * time.Minute, Severity: "critical"},
		{Name: "report", State: heartbeats.Waiting, Due: now.Add(20 * time.Minute), Since: now.Add(-40 * time.Minute), Every: time.Hour, Grace: 6 * time.Minute, Severity: "critical"},
	}
}
