package ui

import (
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

// attention is one thing that somebody should look at.
type attention struct {
	ID, Name, API string
	Status        string
	Why           string
	Since         moment
	Age           string
	Old           bool // Since needs its date
	Run           checks.RunID
	Also          int // checks that are down because of this one
}

// needsAttention lists what is not as it should be, the worst first, at most
// attentionShown, and how many more there are. A check that is down because of
// another is counted with that one.
func needsAttention(views []checks.View, now time.Time) (list []attention, more int) {
	down := map[string]int{} // ID → index in list
	names := causes(views, func(v *checks.View) string { return v.Name })
	add := func(v *checks.View, status, why string, since time.Time) {
		a := attention{ID: v.ID, Name: v.Name, API: v.API, Status: status, Why: why, Since: moment{since}, Age: ago(now, since), Old: now.Sub(since) >= 24*time.Hour}
		if v.Last != nil {
			a.Run = v.Last.Run
		}
		list = append(list, a)
	}
	for i := range views {
		if v := &views[i]; v.State == checks.Down && v.BecauseOf == "" {
			down[v.ID] = len(list)
			add(v, "down", v.Reason, v.Since)
		}
	}
	for i := range views {
		v := &views[i]
		if v.State != checks.Down || v.BecauseOf == "" {
			continue
		}
		if at, ok := down[v.BecauseOf]; ok {
			list[at].Also++
			continue
		}
		add(v, "down", "because "+names[v.BecauseOf]+" is down", v.Since)
	}
	for i := range views {
		if v := &views[i]; v.State == checks.Degraded {
			add(v, "degraded", v.Reason, v.Since)
		}
	}
	for i := range views {
		v := &views[i]
		switch left := v.CertExpires.Sub(now); {
		case v.State == checks.Up && v.Failures > 0:
			add(v, "degraded", plural(v.Failures, "failed run")+" in a row, not yet counted as down: "+v.Reason, lastAt(v))
		case v.State == checks.Up && !v.CertExpires.IsZero() && left < certSoon:
			add(v, "degraded", "the certificate expires in "+span(left), time.Time{})
		}
	}
	if len(list) > attentionShown {
		more = len(list) - attentionShown
		list = list[:attentionShown]
	}
	return list, more
}

func lastAt(v *checks.View) time.Time {
	if v.Last == nil {
		return time.Time{}
	}
	return v.Last.At()
}
