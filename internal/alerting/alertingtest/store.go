// Package alertingtest holds every implementation of alerting.Store to its
// contract, and has one in memory for tests.
package alertingtest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lapwing.dev/lapwing/internal/alerting"
)

// noon is when the stories happen.
var noon = time.Date(2026, 11, 1, 12, 0, 0, 7e6, time.UTC)

// Run runs the conformance suite of stores. open returns a new, empty one.
func Run(t *testing.T, open func(t *testing.T) alerting.Store) {
	for _, story := range slices.Concat(alertStories(), deliveryStories()) {
		t.Run(story.name, func(t *testing.T) { story.run(t, open(t)) })
	}
}

type story struct {
	name string
	run  func(*testing.T, alerting.Store)
}

func alertStories() []story {
	return []story{
		{"nothing is wrong at first", func(t *testing.T, s alerting.Store) {
			wantAlerts(t, s, time.Time{})
			wantAcks(t, s)
			wantBlobs(t, s, "silence", nil)
		}},
		{"an alert comes back as it was", func(t *testing.T, s alerting.Store) {
			odd := stored("a1", noon)
			odd.Source = "checks"
			odd.Alert.Labels["Ümlaut \x01 \""] = "a\nb\u2028"
			odd.Alert.Annotations = map[string]string{"summary": "it’s “down”"}
			bare := stored("a2", noon)
			bare.Alert.Annotations = map[string]string{}
			put(t, s, odd, bare)
			wantAlerts(t, s, noon, odd, bare)
		}},
		{"one that is known is replaced", func(t *testing.T, s alerting.Store) {
			first, again := stored("a1", noon), stored("a1", noon)
			again.Alert.Annotations["summary"], again.Source, again.Updated = "worse", "slo", noon.Add(time.Minute)
			put(t, s, first, stored("a2", noon))
			put(t, s, again)
			wantAlerts(t, s, noon, again, stored("a2", noon))
		}},
		{"the last of two in one batch holds", func(t *testing.T, s alerting.Store) {
			again := stored("a1", noon)
			again.Source = "later"
			put(t, s, stored("a1", noon), again)
			wantAlerts(t, s, noon, again)
		}},
		{"what ended long ago is asked for by its end", func(t *testing.T, s alerting.Store) {
			on, recent, old := stored("a1", noon), ended("a2", noon.Add(-time.Minute)), ended("a3", noon.Add(-2*time.Hour))
			put(t, s, on, recent, old)
			wantAlerts(t, s, noon.Add(-time.Hour), on, recent)
			wantAlerts(t, s, noon.Add(-3*time.Hour), on, recent, old)
			wantAlerts(t, s, noon, on)
		}},
		{"one with an end to come goes on, even when it has come", func(t *testing.T, s alerting.Store) {
			timed := stored("a1", noon)
			timed.Alert.Ends = noon.Add(5 * time.Minute)
			put(t, s, timed)
			wantAlerts(t, s, noon.Add(24*time.Hour), timed)
		}},
		{"an acknowledgement is kept until it is dropped", func(t *testing.T, s alerting.Store) {
			put(t, s, stored("a1", noon), stored("a2", noon))
			first := alerting.Ack{Alert: "a1", By: "ann", At: noon, Note: "mine"}
			second := alerting.Ack{Alert: "a2", By: "bob", At: noon.Add(time.Second), Until: noon.Add(time.Hour)}
			putAck(t, s, first)
			putAck(t, s, second)
			wantAcks(t, s, first, second)
			first.By, first.Note = "cem", ""
			putAck(t, s, first)
			wantAcks(t, s, first, second)
			for range 2 { // to drop what is gone is fine
				if err := s.DropAck(t.Context(), "a1"); err != nil {
					t.Fatal(err)
				}
				wantAcks(t, s, second)
			}
		}},
		{"an acknowledgement ends with its alert, in one go", func(t *testing.T, s alerting.Store) {
			put(t, s, stored("a1", noon), stored("a2", noon))
			for _, id := range []string{"a1", "a2"} {
				putAck(t, s, alerting.Ack{Alert: id, By: "ann", At: noon})
			}
			timed := stored("a2", noon)
			timed.Alert.Ends = timed.Updated.Add(time.Minute)
			put(t, s, ended("a1", noon), timed)
			wantAcks(t, s, alerting.Ack{Alert: "a2", By: "ann", At: noon})
			timed.Updated = timed.Alert.Ends
			put(t, s, timed)
			wantAcks(t, s)
		}},
		{"blobs are replaced by kind and key", func(t *testing.T, s alerting.Store) {
			far := time.Now().Add(time.Hour)
			putBlobs(t, s,
				alerting.Blob{Kind: "silence", Key: "1", Data: []byte{0, 255, '\n'}, Expires: far},
				alerting.Blob{Kind: "nflog", Key: "1", Data: []byte("log"), Expires: far},
				alerting.Blob{Kind: "silence", Key: "{a=\"\x1f\"}", Expires: far})
			putBlobs(t, s)
			wantBlobs(t, s, "silence", map[string]string{"1": "\x00\xff\n", "{a=\"\x1f\"}": ""})
			putBlobs(t, s, alerting.Blob{Kind: "silence", Key: "1", Data: []byte("new"), Expires: far})
			wantBlobs(t, s, "silence", map[string]string{"1": "new", "{a=\"\x1f\"}": ""})
			wantBlobs(t, s, "nflog", map[string]string{"1": "log"})
		}},
		{"old things are forgotten, and nothing that goes on", func(t *testing.T, s alerting.Store) {
			now := time.Now().Truncate(time.Millisecond).UTC()
			on, recent, old := stored("a1", noon.AddDate(-1, 0, 0)), ended("a2", now), ended("a3", now.Add(-48*time.Hour))
			timed := stored("a4", now.Add(-72*time.Hour))
			timed.Alert.Ends = timed.Updated.Add(time.Minute)
			put(t, s, on, recent, old, timed)
			putAck(t, s, alerting.Ack{Alert: "a1", By: "ann", At: noon})
			putBlobs(t, s,
				alerting.Blob{Kind: "silence", Key: "gone", Data: []byte("x"), Expires: now.Add(-time.Second)},
				alerting.Blob{Kind: "silence", Key: "kept", Data: []byte("x"), Expires: now.Add(time.Hour)})
			if err := s.Prune(t.Context(), now.Add(-24*time.Hour), 1000); err != nil {
				t.Fatal(err)
			}
			wantAlerts(t, s, time.Time{}, on, recent, timed)
			wantAcks(t, s, alerting.Ack{Alert: "a1", By: "ann", At: noon})
			wantBlobs(t, s, "silence", map[string]string{"kept": "x"})
		}},
		{"of what is over the most recent is kept", func(t *testing.T, s alerting.Store) {
			put(t, s, stored("a0", noon), ended("a1", noon.Add(1*time.Minute)), ended("a2", noon.Add(3*time.Minute)), ended("a3", noon.Add(2*time.Minute)))
			list := make([]alerting.Delivery, 4)
			for i := range list {
				list[i] = alerting.Delivery{Receiver: "ops", Created: noon}
				payload := map[int][]byte{0: []byte("waits")}[i]
				deliver(t, s, &list[i], payload)
			}
			if err := s.Prune(t.Context(), noon.Add(-24*time.Hour), 2); err != nil {
				t.Fatal(err)
			}
			wantAlerts(t, s, time.Time{}, stored("a0", noon), ended("a2", noon.Add(3*time.Minute)), ended("a3", noon.Add(2*time.Minute)))
			wantDeliveries(t, s, "", 0, 10, list[3], list[2], list[0])
		}},
		{"one alert is found by its ID", func(t *testing.T, s alerting.Store) {
			put(t, s, stored("a1", noon), ended("a2", noon))
			got, ok, err := s.Alert(t.Context(), "a2")
			if diff := cmp.Diff(ended("a2", noon), got); err != nil || !ok || diff != "" {
				t.Errorf("%v %v (-want +got):\n%s", ok, err, diff)
			}
			if _, ok, err := s.Alert(t.Context(), "a3"); ok || err != nil {
				t.Errorf("found what is not there: %v", err)
			}
		}},
		{"many at once are stored together", func(t *testing.T, s alerting.Store) {
			many := make([]alerting.Stored, 5000)
			for i := range many {
				many[i] = stored(fmt.Sprintf("%016x", i), noon)
			}
			put(t, s, many...)
			got, err := s.Alerts(t.Context(), noon)
			if err != nil || len(got) != len(many) {
				t.Fatalf("%d alerts of %d: %v", len(got), len(many), err)
			}
		}},
		{"everybody at once", func(t *testing.T, s alerting.Store) {
			var everybody sync.WaitGroup
			for i := range 8 {
				everybody.Go(func() {
					id := fmt.Sprintf("%016x", i)
					for range 10 {
						if err := s.PutAlerts(t.Context(), []alerting.Stored{stored(id, noon)}); err != nil {
							t.Error(err)
						}
						if err := s.PutBlobs(t.Context(), []alerting.Blob{{Kind: "nflog", Key: id, Expires: time.Now().Add(time.Hour)}}); err != nil {
							t.Error(err)
						}
						if err := s.PutDelivery(t.Context(), &alerting.Delivery{Receiver: id, Created: noon}, nil); err != nil {
							t.Error(err)
						}
						if _, err := s.Alerts(t.Context(), noon); err != nil {
							t.Error(err)
						}
					}
				})
			}
			everybody.Wait()
			list, err := s.Deliveries(t.Context(), "", 0, 1000)
			if err != nil || len(list) != 80 {
				t.Errorf("%d deliveries: %v", len(list), err)
			}
		}},
	}
}

