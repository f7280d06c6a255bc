package delivery_test

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/alerting/delivery"
)

// postOffice is a mail server (RFC 5321) that answers RCPT with the next of its
// replies, the last one for ever.
type postOffice struct {
	net.Listener
	mu      sync.Mutex
	replies []string
	asked   int
	mails   []string
	logins  []string
}

func newPostOffice(t *testing.T, replies ...string) *postOffice {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &postOffice{Listener: l, replies: replies}
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		sessions.Wait()
	})
	return p
}

func (p *postOffice) serve(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewReader(conn)
	say := func(text string) { _, _ = fmt.Fprintf(conn, "%s\r\n", text) }
	say("220 mail.lapwing.test ESMTP")
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " "); verb {
		case "EHLO":
			say("250-mail.lapwing.test\r\n250 AUTH PLAIN")
		case "AUTH":
			p.mu.Lock()
			p.logins = append(p.logins, strings.TrimSpace(line))
			p.mu.Unlock()
			say("235 welcome")
		case "RCPT":
			p.mu.Lock()
			reply := p.replies[min(p.asked, len(p.replies)-1)]
			p.asked++
			p.mu.Unlock()
			say(reply)
		case "DATA":
			say("354 go on")
			var b strings.Builder
			for line := ""; line != ".\r\n"; {
				if line, err = lines.ReadString('\n'); err != nil {
					return
				}
				b.WriteString(line)
			}
			p.mu.Lock()
			p.mails = append(p.mails, b.String())
			p.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 yes")
		}
	}
}

func (p *postOffice) taken() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mails
}

func TestAMailArrivesThoughTheServerWasBusy(t *testing.T) {
	office := newPostOffice(t, "451 4.3.0 try again later", "250 yes")
	s := newStand(t, newMemory(), newWorld(), "  email_configs:\n  - to: ops@example.com\n    from: lapwing@example.com\n    smarthost: "+
		office.Addr().String()+"\n    require_tls: false\n    auth_username: lapwing\n    auth_password: s3cr3tpart\n")
	a := s.world.fires("A")
	a.Annotations["evidence"] = "HTTP 500\n<script>alert(1)</script>"
	a.Annotations["summary"] = "Ärger\r\nBcc: everybody@example.com"
	if err := s.notify("g", a); err != nil {
		t.Fatal(err)
	}
	s.until("it is delivered", func() bool { return cmp.Equal(s.store.states(), []string{delivery.Delivered}) })
	m, err := mail.ReadMessage(strings.NewReader(office.taken()[0]))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != "Critical: Ärger Bcc: everybody@example.com" || m.Header.Get("Bcc") != "" || m.Header.Get("To") != "ops@example.com" {
		t.Errorf("subject %q, %v; headers %v", subject, err, m.Header)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, want := range []struct{ kind, has, not string }{
		{"text/plain; charset=UTF-8", "It answered 500 three times.", "<p "},
		{"text/html; charset=UTF-8", "&lt;script&gt;", "<script>"},
	} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		if part.Header.Get("Content-Type") != want.kind || !strings.Contains(string(body), want.has) || strings.Contains(string(body), want.not) {
			t.Errorf("part %v: %s", part.Header, body)
		}
	}
}

func TestAMailServerThatRefusesIsQuoted(t *testing.T) {
	office := newPostOffice(t, "550 5.1.1 no such person as s3cr3tpart")
	s := newStand(t, newMemory(), newWorld(), "  email_configs:\n  - to: nobody@example.com\n    from: lapwing@example.com\n    smarthost: "+
		office.Addr().String()+"\n    require_tls: false\n    auth_username: lapwing\n    auth_password: s3cr3tpart\n")
	err := s.Test(t.Context(), "team")
	if err == nil || err.Error() != "email: send RCPT command: 550 \"5.1.1 no such person as [redacted]\"" {
		t.Errorf("error %v", err)
	}
}
