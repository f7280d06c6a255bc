package app

import (
	"context"
	"net/http"
	"net/url"

	"lapwing.dev/lapwing/internal/catalog"
)

// contracts lets checks ask the catalog without knowing it.
type contracts struct{ catalog *catalog.Catalog }

// ValidateResponse implements checks.Contracts.
func (c contracts) ValidateResponse(ctx context.Context, api, method string, u *url.URL, status int, header http.Header, body []byte) error {
	return c.catalog.ValidateResponse(ctx, api, method, u, status, header, body)
}

// Operation implements checks.Contracts.
func (c contracts) Operation(api, method, path string) (string, bool) {
	op, ok := c.catalog.Match(api, method, path)
	if !ok {
		return "", false
	}
	return op.Method + " " + op.Path, true
}
