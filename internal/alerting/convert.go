package alerting

import (
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"

	"lapwing.dev/lapwing/internal/fault"
)

// toModel makes Alertmanager's alert of ours, with the times that it wants.
func toModel(a *Alert, now time.Time) *alert.Alert {
	starts, ends := a.Starts, a.Ends
	if starts.IsZero() {
		starts = now
		if !ends.IsZero() && ends.Before(now) {
			starts = ends
		}
	}
	if ends.IsZero() {
		ends = forever()
	}
	return &alert.Alert{
		Alert:     model.Alert{Labels: labelSet(a.Labels), Annotations: labelSet(a.Annotations), StartsAt: starts, EndsAt: ends},
		UpdatedAt: now,
	}
}

// fromModel is the reverse of toModel.
func fromModel(a *alert.Alert) Alert {
	ends := a.EndsAt
	if !ends.Before(forever()) {
		ends = time.Time{}
	}
	return Alert{Labels: stringMap(a.Labels), Annotations: stringMap(a.Annotations), Starts: a.StartsAt, Ends: ends}
}

func toStored(id model.Fingerprint, e *entry) Stored {
	return Stored{ID: id.String(), Source: e.source, Alert: fromModel(e.alert), Updated: e.alert.UpdatedAt}
}

// remember makes entries of what was stored. An alert with an end that had not
// come when it was stored gets a grace: its source may have been away as long as
// we were.
func remember(stored []Stored, acks []Ack, now time.Time) map[model.Fingerprint]entry {
	entries := make(map[model.Fingerprint]entry, len(stored))
	for i := range stored {
		s := &stored[i]
		a := toModel(&s.Alert, now)
		a.UpdatedAt = s.Updated
		if !s.Ended() && a.EndsAt.Before(now.Add(grace)) {
			a.EndsAt, a.Timeout = now.Add(grace), true
		}
		entries[a.Fingerprint()] = entry{alert: a, source: s.Source, stored: s.Alert.Ends}
	}
	for _, ack := range acks {
		id, err := model.ParseFingerprint(ack.Alert)
		if err != nil {
			continue
		}
		if e, ok := entries[id]; ok && !e.ended(now) {
			e.ack = &ack
			entries[id] = e
		}
	}
	return entries
}

// fit checks an alert, and cuts what is too long for a message.
func fit(a *alert.Alert) error {
	for name, value := range a.Labels {
		if value == "" {
			delete(a.Labels, name)
		}
	}
	if err := a.Validate(); err != nil {
		return fault.Invalid("an alert is refused: %w", err)
	}
	bytes := 0
	for name, value := range a.Labels {
		bytes += len(name) + len(value)
	}
	if len(a.Labels) > maxLabels || bytes > maxLabelBytes {
		return fault.Invalid("an alert is refused: it has %d labels of %d bytes; at most %d of %d are taken", len(a.Labels), bytes, maxLabels, maxLabelBytes)
	}
	if len(a.Annotations) > maxNotes {
		return fault.Invalid("an alert is refused: it has %d annotations; at most %d are taken", len(a.Annotations), maxNotes)
	}
	for name, value := range a.Annotations {
		if len(name) > maxLabelBytes {
			return fault.Invalid("an alert is refused: the name of an annotation has %d bytes; at most %d are taken", len(name), maxLabelBytes)
		}
		if len(value) > maxNoteBytes {
			a.Annotations[name] = model.LabelValue(cut(string(value), maxNoteBytes))
		}
	}
	return nil
}

// cut shortens a text to n bytes at most, at the end of a letter.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	text = text[:n-len("…")]
	for !utf8.ValidString(text) && text != "" {
		text = text[:len(text)-1]
	}
	return strings.TrimSpace(text) + "…"
}

// same reports whether nothing but the time of the news is new.
func same(a, b *alert.Alert) bool {
	return a == b || a.EndsAt.Equal(b.EndsAt) && a.StartsAt.Equal(b.StartsAt) && maps.Equal(a.Annotations, b.Annotations)
}

// onlyLater reports whether nothing but the end is new, and it moved on.
func onlyLater(old, a *alert.Alert) bool {
	return old != nil && a.EndsAt.After(old.EndsAt) && a.StartsAt.Equal(old.StartsAt) && maps.Equal(old.Annotations, a.Annotations)
}

// labelSet is a set of labels or annotations as Alertmanager has it: what is empty
// is not there, and a text is UTF-8.
func labelSet(m map[string]string) model.LabelSet {
	set := make(model.LabelSet, len(m))
	for name, value := range m {
		if value != "" {
			set[model.LabelName(name)] = model.LabelValue(strings.ToValidUTF8(value, "\ufffd"))
		}
	}
	return set
}

func stringMap(set model.LabelSet) map[string]string {
	m := make(map[string]string, len(set))
	for name, value := range set {
		m[string(name)] = string(value)
	}
	return m
}
