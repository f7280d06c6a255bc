package probe

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"lapwing.dev/lapwing/internal/secret"
)

// Via is how a request was sent, as far as curl needs to be told. All requests
// of a probe share one; it is not changed.
type Via struct {
	Resolve      map[string]string // as configured
	Proxy        string            // without user and password
	HTTP         string            // forced version: "", "1.1" or "2"
	IP           string            // "", "4" or "6"
	CAFile       string
	CertFile     string
	KeyFile      string
	ServerName   string
	MinVersion   string
	Insecure     bool
	MaxRedirects int
}

// newVia keeps what differs from a plain request.
func newVia(p *Probe, r *HTTPRequest) *Via {
	v := &Via{Resolve: maps.Clone(r.Resolve), HTTP: r.version(), MaxRedirects: p.redirects.Max}
	if r.IP != "any" {
		v.IP = r.IP
	}
	if p.route.proxy != nil {
		v.Proxy = p.route.proxy.shownURL
	}
	if t := r.TLS; t != nil {
		v.CAFile, v.CertFile, v.KeyFile = t.CAFile, t.CertFile, t.KeyFile
		v.ServerName, v.MinVersion, v.Insecure = t.ServerName, t.MinVersion, t.InsecureSkipVerify
	}
	return v
}

// Curl writes a request as a command line that can be pasted into a shell: the
// same request with curl. What redact knows is blanked; nil knows no values
// but still blanks the headers that carry credentials.
//
// A body that is not text, or of which only the beginning was kept, is named
// instead of shown.
func Curl(sent *Sent, redact *secret.Redactor) string {
	if redact == nil {
		redact = new(secret.Redactor)
	}
	c := curlLine{words: []string{"curl", "-sS", "-i"}}
	c.connection(sent.Via, sent.URL)
	c.method(sent)
	for _, name := range slices.Sorted(maps.Keys(sent.Headers)) {
		for _, value := range sent.Headers[name] {
			c.header(name, redact.Header(name, value))
		}
	}
	c.body(sent, redact)
	target := redact.Text(sent.URL)
	if strings.ContainsAny(target, "[]{}") {
		c.add("-g") // these mean something to curl
	}
	c.add(quoteShell(target))
	line := strings.Join(c.words, " ")
	if c.note != "" {
		line += "  # " + c.note
	}
	return line
}

// curlLine collects the words of a command line, quoted.
type curlLine struct {
	words []string
	note  string
}

func (c *curlLine) add(words ...string) { c.words = append(c.words, words...) }

func (c *curlLine) option(name, value string) {
	if value != "" {
		c.add(name, quoteShell(value))
	}
}

// connection adds how the connection is made.
func (c *curlLine) connection(v *Via, target string) {
	if v == nil {
		return
	}
	switch v.HTTP {
	case "1.1":
		c.add("--http1.1")
	case "2":
		if strings.HasPrefix(target, "http:") {
			c.add("--http2-prior-knowledge")
		} else {
			c.add("--http2")
		}
	}
	switch v.IP {
	case "4", "6":
		c.add("-" + v.IP)
	}
	if v.MaxRedirects > 0 {
		c.add("-L", "--max-redirs", strconv.Itoa(v.MaxRedirects))
	}
	for _, from := range slices.Sorted(maps.Keys(v.Resolve)) {
		c.option("--connect-to", from+":"+v.Resolve[from])
	}
	c.option("--proxy", v.Proxy)
	c.option("--cacert", v.CAFile)
	c.option("--cert", v.CertFile)
	c.option("--key", v.KeyFile)
	if v.MinVersion != "" {
		c.add("--tlsv" + v.MinVersion)
	}
	if v.Insecure {
		c.add("-k")
	}
	if v.ServerName != "" {
		c.note = "TLS server name " + strings.Map(oneLine, v.ServerName) + ", which curl takes from the URL"
	}
}

// method adds the method unless curl would choose it.
func (c *curlLine) method(sent *Sent) {
	switch {
	case sent.Method == "HEAD":
		c.add("--head")
	case sent.Method == "GET" && sent.Size == 0, sent.Method == "POST" && sent.Size > 0:
	default:
		c.add("-X", quoteShell(sent.Method))
	}
}

// header adds a header line in curl's notation.
func (c *curlLine) header(name, value string) {
	switch {
	case name == "Accept-Encoding" && value == "gzip":
		c.add("--compressed")
	case value == "":
		c.option("-H", name+";") // "Name:" would remove it
	default:
		c.option("-H", name+": "+value)
	}
}

// body adds the body.
func (c *curlLine) body(sent *Sent, redact *secret.Redactor) {
	if sent.Size == 0 {
		return
	}
	if sent.Headers.Get("Content-Type") == "" {
		c.add("-H", quoteShell("Content-Type:")) // curl would add a form's
	}
	text := string(sent.Body)
	if int64(len(sent.Body)) < sent.Size || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		c.add("--data-binary", "@body")
		kind := "the file body stands for "
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			kind += "a binary body of "
		} else {
			kind += "a body of "
		}
		c.note = kind + strconv.FormatInt(sent.Size, 10) + " bytes, which is not shown"
		return
	}
	c.add("--data-raw", quoteShell(redact.Text(text)))
}

// oneLine keeps a note from ending its line.
func oneLine(r rune) rune {
	if r < ' ' {
		return ' '
	}
	return r
}

// quoteShell quotes a word for a POSIX shell: in single quotes nothing has a
// meaning but the quote itself.
func quoteShell(word string) string {
	plain := word != ""
	for i := range len(word) {
		c := word[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_./:@%+=,", c) >= 0:
		default:
			plain = false
		}
	}
	if plain {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
