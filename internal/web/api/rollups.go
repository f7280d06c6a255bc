package api

import (
	"net/http"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
)

// maxSteps bounds one answer of roll-ups: more than two years of days.
const maxSteps = 5000

type rollupList struct {
	Step    string      `json:"step"`
	Rollups []rollupDTO `json:"rollups"`
}

// listRollups answers GET /checks/{id}/rollups, oldest first.
func (a *API) listRollups(w http.ResponseWriter, r *http.Request) error {
	q := readQuery(r, "step", "from", "to")
	now := time.Now()
	step, name, since := checks.Daily, "day", now.Add(-90*units.Day)
	switch q.text("step") {
	case "", "day":
	case "hour":
		step, name, since = checks.Hourly, "hour", now.Add(-units.Week)
	default:
		q.fail(fault.Invalid("step %.40q: want hour or day", q.text("step")))
	}
	to := q.time("to", now)
	from := q.time("from", since)
	switch {
	case q.err != nil:
		return q.err
	case to.Before(from):
		return fault.Invalid("to is before from")
	case to.Sub(from)/step.Length() > maxSteps:
		return fault.Invalid("from and to are more than %d steps apart; ask for less, or for step=day", maxSteps)
	}
	id := r.PathValue("id")
	if _, err := a.deps.Checks.View(id); err != nil {
		return err
	}
	rollups, err := a.deps.Checks.Rollups(r.Context(), []string{id}, step, from, to)
	if err != nil {
		return err
	}
	list := rollupList{Step: name, Rollups: make([]rollupDTO, len(rollups[id]))}
	for i := range rollups[id] {
		list.Rollups[i] = showRollup(&rollups[id][i])
	}
	return answer(w, http.StatusOK, list)
}

type uptimeDTO struct {
	Day     shareDTO `json:"24h"`
	Week    shareDTO `json:"7d"`
	Month   shareDTO `json:"30d"`
	Quarter shareDTO `json:"90d"`
	Year    shareDTO `json:"365d"`
}

// getUptime answers GET /checks/{id}/uptime.
func (a *API) getUptime(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r).err; err != nil {
		return err
	}
	id := r.PathValue("id")
	if _, err := a.deps.Checks.View(id); err != nil {
		return err
	}
	uptimes, err := a.deps.Checks.Uptime(r.Context(), []string{id})
	if err != nil {
		return err
	}
	u := uptimes[id]
	return answer(w, http.StatusOK, uptimeDTO{
		showShare(u.Day), showShare(u.Week), showShare(u.Month), showShare(u.Quarter), showShare(u.Year),
	})
}
