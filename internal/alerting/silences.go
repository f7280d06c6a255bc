package alerting

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/alertmanager/silence/silencepb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"lapwing.dev/lapwing/internal/fault"
)

// Silences returns all that have not expired, and those that did after a time; the
// ones in force first, then those that begin soonest, then those that ended last.
func (m *Manager) Silences(ctx context.Context, expiredAfter time.Time) ([]Silence, error) {
	found, _, err := m.silences.Query(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	quiet := map[string]int{} // alerts, by silence
	for _, e := range m.book.all() {
		if !e.ended(now) {
			for _, id := range m.status(ctx, e.alert).SilencedBy {
				quiet[id]++
			}
		}
	}
	var list []Silence
	for _, s := range found {
		v := silenceView(s, now)
		if v.State == "expired" && (expiredAfter.IsZero() || !v.Ends.After(expiredAfter)) {
			continue
		}
		v.Alerts = quiet[v.ID]
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b Silence) int {
		states := []string{"active", "pending", "expired"}
		byState := cmp.Compare(slices.Index(states, a.State), slices.Index(states, b.State))
		switch a.State {
		case "expired":
			return cmp.Or(byState, b.Ends.Compare(a.Ends), strings.Compare(a.ID, b.ID))
		default:
			return cmp.Or(byState, a.Starts.Compare(b.Starts), strings.Compare(a.ID, b.ID))
		}
	})
	return list, nil
}

// Silence adds one (ID "") or changes one, and returns its ID once it is stored. A
// change of what it matches makes a new one, as in Alertmanager. fault.Invalid,
// fault.NotFound.
func (m *Manager) Silence(ctx context.Context, s Silence) (id string, err error) {
	if s.Starts.IsZero() {
		s.Starts = time.Now()
	}
	switch {
	case len(s.Matchers) == 0:
		return "", fault.Invalid("a silence needs a matcher: what is it about?")
	case s.Ends.IsZero():
		return "", fault.Invalid("a silence needs an end")
	case !s.Ends.After(time.Now()):
		return "", fault.Invalid("a silence must end in the future, not at %s", s.Ends.Format(time.RFC3339))
	case strings.TrimSpace(s.By) == "":
		return "", fault.Invalid("a silence needs a name of whoever makes it")
	}
	set := &silencepb.MatcherSet{}
	for _, matcher := range s.Matchers {
		kind, ok := matcherKinds()[matcher.Op]
		if !ok {
			return "", fault.Invalid("a matcher is one of =, !=, =~ and !~, not %q", matcher.Op)
		}
		set.Matchers = append(set.Matchers, &silencepb.Matcher{Type: kind, Name: matcher.Name, Pattern: matcher.Value})
	}
	made := &silencepb.Silence{
		Id: s.ID, MatcherSets: []*silencepb.MatcherSet{set}, StartsAt: timestamppb.New(s.Starts), EndsAt: timestamppb.New(s.Ends),
		CreatedBy: cut(s.By, maxBy), Comment: cut(s.Comment, maxText),
	}
	switch err := m.silences.Set(ctx, made); {
	case errors.Is(err, silence.ErrNotFound):
		return "", fault.NotFound("there is no silence %q", s.ID)
	case err != nil:
		return "", fault.Invalid("%w", err)
	}
	return made.GetId(), m.journal.flush(ctx)
}

// Unsilence ends one; fault.NotFound.
func (m *Manager) Unsilence(ctx context.Context, id, by string) error {
	if err := m.silences.Expire(ctx, id); err != nil {
		if errors.Is(err, silence.ErrNotFound) {
			return fault.NotFound("there is no silence %q", id)
		}
		return err
	}
	m.log.Info("a silence is ended", "silence", id, "by", by)
	return m.journal.flush(ctx)
}

func matcherKinds() map[string]silencepb.Matcher_Type {
	return map[string]silencepb.Matcher_Type{
		"=": silencepb.Matcher_EQUAL, "!=": silencepb.Matcher_NOT_EQUAL, "=~": silencepb.Matcher_REGEXP, "!~": silencepb.Matcher_NOT_REGEXP,
	}
}

func silenceView(s *silencepb.Silence, now time.Time) Silence {
	v := Silence{
		ID: s.GetId(), Starts: s.GetStartsAt().AsTime(), Ends: s.GetEndsAt().AsTime(), By: s.GetCreatedBy(), Comment: s.GetComment(), State: "active",
	}
	switch {
	case now.Before(v.Starts):
		v.State = "pending"
	case now.After(v.Ends):
		v.State = "expired"
	}
	for _, set := range s.GetMatcherSets() {
		for _, m := range set.GetMatchers() {
			v.Matchers = append(v.Matchers, Matcher{Name: m.GetName(), Op: opOf(m.GetType()), Value: m.GetPattern()})
		}
	}
	return v
}

func opOf(kind silencepb.Matcher_Type) string {
	for op, k := range matcherKinds() {
		if k == kind {
			return op
		}
	}
	return "="
}
