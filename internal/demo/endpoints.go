package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func (s *shop) document(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(Document) // an error means that the caller has gone
}

func (s *shop) health(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ok", "version": "1.4.2"})
}

func (s *shop) orders(w http.ResponseWriter, r *http.Request) {
	limit := 10
	if text := r.URL.Query().Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil {
			refuse(w, "query", "limit", "Input should be a valid integer, unable to parse string as an integer", "int_parsing")
			return
		}
		if limit < 1 || limit > 50 {
			refuse(w, "query", "limit", "Input should be between 1 and 50", "out_of_range")
			return
		}
	}
	status := r.URL.Query().Get("status")
	page := orderPage{Orders: []order{}}
	for id := 1; id <= orderCount && len(page.Orders) < limit; id++ {
		if o := orderNumber(id); status == "" || o.Status == status {
			page.Orders = append(page.Orders, o)
		}
	}
	answer(w, http.StatusOK, page)
}

func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	id, ok := pathNumber(w, r, "order_id")
	if !ok {
		return
	}
	if id < 1 || id > orderCount {
		answer(w, http.StatusNotFound, detail{fmt.Sprintf("Order %d not found", id)})
		return
	}
	answer(w, http.StatusOK, orderNumber(id))
}

func (s *shop) items(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, catalogue[:])
}

func (s *shop) item(w http.ResponseWriter, r *http.Request) {
	id, ok := pathNumber(w, r, "item_id")
	if !ok {
		return
	}
	if id < 1 || id > len(catalogue) {
		answer(w, http.StatusNotFound, detail{fmt.Sprintf("Item %d not found", id)})
		return
	}
	answer(w, http.StatusOK, catalogue[id-1])
}

func (s *shop) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query().Get("q")
	if q == "" {
		refuse(w, "query", "q", "Field required", "missing")
		return
	}
	result := searchResult{Query: q, Results: []item{}}
	for _, i := range catalogue {
		if strings.Contains(strings.ToLower(i.Name), strings.ToLower(q)) {
			result.Results = append(result.Results, i)
		}
	}
	answer(w, http.StatusOK, result)
}

func (s *shop) inventory(w http.ResponseWriter, _ *http.Request) {
	if s.unlucky() {
		answer(w, http.StatusBadGateway, detail{"warehouse did not answer: connection reset by peer"})
		return
	}
	list := make([]stock, len(catalogue))
	for i := range catalogue {
		list[i] = stock{catalogue[i].ID, 7 * (i + 3) % 40}
	}
	answer(w, http.StatusOK, list)
}

func (s *shop) report(w http.ResponseWriter, _ *http.Request) {
	revenue := 0.0
	for id := 1; id <= orderCount; id++ {
		revenue += orderNumber(id).Total
	}
	answer(w, http.StatusOK, report{time.Now().UTC().Format(time.DateOnly), orderCount, revenue})
}

func (s *shop) refunds(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusServiceUnavailable, detail{"payment provider did not answer: connection to 10.3.7.21:5432 refused"})
}

// The account of the demo. It protects nothing.
const (
	demoUser     = "probe"
	demoPassword = "lapwing"
)

func (s *shop) login(w http.ResponseWriter, r *http.Request) {
	var body struct{ User, Password *string }
	if err := json.NewDecoder(io.LimitReader(r.Body, 4<<10)).Decode(&body); err != nil {
		refuse(w, "body", "", "JSON decode error", "json_invalid")
		return
	}
	if body.User == nil || body.Password == nil {
		refuse(w, "body", "user", "Field required", "missing")
		return
	}
	if *body.User != demoUser || *body.Password != demoPassword {
		unauthorized(w, "Incorrect user or password")
		return
	}
	answer(w, http.StatusOK, map[string]string{"access_token": s.tokens.issue(time.Now()), "token_type": "bearer"})
}

func (s *shop) me(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		unauthorized(w, "Not authenticated")
		return
	}
	if !s.tokens.valid(token, time.Now()) {
		unauthorized(w, "Token is not valid or has expired")
		return
	}
	answer(w, http.StatusOK, map[string]string{"name": "Probe", "email": "probe@shop.example"})
}

func unauthorized(w http.ResponseWriter, text string) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	answer(w, http.StatusUnauthorized, detail{text})
}

func pathNumber(w http.ResponseWriter, r *http.Request, name string) (int, bool) {
	n, err := strconv.Atoi(r.PathValue(name))
	if err != nil {
		refuse(w, "path", name, "Input should be a valid integer, unable to parse string as an integer", "int_parsing")
		return 0, false
	}
	return n, true
}
