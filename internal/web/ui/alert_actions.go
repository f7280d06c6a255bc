package ui

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
)

// pathPart is one part of a path.
func pathPart(text string) string { return url.PathEscape(text) }

func alertPath(id string) string { return "/alerts/" + pathPart(id) }

// mayAlert refuses who may not change anything, and servers without alerts.
func (u *UI) mayAlert(r *http.Request) (Viewer, error) {
	if err := u.hasAlerts(r); err != nil {
		return Viewer{}, err
	}
	return u.mayWrite(r)
}

// changed leads back to a page after an alert or a silence was changed.
func (u *UI) changed(w http.ResponseWriter, r *http.Request, to string) error {
	u.alertsKept.forget()
	u.silencesKept.forget()
	http.Redirect(w, r, to, http.StatusSeeOther) // #nosec G710 -- a path of ours; what the form says is escaped into one segment
	return nil
}

// backTo is the page of an alert, or the list when the form was there.
func backTo(r *http.Request, id string) string {
	if r.FormValue("list") != "" {
		return "/alerts#alert-" + pathPart(id)
	}
	return alertPath(id)
}

// acknowledge says that the viewer has an alert.
func (u *UI) acknowledge(w http.ResponseWriter, r *http.Request) error {
	v, err := u.mayAlert(r)
	if err != nil {
		return err
	}
	var until time.Time
	if text := r.FormValue("for"); text != "" && text != "0" {
		length, err := units.ParseDuration(text)
		if err != nil || length <= 0 {
			return fault.Invalid("%q is not a time; write 30m, 2h or 7d", cut(text, 40))
		}
		until = u.now().Add(length.Std())
	}
	id := r.PathValue("id")
	if err := u.Alerts.Acknowledge(r.Context(), id, v.Name, strings.TrimSpace(cut(r.FormValue("note"), 1000)), until); err != nil {
		return err
	}
	return u.changed(w, r, backTo(r, id))
}

// unacknowledge takes that back.
func (u *UI) unacknowledge(w http.ResponseWriter, r *http.Request) error {
	v, err := u.mayAlert(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if err := u.Alerts.Unacknowledge(r.Context(), id, v.Name); err != nil {
		return err
	}
	return u.changed(w, r, backTo(r, id))
}

// retryDelivery tries a notification again now.
func (u *UI) retryDelivery(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.mayAlert(r); err != nil {
		return err
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return fault.NotFound("there is no notification %q", cut(r.PathValue("id"), 40))
	}
	if err := u.Alerts.Retry(r.Context(), id); err != nil {
		return err
	}
	if alert := r.FormValue("alert"); alert != "" {
		return u.changed(w, r, alertPath(alert)+"#deliveries")
	}
	return u.changed(w, r, "/alerts#deliveries")
}

// testReceiver sends an example to a receiver. What the receiver answers is shown:
// it says no secret.
func (u *UI) testReceiver(w http.ResponseWriter, r *http.Request) error {
	v, err := u.mayAlert(r)
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	if err := u.Alerts.Test(r.Context(), name, v.Name); err != nil {
		var known *fault.Error
		if errors.As(err, &known) || r.Context().Err() != nil {
			return err
		}
		u.showError(w, r, errorPage{
			Status: http.StatusBadGateway, Title: "The receiver did not take it", Text: sentence(cut(err.Error(), 1000)),
			Hint: "Look at the receiver " + name + " in the configuration, then try again.",
		})
		return nil
	}
	return u.changed(w, r, "/alerts?"+url1("receiver", name)+"#deliveries")
}
