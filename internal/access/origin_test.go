package access_test

import (
	"testing"

	"lapwing.dev/lapwing/internal/access"
)

func TestForeignPagesCannotUseABrowsersIdentity(t *testing.T) {
	const own = "http://127.0.0.1:7480"
	local := access.Identity{Kind: access.KindLocal}
	session := access.Identity{Kind: access.KindSession}
	token := access.Identity{Kind: access.KindToken}
	nobody := access.Nobody()

	tests := []struct {
		name               string
		id                 access.Identity
		method             string
		site, origin, mode string // Sec-Fetch-Site, Origin, Sec-Fetch-Mode
		refused            bool
	}{
		{"our page changes something", session, "POST", "same-origin", own, "cors", false},
		{"our form is sent", session, "POST", "same-origin", own, "navigate", false},
		{"our page, by a browser without Fetch Metadata", session, "POST", "", own, "", false},
		{"our page, while no password is set", local, "POST", "same-origin", own, "cors", false},
		{"curl on this machine", local, "POST", "", "", "", false},
		{"curl with a token", token, "DELETE", "", "", "", false},
		{"a foreign page that was given a token", token, "POST", "cross-site", "https://evil.example", "cors", false},
		{"our login form", nobody, "POST", "same-origin", own, "navigate", false},
		{"a bookmark", session, "GET", "none", "", "navigate", false},
		{"a link on a foreign page", session, "GET", "cross-site", "", "navigate", false},
		{"our page reads", session, "GET", "same-origin", "", "cors", false},
		{"a program reads", local, "GET", "", "", "", false},
		{"a badge on a foreign page", nobody, "GET", "cross-site", "", "no-cors", false},

		{"a foreign page changes something", session, "POST", "cross-site", "https://evil.example", "cors", true},
		{"a foreign form", session, "POST", "cross-site", "https://evil.example", "navigate", true},
		{"a foreign form, while no password is set", local, "POST", "cross-site", "https://evil.example", "navigate", true},
		{"another port of this machine", session, "POST", "same-site", "http://127.0.0.1:3000", "cors", true},
		{"another port, by a browser without Fetch Metadata", session, "POST", "", "http://127.0.0.1:3000", "", true},
		{"a sandboxed frame or a file", local, "POST", "cross-site", "null", "cors", true},
		{"a file, by a browser without Fetch Metadata", local, "POST", "", "null", "", true},
		{"a session that does not say where it comes from", session, "POST", "", "", "", true},
		{"the same with another method", session, "DELETE", "", "", "", true},
		{"a foreign page deletes", session, "DELETE", "cross-site", "https://evil.example", "cors", true},
		{"a foreign page logs its reader in", nobody, "POST", "cross-site", "https://evil.example", "navigate", true},
		{"a foreign page opens our event stream", local, "GET", "cross-site", "https://evil.example", "cors", true},
		{"a foreign page shows our data as an image", session, "GET", "cross-site", "", "no-cors", true},
		{"another port reads", session, "GET", "same-site", "", "no-cors", true},
	}
	h := newHouse(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := request(test.method, "/api/v1/checks")
			for name, value := range map[string]string{"Sec-Fetch-Site": test.site, "Origin": test.origin, "Sec-Fetch-Mode": test.mode} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			err := h.CheckOrigin(r, test.id)
			if (err != nil) != test.refused {
				t.Fatalf("error %v, refused should be %v", err, test.refused)
			}
			if err != nil && codeOf(err) != "cross_origin" {
				t.Errorf("code %q, want cross_origin", codeOf(err))
			}
		})
	}
}
