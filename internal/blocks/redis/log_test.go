package redis_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/blocks/blockstest"
	"lapwing.dev/lapwing/internal/blocks/redis"
	"lapwing.dev/lapwing/internal/limits/redistest"
	"lapwing.dev/lapwing/middleware/block"
)

// connect returns a log in a server, under a prefix.
func connect(t testing.TB, server *redistest.Server, prefix string) *redis.Log {
	t.Helper()
	option, err := rueidis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	option.DisableCache, option.DisableRetry, option.PipelineMultiplex = true, true, -1
	option.ConnWriteTimeout = 2 * time.Second
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return redis.New(func() (rueidis.Client, bool) { return client, true }, prefix, slog.New(slog.DiscardHandler))
}

func TestTheLogKeepsTheContract(t *testing.T) {
	server := redistest.Start(t)
	prefixes := 0
	blockstest.RunShared(t, func(t *testing.T) blocks.Shared {
		prefixes++
		return connect(t, server, fmt.Sprintf("test%d:", prefixes))
	})
}

func TestAStoreThatLostSomethingBeginsAnew(t *testing.T) {
	server := redistest.Start(t)
	log := connect(t, server, "lapwing:")
	record := blocks.Record{Entry: block.Entry{ID: "a", Target: block.Target{Key: "key:a"}, Created: time.Now()}}
	for _, lost := range []string{"head", "records", "order"} {
		if err := log.Tell(t.Context(), []blocks.Record{record}); err != nil {
			t.Fatal(err)
		}
		_, before, _, err := log.Hear(t.Context(), blocks.Place{})
		if err != nil {
			t.Fatal(err)
		}
		server.Command("DEL", "lapwing:{blocks}:"+lost)
		_, after, _, err := log.Hear(t.Context(), before)
		if err != nil {
			t.Fatal(err)
		}
		if after.Epoch == before.Epoch {
			t.Errorf("without %s it goes on as if nothing had happened", lost)
		}
		server.Command("FLUSHALL")
	}
}

func TestWhatIsOverIsForgottenInTime(t *testing.T) {
	server := redistest.Start(t)
	log := connect(t, server, "lapwing:")
	old := time.Now().Add(-8 * 24 * time.Hour)
	records := []blocks.Record{
		{Entry: block.Entry{ID: "a", Target: block.Target{Key: "key:ended"}, Created: old, Expires: old.Add(time.Hour)}},
		{Entry: block.Entry{ID: "b", Target: block.Target{Key: "key:removed"}}, Removed: old},
		{Entry: block.Entry{ID: "c", Target: block.Target{Key: "key:for-good"}, Created: old}},
		{Entry: block.Entry{ID: "d", Target: block.Target{Key: "key:just-ended"}, Created: old, Expires: time.Now().Add(-time.Hour)}},
	}
	for range 2 { // the second time what the first one added is old already
		if err := log.Tell(t.Context(), records); err != nil {
			t.Fatal(err)
		}
	}
	if got := server.Command("HKEYS", "lapwing:{blocks}:records"); strings.Contains(got, "key:ended") || strings.Contains(got, "removed") || !strings.Contains(got, "for-good") || !strings.Contains(got, "just-ended") {
		t.Errorf("kept: %s", got)
	}
}

// TestNonsenseInTheStoreIsLeftOut: others may write there, too.
func TestNonsenseInTheStoreIsLeftOut(t *testing.T) {
	server := redistest.Start(t)
	log := connect(t, server, "lapwing:")
	good := blocks.Record{Entry: block.Entry{ID: "a", Target: block.Target{Key: "key:good"}, Created: time.Now()}}
	if err := log.Tell(t.Context(), []blocks.Record{good}); err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{
		"", "nonsense", "1 0 x {", `1 0 x {"id":"x","target":"0.0.0.0/0","created":1}`, `1 0 x {"id":"../x","target":"key:x","created":1}`,
		`1 0 x {"id":"x","target":"key:x"}`, `1 0 x {"id":"x","target":"key:x","created":9223372036854775807}`, "1 0 x " + strings.Repeat("[", 10_000),
		`1 0 x {"id":"x"}`, `1 0 x null`,
	} {
		target := fmt.Sprint("key:bad", i)
		server.Command("HSET", "lapwing:{blocks}:records", target, text)
		server.Command("ZADD", "lapwing:{blocks}:order", strconv.Itoa(100+i), target)
	}
	records, place, _, err := log.Hear(t.Context(), blocks.Place{})
	if err != nil || len(records) != 1 || records[0].Entry.Target != good.Entry.Target || place.Version != 109 {
		t.Errorf("heard %v up to %v, %v", records, place, err)
	}
	server.Command("HSET", "lapwing:{blocks}:records", "key:good", "nonsense")
	if err := log.Tell(t.Context(), []blocks.Record{good}); err != nil {
		t.Fatal(err)
	}
	if records, _, _, err := log.Hear(t.Context(), blocks.Place{}); err != nil || len(records) != 1 {
		t.Errorf("nonsense was not replaced: %v, %v", records, err)
	}
}

func TestWithoutAConnection(t *testing.T) {
	log := redis.New(func() (rueidis.Client, bool) { return nil, false }, "lapwing:", slog.New(slog.DiscardHandler))
	if err := log.Tell(context.Background(), nil); err == nil {
		t.Error("told nobody")
	}
	if _, _, _, err := log.Hear(context.Background(), blocks.Place{}); err == nil {
		t.Error("heard nobody")
	}
}
