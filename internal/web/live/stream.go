package live

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// stream writes server-sent events to one client.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buffer  bytes.Buffer
}

// retry tells the client how long to wait before it connects again.
func (s *stream) retry(after time.Duration) {
	s.buffer.WriteString("retry: " + strconv.FormatInt(after.Milliseconds(), 10) + "\n\n")
}

// event adds one event. Its data has no line ends: it is one line of JSON.
func (s *stream) event(epoch string, e Event) {
	s.head(epoch, e.ID, e.Type)
	s.buffer.Write(e.Data)
	s.buffer.WriteString("\n\n")
}

// reset tells the client that events are lost: it must read everything anew.
func (s *stream) reset(epoch string, last uint64) {
	s.head(epoch, last, "reset")
	s.buffer.WriteString("{}\n\n")
}

func (s *stream) head(epoch string, id uint64, kind string) {
	s.buffer.WriteString("id: " + epoch + "-" + strconv.FormatUint(id, 10) + "\nevent: " + kind + "\ndata: ")
}

// beat adds a comment, which clients ignore.
func (s *stream) beat() { s.buffer.WriteString(": beat\n\n") }

// flush sends what was added. The deadline is per call, so a stream may last
// for days but a client that stops reading holds it for seconds.
func (s *stream) flush() error {
	if s.buffer.Len() == 0 {
		return nil
	}
	if err := s.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_, err := s.w.Write(s.buffer.Bytes())
	s.buffer.Reset()
	if err != nil {
		return err
	}
	return s.control.Flush()
}
