// Package middleware watches the requests of a Go API, limits and blocks them,
// and tells a Lapwing server about them. It needs the standard library alone:
//
//	m, err := middleware.New(middleware.Options{API: "orders"})
//	if err != nil { … }
//	go m.Run(ctx) // sends what was observed; needed with Options.Server only
//	http.ListenAndServe(":8080", m.Handler(mux))
//
// Every request becomes one [observe.Exchange], whatever happened to it: served,
// refused by a limit, panicked, hijacked, left by its client. Nothing here makes
// the application wait: what cannot be sent in time is dropped and counted, and
// a server that is away costs nothing.
//
// Around a request stand, in this order: the client's address
// (package clientip), the trace (package tracecontext), the block list
// (package block), the limits (package limit), the handler.
package middleware
