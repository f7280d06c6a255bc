package middleware

import (
	"encoding/json"
	"net/http"
	"time"

	"lapwing.dev/lapwing/middleware/block"
	"lapwing.dev/lapwing/middleware/limit"
)

// Refusal is why a request is not served.
type Refusal struct {
	Status     int           // 403 for a block; 429 or 503 for a limit
	Type       string        // problem type, a URI
	Title      string        // in a few words, the same for every refusal of the type
	Detail     string        // in a sentence, for the client's developer
	Policies   []string      // that refuse
	RetryAfter time.Duration // 0: not known, or never

	decision *limit.Decision // of a limit
}

func limitRefusal(d *limit.Decision) *Refusal {
	refusal := &Refusal{
		Status: d.Reason.Status(), Type: d.Reason.ProblemType(), Title: "Too many requests",
		Detail: "The policy " + d.Policy + " lets no more in: " + d.Reason.String() + ".", RetryAfter: d.RetryAfter, decision: d,
	}
	if refusal.Status == http.StatusServiceUnavailable {
		refusal.Title = "At capacity"
	}
	for i := range d.N {
		if d.States[i].Violated {
			refusal.Policies = append(refusal.Policies, d.States[i].Name)
		}
	}
	if len(refusal.Policies) == 0 {
		refusal.Policies = []string{d.Policy}
	}
	return refusal
}

// blockRefusal does not tell the reason: it was written for colleagues.
func blockRefusal(entry *block.Entry, now time.Time) *Refusal {
	refusal := &Refusal{Status: http.StatusForbidden, Type: "about:blank", Title: "Forbidden", Detail: "This client is blocked."}
	if !entry.Expires.IsZero() {
		refusal.RetryAfter = entry.Expires.Sub(now)
	}
	return refusal
}

// refuse answers a request that is not served.
func (m *Middleware) refuse(c *carrier, refusal *Refusal) {
	w := c.writer.exposed()
	if refusal.decision != nil {
		limit.AppendFields(w.Header(), refusal.decision)
	}
	if m.o.Refuse != nil {
		m.o.Refuse(w, c.request, refusal)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	body, err := json.Marshal(problem{
		Type: refusal.Type, Title: refusal.Title, Status: refusal.Status, Detail: refusal.Detail, Policies: refusal.Policies, RequestID: c.requestID,
	})
	if err != nil { // of texts and a number: it cannot happen
		body = nil
	}
	w.WriteHeader(refusal.Status)
	_, _ = w.Write(append(body, '\n')) //nolint:errcheck // a client that went away is seen by the writer
}

// problem is the body of a refusal (RFC 9457).
type problem struct {
	Type      string   `json:"type"`
	Title     string   `json:"title"`
	Status    int      `json:"status"`
	Detail    string   `json:"detail"`
	Policies  []string `json:"violated-policies,omitempty"`
	RequestID string   `json:"request_id,omitempty"`
}
