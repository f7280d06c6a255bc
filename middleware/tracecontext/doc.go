// Package tracecontext reads, continues and writes the trace that a request
// belongs to: W3C Trace Context (Level 2) and B3, in one header or several.
//
//	incoming, ok := tracecontext.Extract(r.Header)
//	hop := incoming.Child() // or tracecontext.New(sampled) when !ok
//	tracecontext.Inject(out.Header, &hop, tracecontext.W3C)
//
// It makes no spans and sends nothing: passing a trace on costs next to nothing,
// and whoever wants spans has all that they need in a [Context].
package tracecontext
