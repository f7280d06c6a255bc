package promapi

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"

	"lapwing.dev/lapwing/internal/metrics/cost"
)

// checkForm refuses what Prometheus' handlers would take and should not. What
// they refuse themselves is left to them, so that the words are theirs.
func (a *api) checkForm(r *http.Request) error {
	if strings.HasSuffix(r.URL.Path, "/read") {
		return nil // protobuf
	}
	if err := r.ParseForm(); err != nil {
		return fmt.Errorf("error parsing form values: %w", err)
	}
	values := 0
	for _, v := range r.Form {
		values += len(v)
	}
	if values > maxValues {
		return fmt.Errorf("the form has %d values; at most %d are read", values, maxValues)
	}
	if n := len(r.Form["match[]"]); n > maxSelectors {
		return fmt.Errorf("%d match[] are given; at most %d are taken", n, maxSelectors)
	}
	for _, name := range []string{"time", "start", "end"} {
		if err := checkTime(r.FormValue(name)); err != nil {
			return invalid(name, err)
		}
	}
	query := r.FormValue("query")
	if query == "" {
		return nil
	}
	expr, err := a.parser.ParseExpr(query)
	if err != nil {
		return invalid("query", err)
	}
	if !strings.HasSuffix(r.URL.Path, "/query_range") {
		return nil
	}
	start, end, step := parseTime(r.FormValue("start")), parseTime(r.FormValue("end")), parseDuration(r.FormValue("step"))
	if start.IsZero() || end.IsZero() || step <= 0 || end.Before(start) {
		return nil // Prometheus says what is wrong with them
	}
	if step < time.Millisecond {
		return invalid("step", errors.New("the smallest step is 1ms"))
	}
	if err := cost.Check(expr, end.Sub(start), step); err != nil {
		return invalid("query", err)
	}
	return nil
}

// invalid has the words of Prometheus.
func invalid(name string, err error) error { return fmt.Errorf("invalid parameter %q: %w", name, err) }

// checkTime refuses times that do not fit into milliseconds: arithmetic with
// them overflows.
func checkTime(text string) error {
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil //nolint:nilerr // it is RFC 3339, or Prometheus refuses it
	}
	if math.IsNaN(seconds) || seconds < float64(apiv1.MinTime.Unix()) || seconds > float64(apiv1.MaxTime.Unix()) {
		return fmt.Errorf("cannot parse %q to a valid timestamp", text)
	}
	return nil
}

// parseTime reads a time as Prometheus does; zero is none.
func parseTime(text string) time.Time {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		whole, part := math.Modf(seconds)
		return time.Unix(int64(whole), int64(part*float64(time.Second)))
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// parseDuration reads a duration as Prometheus does; zero is none.
func parseDuration(text string) time.Duration {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if ns := seconds * float64(time.Second); math.Abs(ns) < math.MaxInt64 {
			return time.Duration(ns)
		}
		return 0
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0
	}
	return time.Duration(d)
}
