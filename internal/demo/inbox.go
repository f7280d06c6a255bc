package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// InboxPath is where the demo's webhook is served, beside the shop.
const InboxPath = "/demo/inbox"

// Message is what came by the webhook.
type Message struct {
	At      time.Time `json:"at"`
	Status  string    `json:"status"`  // firing or resolved
	Alert   string    `json:"alert"`   // its name
	Summary string    `json:"summary"` // one line
}

// Inbox is a webhook, where a team's chat would be: alerts of the demo are sent
// to it, so that one sees what arrives and when. GET tells the last messages.
type Inbox struct {
	Received func(Message) // called for each; may be nil

	mu   sync.Mutex
	last []Message
}

const (
	inboxKeeps = 50
	maxMessage = 1 << 20 // bytes of one request
)

// ServeHTTP takes what Alertmanager's webhooks send (version 4).
func (i *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		i.mu.Lock()
		list := append([]Message{}, i.last...)
		i.mu.Unlock()
		answer(w, http.StatusOK, list)
		return
	}
	var said struct {
		Alerts []struct {
			Status      string            `json:"status"`
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
		} `json:"alerts"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxMessage)).Decode(&said); err != nil {
		http.Error(w, "this takes the JSON of Alertmanager's webhooks", http.StatusBadRequest)
		return
	}
	for _, a := range said.Alerts {
		i.take(Message{At: time.Now().UTC(), Status: a.Status, Alert: a.Labels["alertname"], Summary: a.Annotations["summary"]})
	}
	w.WriteHeader(http.StatusNoContent)
}

func (i *Inbox) take(m Message) {
	i.mu.Lock()
	i.last = append(i.last, m)
	if more := len(i.last) - inboxKeeps; more > 0 {
		i.last = append(i.last[:0], i.last[more:]...)
	}
	i.mu.Unlock()
	if i.Received != nil {
		i.Received(m)
	}
}

// String is the message in one line for a terminal.
func (m Message) String() string {
	sign := "✕"
	if m.Status == "resolved" {
		sign = "✓"
	}
	summary := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, m.Summary)
	return fmt.Sprintf("%s %s: %s", sign, m.Alert, summary)
}
