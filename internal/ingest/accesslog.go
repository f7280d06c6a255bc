package ingest

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/internal/ingest/accesslog"
	"lapwing.dev/lapwing/middleware/clientip"
	"lapwing.dev/lapwing/middleware/observe"
)

// accessLog is one entry of `access_logs:`.
type accessLog struct {
	logs   *Logs
	config AccessLog

	taken, mismatched, future, unknown atomic.Uint64

	mu      sync.Mutex
	example string // of a line that was not of the format
	format  string // that was found

	judged [3]uint64 // taken, mismatched and future when they were looked at last
}

func newAccessLog(l *Logs, c AccessLog) *accessLog { return &accessLog{logs: l, config: c} }

// Bounds of what is remembered for the lines of a file.
const (
	maxNames   = 4096
	numKeys    = 1024 // places for texts of clients, each for a few
	keysAtOnce = 4
	maxExample = 200         // bytes
	firstUnix  = 631_152_000 // 1990
	badShare   = 0.5         // of lines that are of no format: somebody should look
	badLeast   = 20          // lines
)

// lines returns who takes the lines of one file.
func (a *accessLog) lines() *accessLines {
	parser, err := a.config.parser()
	if err != nil { // Validate has made one
		parser, _ = accesslog.New(accesslog.Options{})
	}
	r := &accessLines{log: a, parser: parser, seed: maphash.MakeSeed(), names: map[opName]string{}}
	r.seen.texts = r.seen.one[:]
	return r
}

// accessLines makes exchanges of the lines of one file. It is for one goroutine and
// allocates nothing for a line that is like those before.
type accessLines struct {
	log    *accessLog
	parser accesslog.Parser
	line   accesslog.Line
	limit  time.Time // what is later is in the future

	world    *world
	resolver *clientip.Resolver
	seen     forwarded

	seed  maphash.Seed
	keys  [numKeys][keysAtOnce]clientKey // IPv6 clients and those behind proxies
	turn  uint
	names map[opName]string
}

type clientKey struct {
	prefix netip.Prefix
	text   string
}

type opName struct{ method, template string }

// Line implements tail.Lines.
func (r *accessLines) Line(line string, _ bool) {
	a := r.log
	if m := r.parser.Parse(line, &r.line); !m.OK() {
		if a.mismatched.Add(1)%1000 == 1 {
			a.note(line)
		}
		return
	}
	e := &r.line.Exchange
	if !r.time(e) {
		a.future.Add(1)
		return
	}
	if w := a.logs.world.Load(); w != r.world {
		r.world = w
		r.resolver = clientip.New(clientip.Options{Trusted: w.trusted, TrustUnixSockets: true})
	}
	e.Source = observe.SourceAccessLog
	if a.config.TrustForwarded && r.line.Forwarded != "" {
		r.seen.one[0] = r.line.Forwarded
		if client := r.resolver.Resolve(e.Client, &r.seen); client != e.Client {
			e.Client, e.ClientKey = client, ""
		}
	}
	if e.ClientKey == "" {
		e.ClientKey = r.key(e.Client)
	}
	if a.config.Strip != "" {
		e.Path = strip(e.Path, a.config.Strip)
	}
	e.API = a.config.API
	if e.API == "" {
		if e.API = r.world.apis.of(e.Host, e.Path); e.API == "" {
			a.unknown.Add(1)
		}
	}
	r.operation(e)
	a.logs.redact.Apply(e)
	a.logs.deps.Sink.Observe(e)
	if a.taken.Add(1) == 1 {
		a.mu.Lock()
		a.format = r.parser.Format()
		a.mu.Unlock()
	}
}

// time sees to an exchange's time; false when it cannot be true.
func (r *accessLines) time(e *observe.Exchange) bool {
	if e.Time.IsZero() { // it has none: it has just been written
		e.Time = time.Now()
		return true
	}
	if e.Time.After(r.limit) {
		r.limit = time.Now().Add(maxAhead)
		if e.Time.After(r.limit) {
			return false
		}
	}
	return e.Time.Unix() >= firstUnix
}

