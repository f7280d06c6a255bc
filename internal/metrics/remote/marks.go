package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	marksFile = "remote_write.json"
	saveEvery = 5 * time.Second
)

// marks say for each receiver up to which time, in milliseconds of Unix time, it
// has every sample. They are kept in a file, which may be some seconds behind:
// what is sent twice for that does no harm.
type marks struct {
	path string

	mu    sync.Mutex
	sent  map[string]int64
	dirty bool
	saved time.Time
}

// loadMarks reads the marks of a folder; there are none at first.
func loadMarks(dir string) (*marks, error) {
	m := &marks{path: filepath.Join(dir, marksFile), sent: map[string]int64{}}
	if dir == "" {
		return m, nil
	}
	text, err := os.ReadFile(m.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return m, nil
	case err != nil:
		return m, fmt.Errorf("read what receivers of remote_write have: %w", err)
	}
	if err := json.Unmarshal(text, &m.sent); err != nil {
		m.sent = map[string]int64{}
		return m, fmt.Errorf("read what receivers of remote_write have: %s: %w", m.path, err)
	}
	if m.sent == nil { // the file says null
		m.sent = map[string]int64{}
	}
	return m, nil
}

func (m *marks) get(key string) (sent int64, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sent, known = m.sent[key]
	return sent, known
}

// advance moves a mark, never back.
func (m *marks) advance(key string, to int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if sent, known := m.sent[key]; !known || to > sent {
		m.sent[key], m.dirty = to, true
	}
}

// notAfter moves marks back that are later than a time: the clock was set back,
// and what is stored from now on would seem to be there already.
func (m *marks) notAfter(t int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, sent := range m.sent {
		if sent > t {
			m.sent[key], m.dirty = t, true
		}
	}
}

// keep forgets the marks of receivers that are not among the keys.
func (m *marks) keep(keys map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.sent {
		if !keys[key] {
			delete(m.sent, key)
			m.dirty = true
		}
	}
}

// save writes the marks when they have changed; unless now, at most every few seconds.
func (m *marks) save(now bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.dirty || !now && time.Since(m.saved) < saveEvery {
		return nil
	}
	m.saved = time.Now() // or tried
	text, err := json.Marshal(m.sent)
	if err != nil {
		return err
	}
	if err := replace(m.path, text); err != nil {
		return fmt.Errorf("write what receivers of remote_write have: %w", err)
	}
	m.dirty = false
	return nil
}

// unsaved reports whether there is something that was not written yet.
func (m *marks) unsaved() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dirty
}

// replace writes a file as a whole or not at all.
func replace(path string, text []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), marksFile+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) //nolint:errcheck // the first error counts
		}
	}()
	_, err = file.Write(text)
	if synced := file.Sync(); err == nil {
		err = synced
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
