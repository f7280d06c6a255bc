package upstream_test

import "strings"

// get is a request without a body.
func get(more string) string {
	return "GET /orders?page=2 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: test\r\n" + more + "\r\n"
}

// post is a request with a body of a known length.
func post(body, more string) string {
	return "POST /orders HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: test\r\nContent-Type: text/plain\r\n" + more +
		"Content-Length: " + itoa(len(body)) + "\r\n\r\n" + body
}

// chunkedPost is one whose body comes in chunks as they are.
func chunkedPost(chunks, more string) string {
	return "POST /orders HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: test\r\n" + more +
		"Transfer-Encoding: chunked\r\n\r\n" + chunks
}

// answer has a body of a known length, and a type.
func answer(status, body string, more ...string) string {
	return "HTTP/1.1 " + status + "\r\nContent-Type: text/told\r\n" + strings.Join(more, "") +
		"Content-Length: " + itoa(len(body)) + "\r\n\r\n" + body
}

// chunkedAnswer has a body in chunks as they are.
func chunkedAnswer(chunks string, more ...string) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: text/told\r\n" + strings.Join(more, "") + "Transfer-Encoding: chunked\r\n\r\n" + chunks
}

func diffCases() []diffCase {
	hello := answer("200 OK", "hello")
	long := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	huge := strings.Repeat("0123456789abcdef", 10<<16)
	return []diffCase{
		// Requests as they come.
		{name: "a GET", send: get(""), answer: hello, want: "200"},
		{name: "two over one connection", send: get(""), answer: hello, twice: true, want: "200"},
		{name: "a HEAD", send: strings.Replace(get(""), "GET", "HEAD", 1), answer: "HTTP/1.1 200 OK\r\nContent-Type: text/told\r\nContent-Length: 5\r\n\r\n", twice: true, want: "200"},
		{name: "a HEAD without a length", send: strings.Replace(get(""), "GET", "HEAD", 1), answer: "HTTP/1.1 200 OK\r\nContent-Type: text/told\r\n\r\n", twice: true, want: "200"},
		{name: "a HEAD whose answer is chunked", send: strings.Replace(get(""), "GET", "HEAD", 1), answer: "HTTP/1.1 200 OK\r\nContent-Type: text/told\r\nTransfer-Encoding: chunked\r\n\r\n", want: "200"},
		{name: "OPTIONS", send: strings.Replace(get(""), "GET", "OPTIONS", 1), answer: answer("204 No Content", "", "Allow: GET\r\n"), want: "204"},
		{name: "DELETE", send: strings.Replace(get(""), "GET", "DELETE", 1), answer: hello, want: "200"},
		{name: "PATCH with a body", send: strings.Replace(post(`{"a":1}`, ""), "POST", "PATCH", 1), answer: hello, want: "200"},
		{name: "a method of nobody's", send: strings.Replace(get(""), "GET", "BREW", 1), answer: hello, want: "200"},
		{name: "a POST", send: post("a body", ""), answer: hello, twice: true, want: "200"},
		{name: "a POST without a body", send: post("", ""), answer: hello, want: "200"},
		{name: "a GET with a body", send: strings.Replace(post("a body", ""), "POST", "GET", 1), answer: hello, want: "200"},
		{name: "a DELETE with a body", send: strings.Replace(post("a body", ""), "POST", "DELETE", 1), answer: hello, want: "200"},
		{name: "a chunked POST", send: chunkedPost("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", ""), answer: hello, twice: true, want: "200"},
		{name: "a chunked POST without chunks", send: chunkedPost("0\r\n\r\n", ""), answer: hello, want: "200"},
		{name: "chunks with extensions", send: chunkedPost("5;a=b\r\nhello\r\n0;last\r\n\r\n", ""), answer: hello, want: "200"},
		{name: "a POST of 1 MiB", send: post(long, ""), answer: hello, want: "200"},
		{name: "a POST of 10 MiB", send: post(huge, ""), answer: hello, want: "200"},
		{name: "a chunked POST of 1 MiB", send: chunkedPost("100000\r\n"+long+"\r\n0\r\n\r\n", ""), answer: hello, want: "200"},
		{name: "a range", send: get("Range: bytes=1-3\r\nIf-Range: \"e\"\r\n"), answer: answer("206 Partial Content", "ell", "Content-Range: bytes 1-3/5\r\nAccept-Ranges: bytes\r\n"), want: "206"},
		{name: "conditions", send: get("If-None-Match: \"e\"\r\nIf-Modified-Since: Mon, 23 Nov 2026 10:00:00 GMT\r\n"), answer: "HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n", twice: true, want: "304"},
		{name: "HTTP/1.0", send: "GET / HTTP/1.0\r\nHost: api.example.com\r\nUser-Agent: test\r\n\r\n", answer: hello, want: "200"},
		{name: "HTTP/1.0 and a chunked answer", send: "GET / HTTP/1.0\r\nHost: api.example.com\r\nUser-Agent: test\r\n\r\n", answer: chunkedAnswer("5\r\nhello\r\n0\r\n\r\n"), want: "200"},
		{name: "Connection: close", send: get("Connection: close\r\n"), answer: hello, want: "200"},
		{name: "no User-Agent", send: "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n", answer: hello, want: "200"},
		{name: "an absolute target", send: "GET http://api.example.com/orders?page=2 HTTP/1.1\r\nHost: other.example.com\r\nUser-Agent: test\r\n\r\n", answer: hello, want: "200"},

		// Targets.
		{name: "escapes stay as they are", send: strings.Replace(get(""), "/orders", "/a%2Fb/%7euser/caf%C3%A9/%zz", 1), answer: hello, want: "400"},
		{name: "legal escapes stay as they are", send: strings.Replace(get(""), "/orders", "/a%2Fb/%7euser/caf%C3%A9/a+b;c=d,e", 1), answer: hello, want: "200"},
		{name: "two slashes at the start", send: strings.Replace(get(""), "/orders", "//orders//a", 1), answer: hello, want: "200"},
		{name: "dots", send: strings.Replace(get(""), "/orders", "/a/../b/./c", 1), answer: hello, want: "200"},
		{name: "an odd query", send: strings.Replace(get(""), "page=2", "a=1;b=2&c=%zz&&=&d", 1), answer: hello, want: "200"},
		{name: "an empty query", send: strings.Replace(get(""), "page=2", "", 1), answer: hello, want: "200"},
		{name: "characters that belong escaped", send: strings.Replace(get(""), "/orders", "/[a]|b^c`{d}\"<e>", 1), answer: hello, want: "200", differs: "ReverseProxy escapes them; we pass on what the client sent"},

		// Request fields.
		{name: "fields that are repeated", send: get("Accept: a\r\nAccept: b\r\nCookie: a=1\r\nCookie: b=2\r\n"), answer: hello, want: "200"},
		{name: "fields about the connection", send: get("Connection: keep-alive, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: 300\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\n"), answer: hello, want: "200"},
		{name: "Connection cannot take our fields away", send: get("Connection: X-Forwarded-For, Host, Authorization\r\nAuthorization: Bearer x\r\n"), answer: hello, want: "200"},
		{name: "forged forwarding", send: get("X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nForwarded: for=1.2.3.4\r\n"), answer: hello, want: "200"},
		{name: "forged forwarding of other kinds", send: get("X-Forwarded-Port: 1\r\nX-Real-IP: 1.2.3.4\r\nX_Forwarded_For: 1.2.3.4\r\n"), answer: hello, want: "200", differs: "ReverseProxy passes on what some servers believe"},
		{name: "fields of 30 KiB", send: get("X-Long: " + strings.Repeat("x", 30<<10) + "\r\n"), answer: hello, want: "200"},
		{name: "empty and odd values", send: get("X-Empty:\r\nX-Tab: a\tb\r\nX-Latin: caf\xe9\r\n"), answer: hello, want: "200"},
		{name: "Accept-Encoding is the client's", send: get("Accept-Encoding: br\r\n"), answer: answer("200 OK", "\x1b\x03", "Content-Encoding: br\r\n"), want: "200"},
		{name: "nobody asked for gzip", send: get(""), answer: answer("200 OK", "\x1f\x8b", "Content-Encoding: gzip\r\n"), want: "200"},

		// What goes to the reference.
		{name: "Expect", send: post("a body", "Expect: 100-continue\r\n"), answer: hello, want: "200"},
		{name: "trailers of the request", send: chunkedPost("5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", "Trailer: X-Sum\r\n"), answer: hello, want: "200", differs: "it announces them and then loses their values"},
		{name: "TE: trailers", send: get("TE: trailers\r\n"), answer: chunkedAnswer("5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", "Trailer: X-Sum\r\n"), want: "200"},
		{name: "an upgrade that is refused", send: get("Connection: Upgrade\r\nUpgrade: websocket\r\n"), answer: answer("426 Upgrade Required", "no"), want: "426"},

		// Answers as they come.
		{name: "an empty body", send: get(""), answer: answer("200 OK", ""), twice: true, want: "200"},
		{name: "204", send: get(""), answer: "HTTP/1.1 204 No Content\r\n\r\n", twice: true, want: "204"},
		{name: "204 with a length", send: get(""), answer: "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", want: "204"},
		{name: "304 with a length", send: get(""), answer: "HTTP/1.1 304 Not Modified\r\nContent-Type: text/told\r\nContent-Length: 500\r\n\r\n", twice: true, want: "304"},
		{name: "404", send: get(""), answer: answer("404 Not Found", "no"), want: "404"},
		{name: "500", send: get(""), answer: answer("500 Internal Server Error", "oh"), want: "500"},
		{name: "502 of the upstream's own", send: get(""), answer: answer("502 Bad Gateway", "its own"), want: "502"},
		{name: "429 with a reason of its own", send: get(""), answer: answer("429 Slow Down", "no", "Retry-After: 5\r\n"), want: "429"},
		{name: "a status of nobody's", send: get(""), answer: answer("799 What", "x"), want: "799"},
		{name: "no reason", send: get(""), answer: answer("200", "hello"), want: "200"},
		{name: "an empty reason", send: get(""), answer: answer("200 ", "hello"), want: "200"},
		{name: "no type", send: get(""), answer: "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>", want: "200"},
		{name: "lower-case names", send: get(""), answer: "HTTP/1.1 200 OK\r\ncontent-type: text/told\r\ncontent-length: 5\r\nx-odd-name: 1\r\n\r\nhello", want: "200"},
		{name: "names with all signs", send: get(""), answer: answer("200 OK", "hello", "X!#$%&'*+.^_`|~: 1\r\n"), want: "200"},
		{name: "spaces around values", send: get(""), answer: answer("200 OK", "hello", "X-A:    a b \t \r\nX-B:b\r\nX-C:\r\n"), want: "200"},
		{name: "cookies", send: get(""), answer: answer("200 OK", "hello", "Set-Cookie: a=1\r\nSet-Cookie: b=2; Path=/\r\nSet-Cookie: a=3\r\n"), want: "200"},
		{name: "answer fields about the connection", send: get(""), answer: answer("200 OK", "hello", "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\nProxy-Authenticate: Basic\r\n"), want: "200"},
		{name: "a redirect is not followed", send: get(""), answer: answer("302 Found", "", "Location: http://127.0.0.1:1/x\r\n"), want: "302"},
		{name: "an answer's header of 60 KiB", send: get(""), answer: answer("200 OK", "hello", "X-Long: "+strings.Repeat("x", 60<<10)+"\r\n"), want: "200"},
		{name: "many fields", send: get(""), answer: answer("200 OK", "hello", strings.Repeat("X-Many: 1\r\n", 500)), want: "200"},
		{name: "a body of 1 MiB", send: get(""), answer: answer("200 OK", long), twice: true, want: "200"},
		{name: "a body of 10 MiB", send: get(""), answer: answer("200 OK", huge), want: "200"},
		{name: "a body as long as the buffer", send: get(""), answer: answer("200 OK", long[:8<<10]), twice: true, want: "200"},
		{name: "a body with NUL and all bytes", send: get(""), answer: answer("200 OK", allBytes()), want: "200"},
		{name: "in small pieces", send: get(""), parts: strings.SplitAfter(answer("200 OK", "hello", "X-A: a\r\n"), ""), want: "200"},
		{name: "chunked in small pieces", send: get(""), parts: strings.SplitAfter(chunkedAnswer("5;x\r\nhello\r\n0\r\n\r\n"), ""), want: "200"},
		{name: "chunked", send: get(""), answer: chunkedAnswer("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), twice: true, want: "200"},
		{name: "chunked and empty", send: get(""), answer: chunkedAnswer("0\r\n\r\n"), twice: true, want: "200"},
		{name: "chunked in the usual disguises", send: get(""), answer: chunkedAnswer("000A \r\n0123456789\r\n0a;name=\"v\"\r\n0123456789\r\n00\r\n\r\n"), want: "200"},
		{name: "1 MiB in one chunk", send: get(""), answer: chunkedAnswer("100000\r\n" + long + "\r\n0\r\n\r\n"), twice: true, want: "200"},
		{name: "many small chunks", send: get(""), answer: chunkedAnswer(strings.Repeat("1\r\nx\r\n", 20000) + "0\r\n\r\n"), want: "200"},
		{name: "Chunked by another case", send: get(""), answer: strings.Replace(chunkedAnswer("5\r\nhello\r\n0\r\n\r\n"), ": chunked", ": Chunked", 1), want: "200"},
		{name: "announced trailers", send: get(""), answer: chunkedAnswer("5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Two: 2\r\n\r\n", "Trailer: X-Sum, X-Two\r\n"), want: "200"},
		{name: "trailers that nobody announced", send: get(""), answer: chunkedAnswer("5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"), want: "200"},
		{name: "until the connection ends", send: get(""), parts: []string{"HTTP/1.1 200 OK\r\nContent-Type: text/told\r\n\r\nhello", " world", "CLOSE"}, want: "200"},
		{name: "HTTP/1.0 until the connection ends", send: get(""), parts: []string{"HTTP/1.0 200 OK\r\nContent-Type: text/told\r\n\r\nhello", "CLOSE"}, want: "200"},
		{name: "HTTP/1.0 with a length", send: get(""), parts: []string{"HTTP/1.0 200 OK\r\nContent-Type: text/told\r\nContent-Length: 5\r\n\r\nhello", "CLOSE"}, want: "200"},
		{name: "Connection: close in the answer", send: get(""), parts: []string{answer("200 OK", "hello", "Connection: close\r\n"), "CLOSE"}, twice: true, want: "200"},
		{name: "events", send: get("Accept: text/event-stream\r\n"), parts: []string{"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; told\r\n\r\n", "data: 1\n\n", "data: 2\n\n", "CLOSE"}, want: "200"},

		// Interim answers.
		{name: "103", send: get(""), answer: "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" + hello, want: "200"},
		{name: "102 and 103", send: get(""), answer: "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nLink: </b.css>\r\n\r\n" + hello, twice: true, want: "200"},
		{name: "100 that nobody waits for", send: get(""), answer: "HTTP/1.1 100 Continue\r\n\r\n" + hello, want: "200"},

		// Answers before the request was read.
		{name: "an early refusal", send: post("a body", ""), early: true, answer: answer("401 Unauthorized", "no"), want: "401"},

		// Answers that break off.
		{name: "none", send: get(""), parts: []string{"CLOSE"}, want: "502"},
		{name: "none, to a POST", send: post("a body", ""), parts: []string{"CLOSE"}, want: "502"},
		{name: "a reset", send: get(""), parts: []string{"RESET"}, want: "502"},
		{name: "half a status line", send: get(""), parts: []string{"HTTP/1.1 20", "CLOSE"}, want: "502"},
		{name: "half a header", send: get(""), parts: []string{"HTTP/1.1 200 OK\r\nContent-Type: text/told\r\n", "CLOSE"}, want: "502"},
		{name: "only an interim one", send: get(""), parts: []string{"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", "CLOSE"}, want: "502"},
		{name: "a body that is too short", send: get(""), parts: []string{"HTTP/1.1 200 OK\r\nContent-Type: text/told\r\nContent-Length: 100000\r\n\r\n" + long[:50000], "CLOSE"}, want: "200 broken"},
		{name: "no last chunk", send: get(""), parts: []string{chunkedAnswer("5\r\nhello\r\n"), "CLOSE"}, want: "200 broken"},
		{name: "half a chunk", send: get(""), parts: []string{chunkedAnswer("5\r\nhel"), "CLOSE"}, want: "200 broken"},
		{name: "an end without an end", send: get(""), parts: []string{chunkedAnswer("5\r\nhello\r\n0\r\n"), "CLOSE"}, want: "200 broken"},

		// Answers that two readers could read differently.
		{name: "length and chunked", send: get(""), answer: chunkedAnswer("5\r\nhello\r\n0\r\n\r\n", "Content-Length: 3\r\n"), want: "200"},
		{name: "two lengths", send: get(""), answer: answer("200 OK", "hello", "Content-Length: 3\r\n"), want: "502"},
		{name: "the same length twice", send: get(""), answer: answer("200 OK", "hello", "Content-Length: 5\r\n"), want: "200"},
		{name: "a list of lengths", send: get(""), answer: "HTTP/1.1 200 OK\r\nContent-Type: text/told\r\nContent-Length: 5, 5\r\n\r\nhello", want: "502"},
		{name: "a length with a sign", send: get(""), answer: "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", want: "502"},
		{name: "a negative length", send: get(""), answer: "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", want: "502"},
		{name: "a length that is too large", send: get(""), answer: "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello", want: "502"},
		{name: "two encodings", send: get(""), answer: chunkedAnswer("5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\n"), want: "502"},
		{name: "another encoding", send: get(""), answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", want: "502"},
		{name: "identity", send: get(""), answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello", want: "502"},
		{name: "more than its length", send: get(""), answer: hello + hello, want: "200"},
		{name: "more after the last chunk", send: get(""), answer: chunkedAnswer("5\r\nhello\r\n0\r\n\r\n") + "more", want: "200"},
		{name: "a space before the colon", send: get(""), answer: answer("200 OK", "hello", "X-A : 1\r\n"), want: "502", differs: "net/http drops such fields; they are a way around filters", leanDiffers: "the same"},
		{name: "no colon", send: get(""), answer: answer("200 OK", "hello", "X-A\r\n"), want: "502"},
		{name: "no name", send: get(""), answer: answer("200 OK", "hello", ": 1\r\n"), want: "502"},
		{name: "a NUL in a value", send: get(""), answer: answer("200 OK", "hello", "X-A: a\x00b\r\n"), want: "502"},
		{name: "a CR in a value", send: get(""), answer: answer("200 OK", "hello", "X-A: a\rX-B: b\r\n"), want: "502"},
		{name: "a folded line", send: get(""), answer: answer("200 OK", "hello", "X-A: a\r\n  b\r\n"), want: "200"},
		{name: "a first line that is folded", send: get(""), answer: "HTTP/1.1 200 OK\r\n X-A: a\r\nContent-Length: 0\r\n\r\n", want: "502"},
		{name: "lines that end with LF", send: get(""), answer: strings.ReplaceAll(hello, "\r\n", "\n"), want: "200"},
		{name: "a chunk's size that ends with LF", send: get(""), answer: chunkedAnswer("5\nhello\r\n0\r\n\r\n"), want: "200 broken"},
		{name: "a chunk that ends with LF", send: get(""), answer: chunkedAnswer("5\r\nhello\n0\r\n\r\n"), want: "200 broken"},
		{name: "a chunk that is longer than its size", send: get(""), answer: chunkedAnswer("5\r\nhello world\r\n0\r\n\r\n"), want: "200 broken"},
		{name: "a chunk without a size", send: get(""), answer: chunkedAnswer("\r\nhello\r\n0\r\n\r\n"), want: "200 broken"},
		{name: "a chunk's size in hex with 0x", send: get(""), answer: chunkedAnswer("0x5\r\nhello\r\n0\r\n\r\n"), want: "200 broken"},
		{name: "a chunk that is too large", send: get(""), answer: chunkedAnswer("fffffffffffffffff\r\nhello\r\n0\r\n\r\n"), want: "200 broken"},
		{name: "a negative chunk", send: get(""), answer: chunkedAnswer("-5\r\nhello\r\n0\r\n\r\n"), want: "200 broken"},
		{name: "no HTTP", send: get(""), answer: "220 smtp.example.com ESMTP\r\n\r\n", want: "502"},
		{name: "HTTP/0.9", send: get(""), parts: []string{"<html>hello</html>", "CLOSE"}, want: "502"},
		{name: "HTTP/2 to HTTP/1.1", send: get(""), answer: strings.Replace(hello, "HTTP/1.1", "HTTP/2.0", 1), want: "502", differs: "net/http believes it; it is no version that HTTP/1.1 may answer with", leanDiffers: "the same"},
		{name: "a status of two digits", send: get(""), answer: strings.Replace(hello, " 200", " 20", 1), want: "502"},
		{name: "a status with letters", send: get(""), answer: strings.Replace(hello, " 200", " 2O0", 1), want: "502"},
		{name: "101 that nobody asked for", send: get(""), answer: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", want: "502"},
		{name: "a header that never ends", send: get(""), answer: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: "+strings.Repeat("x", 1000)+"\r\n", 1000), want: "502"},
	}
}

func allBytes() string {
	var b []byte
	for i := range 256 {
		b = append(b, byte(i))
	}
	return string(b)
}
