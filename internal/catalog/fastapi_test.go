package catalog

import (
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/testneeds"
)

// The document that FastAPI itself writes for the app in examples/fastapi.
func TestTheFastAPIExampleIsUnderstood(t *testing.T) {
	python := testneeds.Python(t, "python3-fastapi", "fastapi")
	command := exec.CommandContext(t.Context(), python, "-c", "import json, app; print(json.dumps(app.app.openapi()))")
	command.Dir = "../../examples/fastapi"
	command.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	text, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	d, err := Parse(text, Origin{API: "orders", Base: "http://127.0.0.1:8000", URL: "http://127.0.0.1:8000/openapi.json"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"GET /health → /health",
		"GET /items → /items",
		"GET /items/{item_id} → /items/2 (item_id from its example)",
		"GET /orders → /orders",
		"GET /orders/{order_id} → /orders/17 (order_id from its example)",
		"GET /search → /search?q=desk (q from its example)",
		"POST /login ✕ POST may change something",
		"POST /orders ✕ POST may change something",
		"GET /users/me ✕ needs bearer authentication",
	}
	if diff := cmp.Diff(want, plan(d, "http://127.0.0.1:8000")); diff != "" {
		t.Error(diff)
	}
	if got := validate(t, d, "GET /health", 200, "application/json", nil, `{"status":"ok","items":"three"}`); got != `body /items: want integer, got string "three"` {
		t.Error(got)
	}
	created := `{"orders":[{"id":1,"item_id":2,"quantity":1,"status":"new","created_at":"2026-01-01T15:00:00+00:00"}],"total":1}`
	if got := validate(t, d, "GET /orders", 200, "application/json", nil, created); got != "" {
		t.Error(got)
	}
}
