package limit

import (
	"fmt"
	"strings"
)

// The texts of small enumerations, at the place of their values.
var (
	modes    = [...]string{"reject", "throttle", "shadow"}
	outages  = [...]string{"local-share", "local-full", "open", "closed"}
	periods  = [...]string{"", "minute", "hour", "day", "week", "month"}
	verdicts = [...]string{"allow", "delay", "reject"}
	reasons  = [...]string{"", "rate", "quota", "concurrency", "overload", "queue_full", "queue_wait", "waiting_cap", "cost", "outage"}
	units    = [...]string{"requests", "content-bytes", "concurrent-requests"}
	kinds    = [...]string{"rate", "quota", "in_use"}
)

// name is the text of a value, or a text that shows that there is none.
func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown"
}

// named sets *to to the value whose text it is.
func named[T ~uint8](to *T, names []string, what string, text []byte) error {
	for i, n := range names {
		if n != "" && n == string(text) {
			*to = T(i)
			return nil
		}
	}
	known := strings.Join(names, ", ")
	return fmt.Errorf("%s %.40q is not known: use one of %s", what, text, strings.TrimPrefix(known, ", "))
}
