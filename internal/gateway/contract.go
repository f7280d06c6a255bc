package gateway

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"lapwing.dev/lapwing/internal/units"
)

// maxValidated is the largest JSON body that is held to the document. Where the
// document is enforced, larger ones are refused: else size would be a way past it.
const maxValidated = units.MiB

// validate holds a request to the API's document, if its route wants that.
// Reading a body for it, it puts what it has read back.
func (g *Gateway) validate(c *call, r *http.Request) *refusal {
	if c.route.check == validateOff || g.deps.Validator == nil {
		return nil
	}
	enforce := c.route.check == validateEnforce
	var body []byte
	if wantsBody(r) {
		read, whole, err := readAhead(r, int64(maxValidated))
		switch {
		case err != nil && enforce:
			return c.refuse(refusedBody, "")
		case err != nil:
			return nil // whoever reads on meets it, too
		case whole:
			body = read
		case enforce:
			return c.refuse(refusedLarge, "JSON bodies of this API may have "+maxValidated.String()+" at most")
		}
	}
	path, query, _ := strings.Cut(c.apiPath, "?")
	if query == "" {
		query = r.URL.RawQuery
	}
	u := &url.URL{Path: path, RawPath: path, RawQuery: query}
	if plain, err := url.PathUnescape(path); err == nil {
		u.Path = plain
	}
	err := g.deps.Validator.ValidateRequest(r.Context(), c.route.api, c.asked.method, u, r.Header, body)
	switch {
	case err == nil:
		return nil
	case enforce:
		c.exchange.Policy = contractPolicy
		return c.refuse(refusedContract, err.Error())
	}
	c.exchange.Shadow = contractPolicy
	return nil
}

// contractPolicy is what refused a request that breaks its contract.
const contractPolicy = "contract"

// wantsBody reports whether the body may be JSON, so that it can be checked.
func wantsBody(r *http.Request) bool {
	if r.Body == nil || r.Body == http.NoBody {
		return false
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return kind == "" || kind == "application/json" || strings.HasSuffix(kind, "+json")
}

// readAhead reads a body of at most most bytes and leaves r as if it had not.
// whole is false when there is more.
func readAhead(r *http.Request, most int64) (read []byte, whole bool, err error) {
	if r.ContentLength > most {
		return nil, false, nil
	}
	var buffer bytes.Buffer
	if r.ContentLength > 0 {
		buffer.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err = io.Copy(&buffer, io.LimitReader(r.Body, most+1))
	read = buffer.Bytes()
	ahead := &aheadBody{rest: r.Body, err: err}
	ahead.read.Reset(read)
	r.Body = ahead
	return read, err == nil && int64(len(read)) <= most, err
}

// aheadBody is a body of which a part has been read already.
type aheadBody struct {
	read bytes.Reader
	rest io.ReadCloser
	err  error // that reading ahead met
}

// Read implements io.Reader.
func (b *aheadBody) Read(p []byte) (int, error) {
	if b.read.Len() > 0 {
		return b.read.Read(p)
	}
	if b.err != nil {
		return 0, b.err
	}
	return b.rest.Read(p)
}

// Close implements io.Closer.
func (b *aheadBody) Close() error { return b.rest.Close() }

// largeDetail says how large a body may be.
func largeDetail(most int64) string {
	return "it may have " + strconv.FormatInt(most, 10) + " bytes at most"
}
