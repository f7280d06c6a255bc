// Package demo is an API to watch and its invented history: what `lapwing demo`
// shows without anything being set up.
//
// API is a small shop, FastAPI-like in its answers, that describes itself
// honestly in /openapi.json and has its weak spots on purpose: /refunds is
// broken, /reports/daily is slow, /inventory fails now and then. Config watches
// it, and History invents the 90 days before, the same ones for the same seed.
package demo
