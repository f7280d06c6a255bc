package alerting

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/alertmanager/silence/silencepb"
	"github.com/prometheus/common/model"
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
	alerts := m.book.all()
	var list []Silence
	for _, s := range found {
		v := silenceView(s, now)
		if v.State == "expired" && (expiredAfter.IsZero() || !v.Ends.After(expiredAfter)) {
			continue
		}
		if v.State == "active" {
			matchers := matchersOf(s)
			for _, e := range alerts {
				if !e.ended(now) && matchesAny(matchers, e.alert.Labels) {
					v.Alerts++
				}
			}
		}
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
	m.log.Info("a silence is set", "silence", made.GetId(), "by", made.GetCreatedBy(), "until", s.Ends, "comment", made.GetComment())
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

// matchersOf compiles what a silence matches: any one of its sets.
func matchersOf(s *silencepb.Silence) []labels.Matchers {
	kinds := map[string]labels.MatchType{"=": labels.MatchEqual, "!=": labels.MatchNotEqual, "=~": labels.MatchRegexp, "!~": labels.MatchNotRegexp}
	var sets []labels.Matchers
	for _, set := range s.GetMatcherSets() {
		var all labels.Matchers
		for _, m := range set.GetMatchers() {
			compiled, err := labels.NewMatcher(kinds[opOf(m.GetType())], m.GetName(), m.GetPattern())
			if err != nil {
				return nil
			}
			all = append(all, compiled)
		}
		sets = append(sets, all)
	}
	return sets
}

func matchesAny(sets []labels.Matchers, set model.LabelSet) bool {
	return slices.ContainsFunc(sets, func(m labels.Matchers) bool { return m.Matches(set) })
}
