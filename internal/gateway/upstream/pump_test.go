package upstream

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// lateEnd is a body whose end is seen only when somebody loses patience.
type lateEnd struct {
	text    io.Reader
	waits   chan struct{}
	hurried chan struct{}
}

func (b *lateEnd) Read(p []byte) (int, error) {
	if n, err := b.text.Read(p); err == nil {
		return n, nil
	}
	close(b.waits)
	<-b.hurried
	return 0, io.EOF
}

// hurrier is a ResponseWriter whose read deadline ends the body.
type hurrier struct {
	http.ResponseWriter
	body *lateEnd
	set  bool
}

func (w *hurrier) SetReadDeadline(time.Time) error {
	if !w.set {
		w.set = true
		close(w.body.hurried)
	}
	return nil
}

func TestAPumpThatIsStoppedAtItsEndLeavesTheConnectionUsable(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	defer a.Close()
	got := make(chan string, 2)
	go func() {
		for range 2 {
			part := make([]byte, 5)
			_, _ = io.ReadFull(b, part)
			got <- string(part)
		}
	}()
	text, write := io.Pipe()
	go func() {
		_, _ = write.Write([]byte("hello"))
		write.Close()
	}()
	body := &lateEnd{text: text, waits: make(chan struct{}), hurried: make(chan struct{})}
	c := newConn(a, &server{}, 0)
	var lent buffers
	p := newPump(&hurrier{ResponseWriter: httptest.NewRecorder(), body: body}, &http.Request{ProtoMajor: 1, Body: io.NopCloser(body), ContentLength: 5}, 0, &lent)
	p.start(c)
	if first := <-got; first != "hello" {
		t.Fatalf("got %q", first)
	}
	<-body.waits
	p.stop(c, true)
	if !p.complete() {
		t.Fatal("all of the body was sent, and the pump does not know")
	}
	if _, err := a.Write([]byte("again")); err != nil {
		t.Fatalf("the connection cannot be used again: %v", err)
	}
	if second := <-got; second != "again" {
		t.Errorf("got %q", second)
	}
	p.end()
}
