package state

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrServerRunning says that another Lapwing server works in the data folder.
var ErrServerRunning = errors.New("another Lapwing server is using this data folder")

var errHeld = errors.New("held by another process")

// LockServer claims the data folder for this process: two servers in one folder
// would run every check twice and spoil each other's history. The lock ends with
// Close or with the process, however that ends. Taking it again is not an error.
func (db *DB) LockServer() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.lock != nil || db.dir == Memory {
		return nil
	}
	path := filepath.Join(db.dir, lockFile)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 G703 -- the operator's own folder
	if err != nil {
		return fmt.Errorf("lock the data folder: %w", err)
	}
	err = tryLock(file)
	if err == nil {
		err = writeHolder(file)
	}
	if err != nil {
		holder := readHolder(file)
		file.Close()
		if errors.Is(err, errHeld) {
			return fmt.Errorf("%w: %s%s: stop that server, or set another folder with `data:`", ErrServerRunning, db.dir, holder)
		}
		return fmt.Errorf("lock the data folder: %w", err)
	}
	db.lock = file
	return nil
}

func (db *DB) unlockServer() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.lock == nil {
		return nil
	}
	err := db.lock.Close() // the lock goes with the handle; the file stays, so that no two servers lock different files
	db.lock = nil
	return err
}

// writeHolder leaves the process's number for the error message of the next one.
// A full disk is no reason not to start.
func writeHolder(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return nil
}

// readHolder returns " (process 123)", or nothing when that cannot be told.
func readHolder(file *os.File) string {
	text, err := io.ReadAll(io.LimitReader(file, 32))
	if err != nil {
		return ""
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}
