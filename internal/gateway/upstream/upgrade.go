package upstream

import (
	"net/http"
	"strings"
)

// passesUpgrade reports whether a request may ask the server to change to
// another protocol. Not to HTTP itself: through a connection that became HTTP/2
// (h2c) requests would go that nobody here sees, past every rule for them.
func passesUpgrade(h http.Header) bool {
	if len(h["Upgrade"]) == 0 {
		return false
	}
	for _, line := range h["Upgrade"] {
		for protocol := range strings.SplitSeq(line, ",") {
			name, _, _ := strings.Cut(strings.TrimSpace(protocol), "/")
			switch strings.ToLower(name) {
			case "", "h2c", "h2", "http", "tls":
				return false
			}
		}
	}
	return true
}
