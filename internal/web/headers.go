package web

import (
	"net/http"
	"strings"
)

// contentSecurityPolicy allows what the pages are made of and nothing else: no
// inline script or style, nothing from another origin, no frames.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// headers sets what browsers need to protect the reader. Strict-Transport-Security
// is not among them: Lapwing speaks plain HTTP, and whatever ends TLS in front of
// it decides for the whole host.
func headers() middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Content-Security-Policy", contentSecurityPolicy)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("X-Frame-Options", "DENY") // for browsers without frame-ancestors
			h.Set("Referrer-Policy", "same-origin")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
			resources := "same-origin"
			if strings.HasPrefix(r.URL.Path, "/status/badge/") {
				resources = "cross-origin" // badges are there to be shown elsewhere; the gate decides whether they are
			}
			h.Set("Cross-Origin-Resource-Policy", resources)
			// What a login shows must not stay in a cache that others look into.
			// Handlers of things that are the same for everybody say so themselves.
			h.Set("Cache-Control", "private, no-cache")
			next.ServeHTTP(w, r)
		})
	}
}
