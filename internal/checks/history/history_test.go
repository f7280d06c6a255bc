package history

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

func TestRunsComeBackAsTheyWere(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	cases := map[string][]checks.Result{
		"none":          nil,
		"one":           invent(rng, 1, lan),
		"two":           invent(rng, 2, lan),
		"a LAN":         invent(rng, 512, lan),
		"the internet":  invent(rng, 512, internet),
		"strange":       strange(rng, 300),
		"always down":   failing(100),
		"many attempts": {manyAttempts(200)},
	}
	for i := range 50 {
		cases[fmt.Sprintf("strange %d", i)] = strange(rng, 1+rng.IntN(40))
	}
	for name, list := range cases {
		t.Run(name, func(t *testing.T) {
			want := kept(list)
			t.Run("in a chunk", func(t *testing.T) {
				var e Encoder
				for range 2 { // the encoder is used again
					runs := Runs{Check: "orders"}
					if err := runs.AppendChunk(e.AppendChunk(nil, list)); err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(want, runs.Results, equalEmpty); diff != "" {
						t.Errorf("(-want +got)\n%s", diff)
					}
				}
			})
			t.Run("in a tail", func(t *testing.T) {
				var tail Tail
				for i := range list {
					tail.Append(&list[i])
				}
				runs := Runs{Check: "orders"}
				if err := tail.Decode(&runs); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, runs.Results, equalEmpty); diff != "" || tail.Len() != len(list) {
					t.Errorf("%d runs (-want +got)\n%s", tail.Len(), diff)
				}
			})
			t.Run("in a journal", func(t *testing.T) {
				var entries []Entry
				for i := range list {
					entries = append(entries, Entry{uint64(i * i), &list[i]})
				}
				missed := []Missed{{7, -5, 1}, {1 << 40, 1_790_000_000_000, 1<<32 - 1}}
				var got []checks.Result
				var gotMissed []Missed
				err := ReadJournal(AppendJournal(nil, entries, missed), func(e Entry) {
					if want := uint64(len(got) * len(got)); e.Key != want {
						t.Errorf("key is %d, want %d", e.Key, want)
					}
					r := *e.Result
					r.Check = "orders"
					got = append(got, r)
				}, func(m Missed) { gotMissed = append(gotMissed, m) })
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got, equalEmpty); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				if diff := cmp.Diff(missed, gotMissed); diff != "" {
					t.Errorf("missed (-want +got)\n%s", diff)
				}
			})
		})
	}
}

var equalEmpty = cmp.FilterValues(func(a, b []checks.Result) bool { return len(a)+len(b) == 0 }, cmp.Ignore())

func failing(n int) []checks.Result {
	list := make([]checks.Result, n)
	for i := range list {
		list[i] = checks.Result{Check: "orders", Run: checks.RunID(1000 * i), Status: checks.Down, State: checks.Down, Attempts: []checks.Attempt{
			{Status: checks.Down, Class: probe.ClassConnect, Reason: "connection refused by 127.0.0.1:8000"},
		}}
	}
	return list
}

func manyAttempts(n int) checks.Result {
	r := checks.Result{Check: "orders", Run: 1, Status: checks.Up, State: checks.Up}
	for i := range n {
		r.Attempts = append(r.Attempts, checks.Attempt{Status: checks.Down, Code: i, Reason: "again"})
	}
	return r
}

func TestTheDecidingAttemptIsKept(t *testing.T) {
	r := manyAttempts(1000)
	got := Kept(&r, nil)
	if len(got.Attempts) != MaxAttempts || got.Last().Code != 999 || got.Attempts[0].Code != 0 {
		t.Errorf("%d attempts, last %d", len(got.Attempts), got.Last().Code)
	}
	if len(r.Attempts) != 1000 || r.Attempts[MaxAttempts-1].Code != MaxAttempts-1 {
		t.Error("the original was changed")
	}
}

func TestLongReasonsAreCutBetweenCharacters(t *testing.T) {
	r := checks.Result{Attempts: []checks.Attempt{{Reason: strings.Repeat("é", 1000)}}}
	got := Kept(&r, nil).Attempts[0].Reason
	if got != strings.Repeat("é", MaxReason/2) {
		t.Errorf("%d bytes", len(got))
	}
}

func TestFit(t *testing.T) {
	runs := func(starts ...int64) []checks.Result {
		var list []checks.Result
		for _, s := range starts {
			list = append(list, checks.Result{Run: checks.RunID(s), Attempts: make([]checks.Attempt, 1)})
		}
		return list
	}
	day := MaxChunkSpan.Milliseconds()
	many := make([]checks.Result, 600)
	crowded := make([]checks.Result, 600)
	for i := range crowded {
		crowded[i].Attempts = make([]checks.Attempt, MaxAttempts*2)
	}
	for name, test := range map[string]struct {
		list []checks.Result
		want int
	}{
		"none":                 {nil, 0},
		"a day":                {runs(0, day), 2},
		"more than a day":      {runs(0, day+1), 1},
		"a jump back":          {runs(day+1, 0), 1},
		"a jump over all time": {runs(-1<<62, 1<<62, 3), 1},
		"many":                 {many, MaxChunk},
		"many attempts":        {crowded, MaxChunkAttempts / MaxAttempts},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Fit(test.list); got != test.want {
				t.Errorf("Fit = %d, want %d", got, test.want)
			}
		})
	}
}

