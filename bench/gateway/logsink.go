package main

import (
	"net"
	"os"
)

// logSink takes HAProxy's log, which goes to a socket only, to a file, as a
// syslog daemon would; it is not part of what is measured.
type logSink struct{ conn *net.UnixConn }

func newLogSink(socket, file string) (*logSink, error) {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	out, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	s := &logSink{conn: conn}
	go func() {
		defer out.Close()
		line := make([]byte, 8<<10)
		for {
			n, err := conn.Read(line)
			if err != nil {
				return
			}
			if _, err := out.Write(append(line[:n:n], '\n')); err != nil {
				return
			}
		}
	}()
	return s, nil
}

func (s *logSink) close() { _ = s.conn.Close() } //nolint:errcheck // the benchmark is over
