package redis

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"lapwing.dev/lapwing/internal/blocks"
)

//go:embed tell.lua
var tellScript string

//go:embed hear.lua
var hearScript string

const (
	within   = 2 * time.Second // for one call
	hearMost = 500             // records in an answer: others wait for the connection meanwhile
)

// ErrAway says that there is no connection at the moment.
var ErrAway = errors.New("the store of blocks is away")

// Log is the log in Redis.
type Log struct {
	client     func() (rueidis.Client, bool)
	keys       []string
	log        *slog.Logger
	tell, hear *rueidis.Lua
}

// New returns the log under a prefix of keys. client gives the connection, which
// is somebody else's; false while there is none.
func New(client func() (rueidis.Client, bool), prefix string, log *slog.Logger) *Log {
	l := &Log{
		client: client, log: log.With("part", "blocks"),
		tell: rueidis.NewLuaScript(tellScript), hear: rueidis.NewLuaScript(hearScript),
	}
	for _, name := range []string{"head", "records", "order", "until"} {
		l.keys = append(l.keys, prefix+"{blocks}:"+name)
	}
	return l
}

// Tell implements blocks.Shared.
func (l *Log) Tell(ctx context.Context, records []blocks.Record) error {
	args := make([]string, 0, 1+6*len(records))
	args = append(args, rand.Text())
	for i := range records {
		var err error
		if args, err = appendRecord(args, &records[i]); err != nil {
			return err
		}
	}
	if _, err := l.run(ctx, l.tell, args); err != nil {
		return fmt.Errorf("tell blocks to other servers: %w", err)
	}
	return nil
}

// Hear implements blocks.Shared.
func (l *Log) Hear(ctx context.Context, after blocks.Place) (records []blocks.Record, next blocks.Place, more bool, err error) {
	answer, err := l.run(ctx, l.hear, []string{rand.Text(), after.Epoch, strconv.FormatInt(after.Version, 10), strconv.Itoa(hearMost)})
	if err == nil && len(answer) < 2 {
		err = errors.New("the store's answer is not understood")
	}
	if err == nil {
		next.Epoch = answer[0]
		next.Version, err = strconv.ParseInt(answer[1], 10, 64)
	}
	if err != nil {
		return nil, after, false, fmt.Errorf("hear of blocks of other servers: %w", err)
	}
	for _, text := range answer[2:] {
		r, err := parseRecord(text)
		if err != nil {
			l.log.Warn("what is said about a block in the store is left out", "error", err)
			continue
		}
		records = append(records, r)
	}
	return records, next, len(answer)-2 == hearMost, nil
}

// run runs a script.
func (l *Log) run(ctx context.Context, script *rueidis.Lua, args []string) ([]string, error) {
	client, up := l.client()
	if !up {
		return nil, ErrAway
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return script.Exec(ctx, client, l.keys, args).AsStrSlice()
}
