package api

import "net/http"

type apiList struct {
	APIs []apiDTO `json:"apis"`
}

type apiDTO struct {
	Name       string            `json:"name"`
	URL        string            `json:"url"`
	Labels     map[string]string `json:"labels,omitempty"`
	Document   string            `json:"document,omitempty"`
	Title      string            `json:"title,omitempty"`
	Version    string            `json:"version,omitempty"`
	Operations int               `json:"operations"`
	LoadedAt   stamp             `json:"loaded_at,omitzero"`
	Error      string            `json:"error,omitempty"`
}

// listAPIs answers GET /apis.
func (a *API) listAPIs(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r).err; err != nil {
		return err
	}
	list := apiList{APIs: []apiDTO{}}
	for _, api := range a.deps.Catalog.APIs() {
		list.APIs = append(list.APIs, apiDTO{
			api.Name, api.URL, api.Labels, api.Document, api.Title, api.Version, api.Operations, stamp(api.Loaded), api.Error,
		})
	}
	return answer(w, http.StatusOK, list)
}

type operationList struct {
	Operations []operationDTO `json:"operations"`
}

type operationDTO struct {
	Method     string   `json:"method"`
	Path       string   `json:"path"`
	ID         string   `json:"id,omitempty"`
	Summary    string   `json:"summary,omitempty"`
	Tags       []string `json:"tags,omitempty"`
	Deprecated bool     `json:"deprecated"`
	Safe       bool     `json:"safe"`
	Checks     []string `json:"checks,omitempty"` // ids of the checks that watch it
}

// listOperations answers GET /apis/{name}/operations.
func (a *API) listOperations(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r).err; err != nil {
		return err
	}
	name := r.PathValue("name")
	operations, err := a.deps.Catalog.Operations(name)
	if err != nil {
		return err
	}
	watching := map[string][]string{}
	for _, v := range a.deps.Checks.List() {
		if v.API == name && v.Operation != "" {
			watching[v.Operation] = append(watching[v.Operation], v.ID)
		}
	}
	list := operationList{Operations: make([]operationDTO, len(operations))}
	for i, o := range operations {
		list.Operations[i] = operationDTO{o.Method, o.Path, o.ID, o.Summary, o.Tags, o.Deprecated, o.Safe, watching[o.Method+" "+o.Path]}
	}
	return answer(w, http.StatusOK, list)
}
