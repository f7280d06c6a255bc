package probe

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is a connection that may be kept, and its other end.
func pipe() (c *connection, peer net.Conn) {
	near, peer := net.Pipe()
	return &connection{Conn: near, raw: near, socket: near, opened: time.Now()}, peer
}

func TestAnIdleConnectionIsClosedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept idle
		c, peer := pipe()
		closed := make(chan time.Time, 1)
		go func() {
			_, err := peer.Read(make([]byte, 1))
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			closed <- time.Now()
		}()
		start := time.Now()
		kept.put(c)
		if got := (<-closed).Sub(start); got != idleTime {
			t.Errorf("closed after %s, want %s", got, idleTime)
		}
		if kept.take(purpose{}) != nil {
			t.Error("a closed connection was handed out")
		}
	})
}

func TestWhatANewConnectionWouldShowIsNotMissed(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name string
		c    connection
		want bool
	}{
		{"young", connection{opened: now.Add(-time.Minute)}, true},
		{"old, so DNS and the certificate may have changed", connection{opened: now.Add(-maxAge)}, false},
		{"its certificate is good", connection{opened: now, tls: &TLS{Expires: now.Add(time.Hour)}}, true},
		{"its certificate has expired meanwhile", connection{opened: now, tls: &TLS{Expires: now.Add(-time.Second)}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.c.fresh(now); got != tt.want {
				t.Errorf("fresh = %v", got)
			}
		})
	}
}

func TestAConnectionServesItsPurposeOnly(t *testing.T) {
	var kept idle
	c, peer := pipe()
	defer peer.Close()
	c.purpose = purpose{scheme: "https", host: "api.example.com", port: "443", own: true}
	kept.put(c)
	for _, other := range []purpose{
		{scheme: "http", host: "api.example.com", port: "443", own: true},
		{scheme: "https", host: "other.example.com", port: "443", own: true},
		{scheme: "https", host: "api.example.com", port: "8443", own: true},
		{scheme: "https", host: "api.example.com", port: "443"},
	} {
		if kept.pop(other) != nil {
			t.Errorf("handed out for %+v", other)
		}
	}
	if kept.pop(c.purpose) != c {
		t.Error("not handed out for its own purpose")
	}
	_ = c.Close()
}
