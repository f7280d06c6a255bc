package api_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/web/api"
)

// A server without a gateway has none of the parts; its routes say so.
func TestRoutesOfPartsThatAreNotThereAre404(t *testing.T) {
	h := newHouse(t)
	h.API = api.New(api.Deps{Log: slog.New(slog.DiscardHandler)})
	for _, route := range h.Routes() {
		first, _, _ := strings.Cut(strings.TrimPrefix(route.Path, "/"), "/")
		switch first {
		case "traffic", "limits", "upstreams", "blocks", "exchanges":
			_, w := h.do(t, route.Method, api.Base+strings.NewReplacer("{id}", "x", "{key}", "x").Replace(route.Path), "")
			if w.Code != http.StatusNotFound {
				t.Errorf("%s %s: %d %s", route.Method, route.Path, w.Code, w.Body)
			}
		}
	}
}

func TestWhatMiddlewaresSendIsObserved(t *testing.T) {
	h := newHouse(t)
	if _, w := h.do(t, "POST", api.Base+"/exchanges", "nonsense"); w.Code != http.StatusAccepted || !strings.Contains(w.Body.String(), `"accepted":0,"rejected":1`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if h.observed != 0 {
		t.Errorf("%d exchanges were observed", h.observed)
	}
}

func TestABlockShowsWhereItHits(t *testing.T) {
	h := newHouse(t)
	if _, w := h.do(t, "POST", api.Base+"/blocks", `{"target":"203.0.113.7","reason":"scans","for":"1h"}`); w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var client struct {
		Requests, Delayed uint64
		Block             struct{ ID, Reason, Author string }
	}
	if err := json.Unmarshal([]byte(h.get(t, api.Base+"/traffic/clients/203.0.113.7")), &client); err != nil {
		t.Fatal(err)
	}
	if client.Requests != 48_310 || client.Delayed != 21_231 || client.Block.Reason != "scans" || client.Block.Author != "tester" {
		t.Errorf("%+v", client)
	}
	if _, w := h.do(t, "DELETE", api.Base+"/blocks/"+client.Block.ID, ""); w.Code != http.StatusNoContent {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if body := h.get(t, api.Base+"/traffic/clients/203.0.113.7"); strings.Contains(body, `"block"`) {
		t.Errorf("still blocked: %s", body)
	}
}

func TestAJobSaysWhatItHasToSay(t *testing.T) {
	h := newHouse(t)
	for _, request := range []struct{ target, body string }{
		{"/heartbeats/backup", "412 files"}, {"/heartbeats/backup?status=fail", ""},
	} {
		if _, w := h.do(t, "POST", api.Base+request.target, request.body); w.Code != 204 {
			t.Fatalf("%s: %d %s", request.target, w.Code, w.Body)
		}
	}
	want := []string{`backup true "412 files" by `, `backup false "" by `}
	for i, told := range h.beats.told {
		if !strings.HasPrefix(told, want[i]) {
			t.Errorf("told %q, want %q…", told, want[i])
		}
	}
	if len(h.beats.told) != 2 {
		t.Errorf("told %q", h.beats.told)
	}
}
