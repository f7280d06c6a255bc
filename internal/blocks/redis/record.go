package redis

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/middleware/block"
)

// maxRecord bounds a record that is taken from the store, in bytes.
const maxRecord = 8 << 10

// endOfTime is the last millisecond that has a date of four digits for its year.
const endOfTime = 253402300799999

// written is a record as it is in the store; times are milliseconds of Unix time.
type written struct {
	ID      string       `json:"id"`
	Target  block.Target `json:"target"`
	Reason  string       `json:"reason,omitempty"`
	Author  string       `json:"author,omitempty"`
	Rule    string       `json:"rule,omitempty"`
	Created int64        `json:"created,omitempty"`
	Expires int64        `json:"expires,omitempty"`
	Shadow  bool         `json:"shadow,omitempty"`
	Removed int64        `json:"removed,omitempty"`
	By      string       `json:"by,omitempty"`
}

// appendRecord adds what the script takes for a record.
func appendRecord(args []string, r *blocks.Record) ([]string, error) {
	e := &r.Entry
	text, err := json.Marshal(written{
		ID: e.ID, Target: e.Target, Reason: e.Reason, Author: e.Author, Rule: e.Rule,
		Created: millis(e.Created), Expires: millis(e.Expires), Shadow: e.Shadow, Removed: millis(r.Removed), By: r.By,
	})
	if err != nil {
		return nil, fmt.Errorf("write down a block: %w", err)
	}
	removed, until := "0", "0"
	if !r.Removed.IsZero() {
		removed = "1"
	}
	if !r.Removed.IsZero() || !e.Expires.IsZero() {
		until = strconv.FormatInt(millis(r.Until()), 10)
	}
	return append(args, e.Target.String(), strconv.FormatInt(millis(r.At()), 10), removed, e.ID, until, string(text)), nil
}

// parseRecord reads a record from the store. Whatever wrote it, it is one that
// this server could have written.
func parseRecord(text string) (blocks.Record, error) {
	if len(text) > maxRecord {
		return blocks.Record{}, fmt.Errorf("it has %d bytes; at most %d are expected", len(text), maxRecord)
	}
	var w written
	parts := strings.SplitN(text, " ", 4)
	if err := json.Unmarshal([]byte(parts[len(parts)-1]), &w); err != nil {
		return blocks.Record{}, err
	}
	r := blocks.Record{
		Entry: block.Entry{
			ID: w.ID, Target: w.Target, Reason: blocks.OneLine(w.Reason), Author: blocks.OneLine(w.Author), Rule: blocks.OneLine(w.Rule),
			Created: instant(w.Created), Expires: instant(w.Expires), Shadow: w.Shadow,
		},
		Removed: instant(w.Removed), By: blocks.OneLine(w.By),
	}
	switch {
	case max(w.Created, w.Expires, w.Removed) > endOfTime:
		return blocks.Record{}, errors.New("its times are not of this world")
	case w.Target.IsZero():
		return blocks.Record{}, errors.New("it is about nobody")
	case w.Removed == 0 && (w.Created == 0 || w.ID == "" || len(w.ID) > 64 || strings.ContainsFunc(w.ID, notInID)):
		return blocks.Record{}, fmt.Errorf("the block of %s has no time or no proper ID", w.Target)
	}
	return r, nil
}

func notInID(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func instant(ms int64) time.Time {
	if ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
