package ui

import (
	"net/http"
	"net/url"
	"strings"

	"lapwing.dev/lapwing/internal/web/problem"
)

type loginPage struct {
	Next  string
	Error string
}

func (u *UI) loginForm(w http.ResponseWriter, r *http.Request) error {
	if u.Session == nil {
		return u.notFound(w, r)
	}
	next := localPath(r.URL.Query().Get("next"))
	if u.viewer(r).LoggedIn {
		http.Redirect(w, r, next, http.StatusSeeOther) // #nosec G710 -- localPath let it pass
		return nil
	}
	return u.show(w, r, "login", shell{Title: "Log in", Public: true, Page: loginPage{Next: next}})
}

func (u *UI) login(w http.ResponseWriter, r *http.Request) error {
	if u.Session == nil {
		return u.notFound(w, r)
	}
	next := localPath(r.PostFormValue("next"))
	err := u.Session.Login(w, r, r.PostFormValue("password"))
	if err == nil {
		http.Redirect(w, r, next, http.StatusSeeOther) // #nosec G710 -- localPath let it pass
		return nil
	}
	// A wrong password, or too many of them; the rest is no matter of the form's.
	refused, ours := problem.Of(r.Context(), err)
	if ours || refused.Status != http.StatusUnauthorized && refused.Status != http.StatusTooManyRequests {
		return err
	}
	return u.showStatus(w, r, refused.Status, "login", shell{Title: "Log in", Public: true, Page: loginPage{Next: next, Error: sentence(refused.Detail)}})
}

func (u *UI) logout(w http.ResponseWriter, r *http.Request) error {
	if u.Session == nil {
		return u.notFound(w, r)
	}
	if err := u.Session.Logout(w, r); err != nil {
		return err
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}

// localPath keeps a redirect after the login on this site. A target with a
// host, a scheme, or anything that browsers read as one ("//evil", "/\evil",
// "/\tevil") becomes the overview.
func localPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\t\r\n") {
		return "/"
	}
	target, err := url.Parse(next)
	if err != nil || target.IsAbs() || target.Host != "" || strings.HasPrefix(target.Path, "/login") {
		return "/"
	}
	return next
}
