package api

import (
	"net/http"

	"lapwing.dev/lapwing/internal/web/problem"
)

type configDTO struct {
	Settings []settingDTO `json:"settings"`
	Reload   *reloadDTO   `json:"reload,omitempty"` // absent before the first reload
}

type settingDTO struct {
	Path    string `json:"path"`
	Value   string `json:"value"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Default bool   `json:"default"`
}

type reloadDTO struct {
	At       stamp             `json:"at"`
	OK       bool              `json:"ok"`
	Problems []problem.Mistake `json:"problems,omitempty"`
}

// getConfig answers GET /config: what is in force and where it was written.
func (a *API) getConfig(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r).err; err != nil {
		return err
	}
	dto := configDTO{Settings: []settingDTO{}, Reload: a.reload()}
	for _, s := range a.deps.Config.Effective() {
		dto.Settings = append(dto.Settings, settingDTO(s))
	}
	return answer(w, http.StatusOK, dto)
}

// reloadConfig answers POST /config/reload with the outcome, a problem when the
// configuration was refused.
func (a *API) reloadConfig(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r).err; err != nil {
		return err
	}
	if err := a.deps.Config.Reload(r.Context()); err != nil {
		return err
	}
	return answer(w, http.StatusOK, a.reload())
}

func (a *API) reload() *reloadDTO {
	last := a.deps.Config.ReloadStatus()
	if last.At.IsZero() {
		return nil
	}
	return &reloadDTO{At: stamp(last.At), OK: last.OK, Problems: last.Problems}
}