// stored is an alert that goes on.
func stored(id string, starts time.Time) alerting.Stored {
	return alerting.Stored{ID: id, Updated: starts.Add(time.Second), Alert: alerting.Alert{
		Labels: map[string]string{"alertname": "Down", "id": id}, Annotations: map[string]string{"summary": "down"}, Starts: starts,
	}}
}

// ended is one that is over.
func ended(id string, ends time.Time) alerting.Stored {
	s := stored(id, ends.Add(-time.Hour))
	s.Alert.Ends, s.Updated = ends, ends
	return s
}

func put(t *testing.T, s alerting.Store, alerts ...alerting.Stored) {
	t.Helper()
	if err := s.PutAlerts(t.Context(), alerts); err != nil {
		t.Fatal(err)
	}
}

func putAck(t *testing.T, s alerting.Store, ack alerting.Ack) {
	t.Helper()
	if err := s.PutAck(t.Context(), ack); err != nil {
		t.Fatal(err)
	}
}

func putBlobs(t *testing.T, s alerting.Store, blobs ...alerting.Blob) {
	t.Helper()
	if err := s.PutBlobs(t.Context(), blobs); err != nil {
		t.Fatal(err)
	}
}

func wantAlerts(t *testing.T, s alerting.Store, endedAfter time.Time, want ...alerting.Stored) {
	t.Helper()
	got, err := s.Alerts(t.Context(), endedAfter)
	if err != nil {
		t.Fatal(err)
	}
	order := cmpopts.SortSlices(func(a, b alerting.Stored) int { return strings.Compare(a.ID, b.ID) })
	if diff := cmp.Diff(want, got, order, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}

func wantAcks(t *testing.T, s alerting.Store, want ...alerting.Ack) {
	t.Helper()
	got, err := s.Acks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("acknowledgements (-want +got):\n%s", diff)
	}
}

func wantBlobs(t *testing.T, s alerting.Store, kind string, want map[string]string) {
	t.Helper()
	blobs, err := s.Blobs(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for key, data := range blobs {
		got[key] = string(data)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", kind, diff)
	}
}
