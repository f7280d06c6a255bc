package remote

import (
	"testing"
	"time"
)

func TestProgressOfAQueue(t *testing.T) {
	begin := time.UnixMilli(1_800_000_000_000)
	at := func(seconds int) int64 { return begin.Add(time.Duration(seconds) * time.Second).UnixMilli() }
	type step struct {
		q    queue
		want int64
	}
	for name, steps := range map[string][]step{
		"nothing was read yet":             {{queue{}, 0}, {queue{shards: 1}, 0}},
		"nothing waits":                    {{queue{highest: at(0)}, at(-20)}, {queue{highest: at(1)}, at(-19)}},
		"nothing waits, and nothing comes": {{queue{highest: at(-600)}, at(-601)}, {queue{highest: at(-600)}, at(-601)}},
		"it is away": {
			{queue{highest: at(0), pending: 50, attempts: 100, shards: 1}, 0},
			{queue{highest: at(1), pending: 60, attempts: 150, retried: 50, shards: 1}, 0},
			{queue{highest: at(2), pending: 70, attempts: 900, retried: 800, shards: 1}, 0},
		},
		"it is busy": {
			{queue{highest: at(0), pending: 50, attempts: 1000, shards: 2}, 0},
			{queue{highest: at(1), pending: 60, attempts: 1100, shards: 2}, 0}, // what waited, perhaps
			{queue{highest: at(2), pending: 60, attempts: 1121, shards: 2}, at(-20)},
			{queue{highest: at(3), pending: 60, attempts: 1200, shards: 2}, 0},
			{queue{highest: at(4), pending: 60, attempts: 1300, shards: 2}, at(-18)},
		},
		"it is busy, and fails now and then": {
			{queue{highest: at(0), pending: 50, attempts: 1000, shards: 1}, 0},
			{queue{highest: at(1), pending: 50, attempts: 1200, retried: 10, shards: 1}, 0},
			{queue{highest: at(2), pending: 50, attempts: 1400, retried: 10, shards: 1}, at(-19)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := progress{limit: 10}
			for i, s := range steps {
				if got := p.look(begin.Add(time.Duration(i)*time.Second), s.q); got != s.want {
					t.Errorf("step %d: %d s, want %d s", i, (got-at(0))/1000, (s.want-at(0))/1000)
				}
			}
		})
	}
}
