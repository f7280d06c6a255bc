package api

import (
	"net/http"

	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/middleware/limit"
)

// waitersShown bounds the waiting requests in an answer.
const waitersShown = 100

type limitDTO struct {
	Name     string            `json:"name"`
	Mode     string            `json:"mode"`
	Key      string            `json:"key,omitempty"`
	Rule     string            `json:"rule,omitempty"`
	Excess   string            `json:"excess,omitempty"`
	Allowed  uint64            `json:"allowed"` // this and the following since the start
	Delayed  uint64            `json:"delayed"`
	Rejected uint64            `json:"rejected"`
	Reasons  map[string]uint64 `json:"reasons,omitempty"` // of rejections
	Shadowed uint64            `json:"shadowed"`
	Exempt   uint64            `json:"exempt"`
	Degraded uint64            `json:"degraded"`
	Waiting  int64             `json:"waiting"` // now
	InUse    int64             `json:"in_use,omitempty"`
	Bound    int64             `json:"bound,omitempty"` // of an adaptive limit, now
}

type waiterDTO struct {
	Limit  string `json:"limit"`
	Client string `json:"client"`
	Since  stamp  `json:"since"`
	Until  stamp  `json:"until"` // when it goes on
}

type limitList struct {
	Limits  []limitDTO  `json:"limits"`
	Waiting []waiterDTO `json:"waiting"` // the next one first, 100 at most
}

func showLimit(l *limits.Description) limitDTO {
	dto := limitDTO{
		Name: l.Name, Mode: l.Mode.String(), Key: l.Key, Rule: l.Rule, Excess: l.Excess, Allowed: l.Allowed, Delayed: l.Delayed,
		Rejected: l.RejectedAll(), Shadowed: l.Shadowed, Exempt: l.Exempt, Degraded: l.Degraded, Waiting: l.Waiting, InUse: l.InUse, Bound: l.Bound,
	}
	for _, reason := range limit.Reasons() {
		if n := l.Rejected[reason]; n > 0 {
			if dto.Reasons == nil {
				dto.Reasons = map[string]uint64{}
			}
			dto.Reasons[reason.String()] = n
		}
	}
	return dto
}

// listLimits answers GET /limits, with who is throttled now.
func (a *API) listLimits(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Limits == nil {
		return absent("limits")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	list := limitList{Limits: []limitDTO{}, Waiting: []waiterDTO{}}
	for _, l := range a.deps.Limits.Describe() {
		list.Limits = append(list.Limits, showLimit(&l))
	}
	for _, w := range a.deps.Limits.Waiting("", waitersShown) {
		list.Waiting = append(list.Waiting, waiterDTO{w.Policy, w.Key, stamp(w.Since), stamp(w.Until)})
	}
	return answer(w, http.StatusOK, list)
}
