// Package probe makes one request to a target and measures it, phase by phase.
// It judges nothing (package checks does) and keeps nothing.
//
//	h := probe.NewHTTP(probe.Options{UserAgent: "Lapwing/1.0 (+check)"})
//	p, err := h.Prepare(request, probe.Target{BaseURL: api})   // once: checks, reads files
//	resp, err := p.Do(ctx, probe.Input{Traceparent: id})       // each run
//	h.Release(p)                                               // when the check is gone
//
// A request runs as an attempt, in one goroutine, on connections of its own:
//
//	message ─ authorize ─ dial ─ (proxy) ─ (secure) ─ exchange1 or exchange2 ─ readBody
//	   ▲      auth, oauth2  dns    connect      tls        ttfb                  transfer │
//	   └───────────────────────────── afterRedirect ──────────────────────────────────────┘
//
// Whatever the target does, the attempt ends with its context, holds a bounded
// amount of memory, and explains itself in an *Error: a class and a sentence.
package probe
