package limit

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

const someKey = 0x0123456789abcdef

func TestABurstThenOnePerInterval(t *testing.T) {
	table := newTable(1 << 10)
	m := move{by: 100, limit: 300} // burst 3
	admitted := func(now int64) (n int) {
		for range 10 {
			if _, ok := table.take(someKey, now, m); ok {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		now  int64
		want int
	}{{1000, 3}, {1000, 0}, {1099, 0}, {1100, 1}, {1350, 2}, {1400, 1}, {9000, 3}} {
		if got := admitted(c.now); got != c.want {
			t.Errorf("at %d: %d, want %d", c.now, got, c.want)
		}
	}
}

func TestWhatIsGivenBackCanBeTakenAgain(t *testing.T) {
	table := newTable(1 << 10)
	m := move{by: 100, limit: 100}
	back := move{by: -100}
	if _, ok := table.take(someKey, 1000, back); ok {
		t.Error("a key that owes nothing gave back")
	}
	for range 3 {
		if _, ok := table.take(someKey, 1000, m); !ok {
			t.Error("refused after it was given back")
		}
		table.take(someKey, 1000, back)
	}
	table.take(someKey, 1000, m)
	table.take(someKey, 1200, back) // long after: nothing is left to give back
	if _, ok := table.take(someKey, 1200, m); !ok {
		t.Error("refused")
	}
	if _, ok := table.take(someKey, 1200, m); ok {
		t.Error("what was given back too late counted")
	}
}

func TestLookingTakesNoSlot(t *testing.T) {
	table := newTable(bytesPerBucket)
	for key := range uint64(100) {
		if next, ok := table.take(key+1, 50, move{}); !ok || next != 50 {
			t.Errorf("%d, %v", next, ok)
		}
		if _, ok := table.take(key+1, 50, move{by: 10, limit: 5}); ok {
			t.Error("more than the limit was taken")
		}
	}
	if n := table.held(0); n != 0 {
		t.Errorf("%d slots are taken", n)
	}
}

func TestTheFurthestTimesDoNotOverflow(t *testing.T) {
	table := newTable(1 << 10)
	for _, now := range []int64{1, math.MaxInt64 / 4} {
		m := move{by: maxSpan, limit: maxSpan}
		if _, ok := table.take(someKey, now, m); !ok {
			t.Errorf("at %d: refused", now)
		}
		if next, ok := table.take(someKey, now, m); ok || next < now {
			t.Errorf("at %d: %d, %v", now, next, ok)
		}
		debt := move{by: maxSpan + maxDebt, limit: maxSpan + maxDebt, force: true}
		if next, _ := table.take(someKey, now, debt); next != now+maxSpan+maxDebt {
			t.Errorf("at %d: a debt until %d", now, next)
		}
	}
}

func TestAdmissionIsExactUnderConcurrency(t *testing.T) {
	for range 20 {
		table := newTable(1 << 12)
		const burst, keys = 7, 64
		var admitted [keys]atomic.Int64
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for i := range keys * 8 {
					key := uint64(i%keys+1) * 0x9e3779b97f4a7c15
					if _, ok := table.take(key, 1, move{by: 1 << 30, limit: burst << 30}); ok {
						admitted[i%keys].Add(1)
					}
				}
			})
		}
		all.Wait()
		for i := range admitted {
			if n := admitted[i].Load(); n != burst {
				t.Errorf("key %d was admitted %d times, want %d", i, n, burst)
			}
		}
		if n := table.held(1); n != keys {
			t.Errorf("%d slots for %d keys", n, keys)
		}
	}
}

// Keys come and go in one bucket while they are charged: nobody is charged for
// another one.
func TestASlotThatChangesHandsKeepsNoDebt(t *testing.T) {
	table := newTable(bytesPerBucket)
	var clock atomic.Int64
	clock.Store(1)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for range 20_000 {
				now := clock.Add(1)
				key := random.Uint64N(32) + 1
				if next, ok := table.take(key, now, move{by: 3, limit: 1000}); ok && next > now+4000 {
					t.Errorf("key %d owes until %d at %d", key, next, now)
				}
			}
		})
	}
	all.Wait()
	seen := make(map[uint64]int)
	for i := range table.buckets[0].keys {
		seen[table.buckets[0].keys[i].Load()]++
		if table.buckets[0].tats[i].Load() == claimed {
			t.Error("a slot stayed claimed")
		}
	}
	for key, n := range seen {
		if key != 0 && n > 1 {
			t.Errorf("key %d has %d slots", key, n)
		}
	}
}

func TestAFullTableForgetsWhoOwesLeast(t *testing.T) {
	table := newTable(bytesPerBucket)
	for key := range uint64(slotsPerBucket) {
		table.take(key+1, 1, move{by: 1000 * int64(key+1), limit: maxSpan})
	}
	table.take(100, 1, move{by: 5000, limit: maxSpan})
	if got := table.evicted.Load(); got != 1 {
		t.Errorf("%d are forgotten, want 1", got)
	}
	if next, _ := table.take(1, 1, move{}); next != 1 {
		t.Errorf("the one who owed least still owes until %d", next)
	}
	if next, _ := table.take(slotsPerBucket, 1, move{}); next != 1+1000*slotsPerBucket {
		t.Errorf("the one who owed most owes until %d", next)
	}
}

// A flood of addresses cannot make the table larger, and a client who owes much
// is not forgotten for it.
func TestAFloodOfKeysInALittleMemory(t *testing.T) {
	table := newTable(1 << 16)
	table.take(someKey, 1, move{by: 1 << 40, limit: maxSpan})
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 200_000 {
		if _, ok := table.take(random.Uint64()|1, int64(1+i/1000), move{by: 1 << 20, limit: 1 << 30}); !ok {
			t.Fatal("a new key was refused")
		}
	}
	if next, _ := table.take(someKey, 1000, move{}); next != 1+1<<40 {
		t.Error("the one who owes most was forgotten")
	}
	if n, most := table.held(1), table.capacity(); n > most || most*16 > 1<<16 {
		t.Errorf("%d of %d keys in %d bytes", n, most, most*16)
	}
	if table.evicted.Load() == 0 {
		t.Error("nobody was forgotten, or nobody counted it")
	}
}

func TestAKeyTakesNoMoreThan32Bytes(t *testing.T) {
	const keys = 100_000
	table := newTable(keys * 24)
	random := rand.New(rand.NewPCG(5, 6))
	for range keys {
		table.take(random.Uint64()|1, 1, move{by: 1000, limit: maxSpan})
	}
	held := table.held(1)
	if lost := keys - held; lost > keys/100 {
		t.Errorf("at 24 bytes a key %d of %d are forgotten, want one percent or less", lost, keys)
	}
	if perKey := table.capacity() * 16 / held; perKey > 32 {
		t.Errorf("%d bytes a key, want 32 or less", perKey)
	}
}
