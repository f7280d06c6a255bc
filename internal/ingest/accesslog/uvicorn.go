package accesslog

import (
	"strings"
	"time"
)

// uvicorn reads what uvicorn, hypercorn and uvicorn's worker in gunicorn say:
//
//	INFO:     127.0.0.1:50312 - "GET /orders/17 HTTP/1.1" 200 OK
//
// with or without something before it (a level, a time, colours), and with what
// people append, such as a duration. By itself the line has no time.
type uvicorn struct {
	common common // for what is appended
}

// Format implements Parser.
func (p *uvicorn) Format() string { return Uvicorn }

// maxBefore bounds what may stand before the client.
const maxBefore = 256

// Parse implements Parser.
func (p *uvicorn) Parse(line string, l *Line) Mismatch {
	*l = Line{Ended: true}
	dash := strings.Index(line[:min(len(line), maxBefore)], ` - "`)
	if dash < 0 {
		return Mismatch{0, `a client's address, " - " and the request in quotes`}
	}
	before := uncolour(line[:dash])
	client := before[strings.LastIndexByte(before, ' ')+1:]
	var ok bool
	if l.Client, ok = addressOf(client); !ok && client != "" && client != "None" {
		return Mismatch{dash - len(client), "a client's address with its port"}
	}
	if t, _, ok := p.common.dates.find(before); ok {
		l.Time = t
	}
	at := dash + len(` - "`)
	end := closing(line[at:])
	if end < 0 { // a colour follows the quote
		if end = strings.Index(line[at:], "\"\x1b"); end < 0 {
			return Mismatch{at, "a quote that ends the request"}
		}
	}
	request := line[at : at+end]
	at += end + 1
	rest := uncolour(line[at:])
	rest = strings.TrimLeft(rest, " ")
	status := rest[:min(3, len(rest))]
	if l.Status, ok = statusOf(status); !ok || len(rest) > 3 && isDigit(rest[3]) {
		return Mismatch{at, "a status, three digits"}
	}
	l.judge()
	l.request(uncolour(request), false)
	rest = rest[len(status):]
	for rest != "" { // the phrase of the status: OK, Not Found
		phrase, n := word(rest)
		if phrase == "" || isDigit(phrase[0]) || phrase[0] == '"' || strings.IndexByte(phrase, '=') >= 0 {
			break
		}
		rest = rest[n:]
	}
	p.common.more(rest, l)
	l.start()
	return Mismatch{}
}

// find reads the time that a text begins with, or that follows a bracket or a level.
func (d *dates) find(s string) (t time.Time, length int, ok bool) {
	for from := 0; from < len(s) && from < 32; {
		rest := strings.TrimLeft(s[from:], "[( ")
		if t, n, ok := d.parse(rest); ok && n >= len("2026-11-23 21:22:02") {
			return t, n, true
		}
		i := strings.IndexByte(rest, ' ')
		if i < 0 {
			break
		}
		from = len(s) - len(rest) + i
	}
	return time.Time{}, 0, false
}

// uncolour takes out the codes by which terminals show colours.
func uncolour(s string) string {
	if strings.IndexByte(s, 0x1b) < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != 0x1b || i+1 == len(s) || s[i+1] != '[' {
			out = append(out, s[i])
			continue
		}
		for i += 2; i < len(s) && s[i] < '@'; i++ {
		}
	}
	return string(out)
}