func TestTailForgetsAndTakesMore(t *testing.T) {
	list := failing(4)
	var tail Tail
	tail.Append(&list[0])
	tail.Append(&list[1])
	before := tail.Snapshot()
	tail.Reset()
	tail.Append(&list[2])
	runs := Runs{Check: "orders"}
	for _, data := range [][]byte{before, tail.Snapshot()} {
		if err := runs.AppendTail(data); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(list[:3], runs.Results); diff != "" || tail.Len() != 1 {
		t.Errorf("%d runs (-want +got)\n%s", tail.Len(), diff)
	}
}

func TestDamageIsNoticed(t *testing.T) {
	list := invent(rand.New(rand.NewPCG(3, 4)), 20, lan)
	var e Encoder
	chunk := e.AppendChunk(nil, list)
	row := AppendJournal(nil, []Entry{{1, &list[0]}}, nil)
	page := AppendPage(nil, checks.Daily, 0, []checks.Rollup{{Start: time.Unix(0, 0).UTC(), Up: 3}})
	for i := range chunk {
		bad := bytes.Clone(chunk)
		bad[i] ^= 4
		var runs Runs
		if err := runs.AppendChunk(bad); !errors.Is(err, ErrDamaged) || len(runs.Results) != 0 {
			t.Fatalf("chunk, byte %d: %d runs, %v", i, len(runs.Results), err)
		}
	}
	for i := range row {
		bad := bytes.Clone(row)
		bad[i] ^= 4
		if err := ReadJournal(bad, func(Entry) { t.Error("a run came out") }, nil); !errors.Is(err, ErrDamaged) {
			t.Fatalf("journal, byte %d: %v", i, err)
		}
	}
	for i := range page {
		bad := bytes.Clone(page)
		bad[i] ^= 4
		if list, err := ReadPage(nil, checks.Daily, 0, bad); !errors.Is(err, ErrDamaged) || len(list) != 0 {
			t.Fatalf("page, byte %d: %v %v", i, list, err)
		}
	}
}

func TestColumns(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	random := func(n int, width uint) []uint64 {
		list := make([]uint64, n)
		for i := range list {
			list[i] = rng.Uint64() >> (64 - width)
		}
		return list
	}
	outlier := random(512, 12)
	outlier[0], outlier[511] = 1<<63, 1<<40
	for name, test := range map[string]struct {
		values []uint64
		most   int // bytes
	}{
		"constant":      {[]uint64{9, 9, 9, 9}, 2},
		"few runs":      {append(slicesRepeat(200, 300), slicesRepeat(503, 200)...), 10},
		"12 bits":       {random(512, 12), 512*12/8 + 12},
		"two outliers":  {outlier, 512*13/8 + 40},
		"all bits":      {random(100, 64), 830},
		"one":           {[]uint64{1 << 63}, 12},
		"two far apart": {[]uint64{0, 1<<64 - 1}, 24},
	} {
		t.Run(name, func(t *testing.T) {
			data := appendColumn([]byte{1, 2}, test.values)[2:]
			in := reader{data: data}
			got := random(len(test.values), 30) // whatever was there
			in.column(got)
			if diff := cmp.Diff(test.values, got); diff != "" || in.failed || len(in.data) > 0 {
				t.Errorf("failed %v, %d bytes left (-want +got)\n%s", in.failed, len(in.data), diff)
			}
			if len(data) > test.most {
				t.Errorf("%d bytes, want at most %d", len(data), test.most)
			}
		})
	}
	for width := uint(1); width <= 64; width++ {
		want := random(77, width)
		in := reader{data: appendColumn(nil, want)}
		got := make([]uint64, len(want))
		in.column(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d bits (-want +got)\n%s", width, diff)
		}
	}
}

func slicesRepeat(v uint64, n int) []uint64 {
	list := make([]uint64, n)
	for i := range list {
		list[i] = v
	}
	return list
}

func TestRollupPages(t *testing.T) {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	hours := []checks.Rollup{
		{Start: day, Up: 360, LatencySum: time.Hour, LatencyMin: time.Microsecond, LatencyMax: time.Minute},
		{Start: day.Add(5 * time.Hour), Degraded: 1, Down: 2, Flaky: 1, Missed: 1<<32 - 1},
		{Start: day.Add(23 * time.Hour), Missed: 1},
	}
	page := Page(checks.Hourly, day.Add(13*time.Hour))
	if got := PageStart(checks.Hourly, page); !got.Equal(day) {
		t.Errorf("page starts %v, want %v", got, day)
	}
	got, err := ReadPage(nil, checks.Hourly, page, AppendPage(nil, checks.Hourly, page, hours))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hours, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	daily := Merge(nil, checks.Daily, hours)
	want := []checks.Rollup{{Start: day, Up: 360, Degraded: 1, Down: 2, Flaky: 1, LatencySum: time.Hour, LatencyMax: time.Minute}}
	if diff := cmp.Diff(want, daily); diff != "" {
		t.Errorf("daily (-want +got)\n%s", diff)
	}
	before1970 := time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC)
	for _, step := range []checks.Step{checks.Hourly, checks.Daily} {
		list := []checks.Rollup{{Start: step.Start(before1970), Up: 1}}
		page := Page(step, before1970)
		got, err := ReadPage(nil, step, page, AppendPage(nil, step, page, list))
		if err != nil || cmp.Diff(list, got) != "" {
			t.Errorf("before 1970: %v, %v", got, err)
		}
	}
}

func TestFindKeepsTheOrder(t *testing.T) {
	var list []checks.Rollup
	for _, hour := range []int{5, 2, 9, 2, 5, 0, 9} {
		var r *checks.Rollup
		list, r = Find(list, time.Unix(int64(hour)*3600, 0).UTC())
		r.Up++
	}
	var got []string
	for _, r := range list {
		got = append(got, fmt.Sprint(r.Start.Hour(), "×", r.Up))
	}
	if diff := cmp.Diff([]string{"0×1", "2×2", "5×2", "9×2"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
