package accesslog

import (
	"net/netip"
	"strings"
	"time"
)

// common reads the common log format, and what servers and people add to it:
//
//	[vhost ]client ident user [time] "request" status bytes[ "referer" "user agent"][ more]
type common struct {
	name     string
	combined bool          // referer and user agent must be there
	ended    bool          // the time is that of the answer's end
	whole    time.Duration // unit of a whole number among what is added: Apache's %D is microseconds; 0: it is no duration
	dates    dates
}

// Format implements Parser.
func (p *common) Format() string { return p.name }

// Parse implements Parser.
func (p *common) Parse(line string, l *Line) Mismatch {
	*l = Line{Ended: p.ended}
	open, at := p.head(line, l)
	if open < 0 {
		return Mismatch{at, "the client's address and, in brackets, a time"}
	}
	rest := line[at:]
	if !strings.HasPrefix(rest, ` "`) {
		return Mismatch{at, `a blank and the request in quotes`}
	}
	end := closing(rest[2:])
	if end < 0 {
		return Mismatch{at + 2, "a quote that ends the request"}
	}
	l.judge()
	request := rest[2 : 2+end]
	at += 2 + end + 1
	// The status first: it decides what a request without a request line is.
	status, n := word(line[at:])
	var ok bool
	if l.Status, ok = statusOf(status); !ok {
		return Mismatch{min(at+1, len(line)), "a status, three digits"}
	}
	at += n
	bytes, n := word(line[at:])
	if l.ResponseBytes, ok = bytesOf(bytes); !ok {
		return Mismatch{min(at+1, len(line)), "the bytes of the answer, or -"}
	}
	at += n
	l.judge()
	l.request(request, false)
	if p.combined {
		var m Mismatch
		if at, m = p.quoted(line, at, l); !m.OK() {
			return m
		}
	}
	p.more(line[at:], l)
	l.start()
	return Mismatch{}
}

// head reads all before the request. It returns where the time begins and what
// comes after it; or -1, and how far the line was understood.
func (p *common) head(line string, l *Line) (open, end int) {
	for from := 0; ; {
		i := strings.Index(line[from:], " [")
		if i < 0 {
			return -1, from
		}
		i += from
		if at, ok := p.time(line, i+2, l); ok {
			l.clients(line[:i])
			return i, at
		}
		from = i + 2 // a bracket in the name of a user
		if from > 4096 {
			return -1, i + 2
		}
	}
}

// time reads a time and the bracket after it.
func (p *common) time(line string, at int, l *Line) (end int, ok bool) {
	if rest := line[at:]; len(rest) > clfLength && rest[clfLength] == ']' {
		if l.Time, ok = p.dates.clf(rest[:clfLength]); ok {
			return at + clfLength + 1, true
		}
	}
	t, n, ok := p.dates.parse(line[at:])
	if !ok || at+n >= len(line) || line[at+n] != ']' {
		return 0, false
	}
	l.Time = t
	return at + n + 1, true
}

// clients reads "client ident user", or "vhost client ident user".
func (l *Line) clients(head string) {
	first, rest, _ := strings.Cut(head, " ")
	client := first
	addr, ok := addressOf(first)
	if !ok {
		if second, after, found := strings.Cut(rest, " "); found {
			if addr, ok = addressOf(second); ok {
				l.Host, rest, client = hostOf(first), after, second
			}
		}
	}
	l.client(addr, client)
	_, user, _ := strings.Cut(rest, " ")
	if user != "-" && user != `""` {
		l.User = clean(user)
	}
}

// client notes who asked. An IPv4 address has one spelling, so the text in the line
// is already the one under which it is counted.
func (l *Line) client(addr netip.Addr, text string) {
	l.Client = addr
	if addr.Is4() && strings.IndexByte(text, ':') < 0 {
		l.ClientKey = text
	}
}

// addressOf reads an address, with a port or without.
func addressOf(s string) (netip.Addr, bool) {
	if len(s) < 2 {
		return netip.Addr{}, false
	}
	last := s[len(s)-1]
	if !isDigit(last) && last != ':' && last != ']' && (last|0x20 < 'a' || last|0x20 > 'f') {
		return netip.Addr{}, false // a name: ParseAddr would make an error to say so
	}
	if _, digit := hex(s[0]); !digit && s[0] != ':' && s[0] != '[' {
		return netip.Addr{}, false
	}
	if s[0] == '[' {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return netip.Addr{}, false
		}
		s = s[1:end]
	} else if i := strings.IndexByte(s, ':'); i >= 0 && strings.LastIndexByte(s, ':') == i && strings.IndexByte(s[:i], '.') > 0 {
		s = s[:i] // 192.0.2.1:4711
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap().WithZone(""), true
}

// hostOf is the authority that a server logged: without the default ports that
// Apache's %v:%p always has.
func hostOf(s string) string {
	s = strings.TrimSuffix(s, ":80")
	s = strings.TrimSuffix(s, ":443")
	if s == "-" || s == "_" {
		return ""
	}
	return clean(s)
}

// quoted reads referer and user agent.
func (p *common) quoted(line string, at int, l *Line) (int, Mismatch) {
	for i := range 2 {
		rest := line[at:]
		if !strings.HasPrefix(rest, ` "`) {
			return at, Mismatch{at, [...]string{"a blank and the referer in quotes", "a blank and the user agent in quotes"}[i]}
		}
		end := closing(rest[2:])
		if end < 0 {
			if len(line) < MaxLine { // what was cut has lost its last quote
				return at, Mismatch{at + 2, "a quote that ends the text"}
			}
			end = len(rest) - 2
		}
		if text := rest[2 : 2+end]; i == 1 && text != "-" {
			l.UserAgent = clean(text)
		}
		at = min(at+2+end+1, len(line))
	}
	return at, Mismatch{}
}

// word is the text between the blank that s begins with and the next one, and how
// long both are; "" when s does not begin so.
func word(s string) (text string, length int) {
	if s == "" || s[0] != ' ' {
		return "", 0
	}
	for i := 1; i < len(s); i++ {
		if s[i] == ' ' {
			return s[1:i], i
		}
	}
	return s[1:], len(s)
}