// operation names the operation. What was only guessed from a path and what the API
// has not got is none: scanners would invent operations.
func (r *accessLines) operation(e *observe.Exchange) {
	if r.log.logs.deps.Operations == nil || e.API == "" || e.Path == "" {
		return
	}
	template, documented := r.log.logs.deps.Operations.Operation(e.API, e.Method, e.Path)
	if template == "" {
		return
	}
	e.Route = template
	if !documented && (e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed) {
		return
	}
	key := opName{e.Method, template}
	name, ok := r.names[key]
	if !ok {
		name = method(e.Method) + " " + template
		if len(r.names) < maxNames {
			r.names[opName{strings.Clone(e.Method), template}] = name
		}
	}
	e.Operation = name
}

// method is a method as names of operations have it.
func method(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY":
		return m
	}
	return "_OTHER"
}

// key is the text under which a client is counted.
func (r *accessLines) key(addr netip.Addr) string {
	prefix := clientip.Key(addr)
	if !prefix.IsValid() {
		return ""
	}
	bucket := &r.keys[maphash.Comparable(r.seed, prefix)%numKeys]
	for i := range bucket {
		if bucket[i].prefix == prefix {
			return bucket[i].text
		}
	}
	text := prefix.String()
	if prefix.IsSingleIP() {
		text = prefix.Addr().String()
	}
	r.turn++
	bucket[r.turn%keysAtOnce] = clientKey{prefix, text}
	return text
}

// forwarded is one line of X-Forwarded-For as a header.
type forwarded struct {
	one   [1]string
	texts []string // one
}

// Values implements clientip.Values.
func (f *forwarded) Values(string) []string { return f.texts }

// strip takes whole segments from the front of a path.
func strip(path, front string) string {
	front = strings.TrimSuffix(front, "/")
	rest, ok := strings.CutPrefix(path, front)
	switch {
	case !ok || rest != "" && rest[0] != '/':
		return path
	case rest == "":
		return "/"
	}
	return rest
}

// note keeps a line that was not of the format, for people.
func (a *accessLog) note(line string) {
	if len(line) > maxExample {
		line = line[:maxExample]
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.example = strings.ToValidUTF8(a.logs.mask(line), "\uFFFD")
}

// judge tells when many of the lines since the last time were not what they should be.
func (a *accessLog) judge() {
	now := [3]uint64{a.taken.Load(), a.mismatched.Load(), a.future.Load()}
	var since [3]uint64
	for i := range now {
		since[i] = now[i] - a.judged[i]
	}
	all := since[0] + since[1] + since[2]
	if all < badLeast {
		return // until there are enough to tell
	}
	a.judged = now
	path := a.config.Path
	text := ""
	if float64(since[1]) > badShare*float64(all) {
		a.mu.Lock()
		text = path + ": most of its lines are not of the format " + formatName(a.config.Format) + ", such as: " + a.example +
			" (lapwing logs test-parser " + path + " shows where they differ)"
		a.mu.Unlock()
	}
	a.logs.notes.set(codeFormat, path, text)
	text = ""
	if since[2] > 0 {
		text = path + ": lines are more than 5 minutes in the future or before 1990, and are left out; is the clock or the time zone of the server that writes it right?"
	}
	a.logs.notes.set(codeFuture, path, text)
}

func formatName(format string) string {
	if format == "" {
		return accesslog.Auto
	}
	return format
}

// mask hides what looks like a secret in a text of words.
func (l *Logs) mask(text string) string {
	if !strings.ContainsAny(text, "=@") && len(text) < 20 {
		return text
	}
	words := strings.SplitAfter(text, " ")
	changed := false
	for i, word := range words {
		if masked := l.redact.Query(word); masked != word {
			words[i], changed = masked, true
			if strings.HasSuffix(word, " ") && !strings.HasSuffix(masked, " ") {
				words[i] += " "
			}
		}
	}
	if !changed {
		return text
	}
	return strings.Join(words, "")
}
