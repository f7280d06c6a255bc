package web

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// minCompressed is where gzip begins to pay, in bytes.
const minCompressed = 1024

// compress answers with gzip where it helps.
//
// Not the event stream, which would be held back. And only what GET reads: BREACH
// finds a secret in an answer that also repeats what a foreign page sent. The
// pages have no secret in them — there are no form tokens, and the
// configuration is masked — and the one answer that shows a secret, that of
// making a token, is a POST's.
//
// zstd is left out: its encoders take a megabyte each, to save little.
func compress() middleware {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed), gzhttp.EnableZstd(false))
	if err != nil { // only when the options above contradict each other
		panic(err)
	}
	return func(next http.Handler) http.Handler {
		compressed := wrap(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.URL.Path != eventsPath {
				compressed.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// eventsPath is the API's event stream.
const eventsPath = "/api/v1/events"
