package api

import (
	"net/http"
	"runtime"
	"time"

	"lapwing.dev/lapwing/internal/health"
)

type healthDTO struct {
	Status    string      `json:"status"` // ok, warning or failing: the worst notice
	Version   string      `json:"version"`
	Go        string      `json:"go"`
	StartedAt stamp       `json:"started_at"`
	UptimeMS  float64     `json:"uptime_ms"`
	Notices   []noticeDTO `json:"notices"`
}

type noticeDTO struct {
	Code     string          `json:"code"`
	Severity health.Severity `json:"severity"`
	Title    string          `json:"title"`
	Text     string          `json:"text"`
	Since    stamp           `json:"since"`
}

// getHealth answers GET /health: how Lapwing itself is. It is 200 also when
// something is failing, as the answer itself came; /healthz is for probes.
func (a *API) getHealth(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r).err; err != nil {
		return err
	}
	about := a.deps.About
	dto := healthDTO{
		Status: "ok", Version: about.Version, Go: runtime.Version(), StartedAt: stamp(about.Started),
		UptimeMS: millis(time.Since(about.Started)), Notices: []noticeDTO{},
	}
	for _, n := range a.deps.Health.List() {
		dto.Notices = append(dto.Notices, noticeDTO{n.Code, n.Severity, n.Title, n.Text, stamp(n.Since)})
		if dto.Status != string(health.Failing) {
			dto.Status = string(n.Severity)
		}
	}
	return answer(w, http.StatusOK, dto)
}
