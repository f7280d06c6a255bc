package alerting

import "time"

// The label names that every alert of ours uses. They are the ones people route
// by.
const (
	LabelName      = "alertname"
	LabelSeverity  = "severity" // info, warning, critical
	LabelAPI       = "api"
	LabelOperation = "operation"
	LabelCheck     = "check"
	LabelSource    = "source" // who raised it: checks, slo, rules, health, api
	LabelNotify    = "notify" // receivers that `alert.to` of a check names, joined by commas: they get it, whatever the route says
)

// The annotation names. Values are text for people, made by us from redacted data.
const (
	NoteSummary     = "summary"     // one line: what is wrong
	NoteDescription = "description" // what failed, how often, since when
	NotePage        = "page"        // absolute link to the page with exactly this data
	NoteEvidence    = "evidence"    // the first failing answer in a few lines
	NoteCurl        = "curl"        // the request as a command
	NoteTrace       = "trace"       // trace id of an example
	NoteOperation   = "operation"   // of a check: it is known only once the API's document is, and a label that comes later would be another alert
)

// Alert is one thing that is wrong. Its labels are its identity.
type Alert struct {
	Labels      map[string]string
	Annotations map[string]string
	Starts      time.Time // when it began
	// Ends is when it ended; zero while it goes on. A time in the future is how long
	// it goes on unless it is put again, for sources that repeat themselves.
	Ends time.Time
}
