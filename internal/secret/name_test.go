package secret

import "testing"

func TestSensitiveName(t *testing.T) {
	for name, want := range map[string]bool{
		"password": true, "api_key": true, "X-Api-Key": true, "cookie": true, "token": true, "client_secret": true,
		"user": false, "password_file": false, "tokens_used": false, "Accept": false,
		// Redactor.Header keeps the scheme and the cookie's name of these.
		"Authorization": false, "Set-Cookie": false,
	} {
		if got := SensitiveName(name); got != want {
			t.Errorf("SensitiveName(%q) = %t, want %t", name, got, want)
		}
	}
}
