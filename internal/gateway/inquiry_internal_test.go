package gateway

import (
	"net/http"
	"testing"
)

// What a proxy says and what its client says of the same must not be mixed up,
// in whichever header and order it stands.
func TestAnInquiryAboutTwoRequestsIsTorn(t *testing.T) {
	for name, test := range map[string]struct {
		header http.Header
		torn   bool
		target string
	}{
		"one of them":              {http.Header{"X-Original-Uri": {"/a"}}, false, "/a"},
		"both the same":            {http.Header{"X-Original-Uri": {"/a"}, "X-Forwarded-Uri": {"/a"}}, false, "/a"},
		"two that differ":          {http.Header{"X-Original-Uri": {"/a"}, "X-Forwarded-Uri": {"/b"}}, true, ""},
		"one twice":                {http.Header{"X-Original-Uri": {"/a", "/b"}}, true, ""},
		"one twice the same":       {http.Header{"X-Forwarded-Uri": {"/a", "/a"}}, false, "/a"},
		"an empty one before":      {http.Header{"X-Original-Uri": {"", "/a"}}, false, "/a"},
		"an empty one, and others": {http.Header{"X-Original-Uri": {""}, "X-Forwarded-Uri": {"/a", "/b"}}, true, ""},
		"methods":                  {http.Header{"X-Original-Uri": {"/a"}, "X-Original-Method": {"GET", "POST"}}, true, ""},
		"hosts":                    {http.Header{"X-Original-Uri": {"/a"}, "X-Forwarded-Host": {"a", "b"}}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := torn(test.header); got != test.torn {
				t.Errorf("torn: %v", got)
			}
			if got := first(test.header, "", "X-Original-Uri", "X-Forwarded-Uri"); !test.torn && got != test.target {
				t.Errorf("the target is %q", got)
			}
		})
	}
}
