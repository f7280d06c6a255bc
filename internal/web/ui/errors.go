package ui

import (
	"net/http"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/web/problem"
)

// errorPage is what went wrong and what to do.
type errorPage struct {
	Status int
	Title  string
	Text   string
	Hint   string
}

// fail shows err as a page. Only errors with a kind are meant for the reader;
// the text of any other goes to the log.
func (u *UI) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := errorPage{
		Status: http.StatusInternalServerError, Title: "Something went wrong on our side",
		Text: "The page could not be made. The log of Lapwing says why.", Hint: "Try again; if it stays, look at Settings for warnings.",
	}
	known, ours := problem.Of(r.Context(), err)
	if ours && r.Context().Err() == nil {
		u.log.ErrorContext(r.Context(), "page failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	switch fault.KindOf(err) {
	case fault.KindNotFound:
		p = errorPage{http.StatusNotFound, "Not found", sentence(err.Error()), "It may have been renamed or removed from the configuration."}
	case fault.KindForbidden:
		p = errorPage{http.StatusForbidden, "Not allowed", sentence(err.Error()), "Ask somebody with more rights, or log in as another user."}
	case fault.KindUnauthentic:
		p = errorPage{http.StatusUnauthorized, "Please log in", sentence(err.Error()), ""}
	case fault.KindInvalid:
		p = errorPage{http.StatusBadRequest, "This does not work", sentence(err.Error()), ""}
	case fault.KindConflict:
		p = errorPage{http.StatusConflict, "Not now", sentence(err.Error()), ""}
	case fault.KindUnavailable:
		p = errorPage{known.Status, known.Title, sentence(known.Detail), "Try again later."}
	default:
		if r.Context().Err() != nil {
			return // the client has gone
		}
	}
	u.showError(w, r, p)
}

// ErrorPage shows a refusal that was decided before any page was asked: by the
// access rules in front of them.
func (u *UI) ErrorPage(w http.ResponseWriter, r *http.Request, status int, title, detail string) {
	u.showError(w, r, errorPage{Status: status, Title: title, Text: sentence(detail)})
}

func (u *UI) showError(w http.ResponseWriter, r *http.Request, p errorPage) {
	s := shell{Title: p.Title, Page: p, Public: !u.viewer(r).CanRead}
	if err := u.showStatus(w, r, p.Status, "errors", s); err != nil {
		u.log.ErrorContext(r.Context(), "error page failed", "error", err)
		http.Error(w, p.Title, p.Status)
	}
}

func (u *UI) notFound(_ http.ResponseWriter, r *http.Request) error {
	return fault.NotFound("there is no page %s", r.URL.Path)
}
