package untrusted_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"strings"
	"testing"

	"github.com/golang/snappy"
	"google.golang.org/protobuf/encoding/protowire"

	"lapwing.dev/lapwing/internal/metrics/untrusted"
)

// nest wraps a message in a field of another one, times over.
func nest(times int) []byte {
	body := []byte("\x08\x01")
	for range times {
		body = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), body)
	}
	return body
}

func TestShape(t *testing.T) {
	parts := bytes.Repeat([]byte{0x0a, 0}, 100)
	for name, tt := range map[string]struct {
		body []byte
		most int
		want string
	}{
		"as many parts as may be":      {parts, 100, ""},
		"one more":                     {parts, 99, "more than 99 parts"},
		"as deep as may be":            {nest(untrusted.MaxDepth), 1000, ""},
		"deeper":                       {nest(untrusted.MaxDepth + 1), 1000, "levels deep"},
		"deep, and then not a message": {append(nest(untrusted.MaxDepth+1), 0xff), 1000, "levels deep"},
		"not a message":                {[]byte("hello"), 10, ""},
		"a text":                       {protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), strings.Repeat("hello\n", 1000)), 10_000, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := untrusted.Protobuf(tt.body, tt.most)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Error(err)
			}
		})
	}
}

func TestShapeOfJSON(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want string
	}{
		"small":                  {`{"a":[1,2,{}],"b":"[[[[{{{{"}`, ""},
		"an escaped quote":       {`{"a":"\"` + strings.Repeat("[", 100) + `"}`, ""},
		"an escaped backslash":   {`{"a":"\\"` + strings.Repeat("[", 100), "levels deep"},
		"too deep":               {strings.Repeat(`{"a":`, 65), "levels deep"},
		"too many":               {strings.Repeat(`{},`, 101), "more than 100 parts"},
		"a text without its end": {`"` + strings.Repeat("[", 1000) + `\`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := untrusted.JSON([]byte(tt.text), 100)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Error(err)
			}
		})
	}
}

func TestBodiesAreBoundedPackedAndUnpacked(t *testing.T) {
	const limit = 1 << 20
	zip := func(n int) *bytes.Buffer {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(make([]byte, n))
		_ = w.Close()
		return &b
	}
	is := func(err error) bool { _, ok := errors.AsType[*untrusted.TooLargeError](err); return ok }
	if body, err := untrusted.Body(zip(limit), "gzip", limit); err != nil || len(body) != limit {
		t.Errorf("%d bytes: %v", len(body), err)
	}
	if _, err := untrusted.Body(zip(limit+1), "gzip", limit); !is(err) {
		t.Error(err)
	}
	if _, err := untrusted.Body(bytes.NewReader(make([]byte, limit+1)), "", limit); !is(err) {
		t.Error(err)
	}
	if body, err := untrusted.Snappy(bytes.NewReader(snappy.Encode(nil, make([]byte, limit))), limit); err != nil || len(body) != limit {
		t.Errorf("%d bytes: %v", len(body), err)
	}
	if _, err := untrusted.Snappy(bytes.NewReader(snappy.Encode(nil, make([]byte, limit+1))), limit); !is(err) {
		t.Error(err)
	}
}

func FuzzShape(f *testing.F) {
	f.Add(nest(70))
	f.Add([]byte(`{"a":[{}]}`))
	f.Fuzz(func(_ *testing.T, body []byte) {
		_ = untrusted.Protobuf(body, 1000)
		_ = untrusted.JSON(body, 1000)
	})
}
