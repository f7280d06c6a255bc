package api

import (
	_ "embed"
	"net/http"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/web/problem"
)

// document is the API's OpenAPI 3.1 description.
//
//go:embed openapi.json
var document []byte

// getDocument answers GET /openapi.json. It is the same for everybody and says
// nothing about this installation, so it is open.
func (a *API) getDocument(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(document) // the client has gone: nobody to tell
	return nil
}

// getProblem answers GET /problems/{code}: what a problem's type links to.
func (a *API) getProblem(w http.ResponseWriter, r *http.Request) error {
	code, ok := problem.Find(r.PathValue("code"))
	if !ok {
		return fault.NotFound("there is no problem with the code %.40q", r.PathValue("code"))
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=300")
	// #nosec G705 -- plain text, and of our own table: the request only chooses the entry
	_, _ = w.Write([]byte(code.Text())) // the client has gone: nobody to tell
	return nil
}
