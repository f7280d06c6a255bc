package main

import (
	"context"
	"net"
	"strings"
)

// target answers every request with the same kilobyte of JSON, as cheaply as it
// goes, so that what is measured is the proxy.
type target struct {
	ln      net.Listener
	address string
}

func startTarget(ctx context.Context) (*target, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &target{ln: ln, address: ln.Addr().String()}
	go t.serve()
	return t, nil
}

func (t *target) stop() { _ = t.ln.Close() } //nolint:errcheck // the benchmark is over

func (t *target) serve() {
	body := `{"orders":["` + strings.Repeat("x", 1024-15) + `"]}`
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1024\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n\r\n" + body[:1024])
	for {
		conn, err := t.ln.Accept()
		if err != nil {
			return
		}
		go reply(conn, answer)
	}
}

// reply answers each request head of a connection; requests have no body.
func reply(conn net.Conn, answer []byte) {
	defer conn.Close()
	buffer := make([]byte, 8<<10)
	held := 0
	for {
		n, err := conn.Read(buffer[held:])
		if err != nil {
			return
		}
		held += n
		for {
			end := strings.Index(string(buffer[:held]), "\r\n\r\n")
			if end < 0 {
				break
			}
			held = copy(buffer, buffer[end+4:held])
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
		if held == len(buffer) {
			return
		}
	}
}
