package blocks_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/block"
	"lapwing.dev/lapwing/middleware/observe"
)

// answers shows the manager so many answers to a client, one in every pause.
func answers(m *blocks.Manager, client string, status, n int, pause time.Duration) {
	for i := range n {
		m.Observe(&observe.Exchange{
			Time: time.Now(), Client: addr(client), ClientKey: client, Status: status, Path: fmt.Sprint("/", i),
			Verdict: observe.Allowed,
		})
		time.Sleep(pause)
	}
	synctest.Wait()
}

func proposed(m *blocks.Manager) string {
	var lines []string
	for _, p := range m.Proposals() {
		lines = append(lines, fmt.Sprintf("%s by %s for %s: %s", p.Target, p.Rule, p.For, p.Reason))
	}
	return strings.Join(lines, "\n")
}

func blocked(m *blocks.Manager) string {
	var lines []string
	for _, e := range m.List() {
		lines = append(lines, fmt.Sprintf("%s by %s: %s", e.Target, e.Author, e.Reason))
	}
	return strings.Join(lines, "\n")
}

func want(t *testing.T, what, want, got string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// guessing is a rule that notices ten 401 in a minute.
func guessing(mode string) blocks.Config {
	return blocks.Config{Rules: []blocks.Rule{{Name: "guessing", Status: blocks.Statuses{401}, Count: 10, Mode: mode}}}
}

// story runs a manager in a bubble of synctest.
func story(t *testing.T, c blocks.Config, d blocks.Deps, tell func(*testing.T, *blocks.Manager)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := manager(t, c, d)
		defer run(t, m)()
		tell(t, m)
	})
}

func TestBuiltInRulesPropose(t *testing.T) {
	about := regexp.MustCompile(`about \d+ paths`) // an estimate
	proposed := func(m *blocks.Manager) string { return about.ReplaceAllString(proposed(m), "about 20 paths") }
	story(t, blocks.Config{}, blocks.Deps{}, func(t *testing.T, m *blocks.Manager) {
		answers(m, "203.0.113.7", 404, 20, time.Second)
		want(t, "proposals", "203.0.113.7 by path-scan for 1h0m0s: 20 answers 404 or 405 on about 20 paths in 1m", proposed(m))
		answers(m, "203.0.113.8", 401, 15, time.Second)
		answers(m, "203.0.113.8", 403, 15, time.Second)
		answers(m, "203.0.113.9", 429, 300, 100*time.Millisecond)
		want(t, "proposals", "203.0.113.9 by limit-hammering for 10m0s: 300 answers 429 in 1m\n"+
			"203.0.113.8 by auth-guessing for 10m0s: 30 answers 401 or 403 in 1m\n"+
			"203.0.113.7 by path-scan for 1h0m0s: 20 answers 404 or 405 on about 20 paths in 1m", proposed(m))
		want(t, "blocks", "", blocked(m))
	})
}

func TestOrdinaryClientsAreNotNoticed(t *testing.T) {
	story(t, blocks.Config{}, blocks.Deps{}, func(t *testing.T, m *blocks.Manager) {
		answers(m, "203.0.113.1", 200, 1000, 0)
		answers(m, "203.0.113.2", 500, 1000, 0)
		answers(m, "203.0.113.3", 404, 1000, 5*time.Second) // slow
		for range 1000 {                                    // an outdated link
			m.Observe(&observe.Exchange{Time: time.Now(), Client: addr("203.0.113.4"), Status: 404, Path: "/old"})
		}
		m.Observe(&observe.Exchange{Time: time.Now(), Status: 404}) // of nobody
		synctest.Wait()
		want(t, "proposals", "", proposed(m))
	})
}

func TestARuleBlocksForItsTime(t *testing.T) {
	story(t, guessing("block"), blocks.Deps{Store: memory(t)}, func(t *testing.T, m *blocks.Manager) {
		answers(m, "203.0.113.7", 401, 9, 0)
		want(t, "blocks", "", blocked(m))
		answers(m, "203.0.113.7", 401, 1, 0)
		want(t, "blocks", "203.0.113.7 by rule:guessing: 10 answers 401 in 1m", blocked(m))
		want(t, "matches", `{mode="enforced",origin="person"} 0 {mode="enforced",origin="rule"} 1 {mode="shadow",origin="person"} 0 {mode="shadow",origin="rule"} 0`, metric(t, m, "lapwing_blocks"))
		// What it asks for in the meantime is refused and keeps nothing alive.
		for range 20 {
			for range 100 {
				m.Observe(&observe.Exchange{Time: time.Now(), Client: addr("203.0.113.7"), Status: 401, Verdict: observe.Blocked})
			}
			time.Sleep(30 * time.Second)
		}
		time.Sleep(time.Second)
		want(t, "blocks", "", blocked(m))
		want(t, "counted under two rules", "2", metric(t, m, "lapwing_block_suspects"))
		time.Sleep(time.Hour) // until what is counted is swept
		want(t, "counted", "0", metric(t, m, "lapwing_block_suspects"))
		if diff := cmp.Diff([]string{"203.0.113.7 added", "203.0.113.7 expired"}, history(t, m)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTheWindowSlides(t *testing.T) {
	story(t, guessing("propose"), blocks.Deps{}, func(t *testing.T, m *blocks.Manager) {
		answers(m, "203.0.113.7", 401, 9, 0)
		time.Sleep(70 * time.Second)
		answers(m, "203.0.113.7", 401, 9, 5*time.Second)
		want(t, "proposals", "", proposed(m))
		answers(m, "203.0.113.7", 401, 3, 0)
		want(t, "proposals", "203.0.113.7 by guessing for 10m0s: 10 answers 401 in 1m", proposed(m))
	})
}

func TestModesOfARule(t *testing.T) {
	for mode, then := range map[string]struct{ blocks, proposals string }{
		"off":     {},
		"propose": {proposals: "203.0.113.7 by guessing for 10m0s: 10 answers 401 in 1m"},
		"":        {proposals: "203.0.113.7 by guessing for 10m0s: 10 answers 401 in 1m"},
		"shadow":  {blocks: "203.0.113.7 by rule:guessing: 10 answers 401 in 1m"},
		"block":   {blocks: "203.0.113.7 by rule:guessing: 10 answers 401 in 1m"},
	} {
		t.Run(mode, func(t *testing.T) {
			story(t, guessing(mode), blocks.Deps{}, func(t *testing.T, m *blocks.Manager) {
				answers(m, "203.0.113.7", 401, 20, 0)
				want(t, "blocks", then.blocks, blocked(m))
				want(t, "proposals", then.proposals, proposed(m))
				if e, hit := m.Blocked(addr("203.0.113.7"), ""); hit && e.Shadow != (mode == "shadow") {
					t.Errorf("in shadow: %v", e.Shadow)
				}
			})
		})
	}
}

func TestARuleThatIsEnforcedReplacesItsShadow(t *testing.T) {
	story(t, guessing("shadow"), blocks.Deps{}, func(t *testing.T, m *blocks.Manager) {
		answers(m, "203.0.113.7", 401, 20, 0)
		configure(t, m, guessing("block"))
		time.Sleep(time.Minute)
		answers(m, "203.0.113.7", 401, 20, 0)
		if e, hit := m.Blocked(addr("203.0.113.7"), ""); !hit || e.Shadow {
			t.Errorf("hit %v, in shadow %v", hit, e.Shadow)
		}
	})
}

func TestARuleLeavesAloneWhatSomebodyDecided(t *testing.T) {
	story(t, guessing("block"), blocks.Deps{Store: memory(t)}, func(t *testing.T, m *blocks.Manager) {
		e := add(t, m, blocks.Spec{Target: "203.0.113.7", Reason: "for good", Shadow: true})
		answers(m, "203.0.113.7", 401, 20, 0)
		want(t, "blocks", "203.0.113.7 by anna: for good", blocked(m))
		if err := m.Remove(t.Context(), e.ID, "anna"); err != nil {
			t.Fatal(err)
		}

		// Whom somebody let in again the rule leaves alone for a day.
		answers(m, "203.0.113.8", 401, 10, 0)
		want(t, "blocks", "203.0.113.8 by rule:guessing: 10 answers 401 in 1m", blocked(m))
		if err := m.Remove(t.Context(), "203.0.113.8", "anna"); err != nil {
			t.Fatal(err)
		}
		for range 23 {
			answers(m, "203.0.113.8", 401, 30, 0)
			want(t, "blocks", "", blocked(m))
			time.Sleep(time.Hour)
		}
		time.Sleep(2 * time.Hour)
		answers(m, "203.0.113.8", 401, 10, 0)
		want(t, "blocks", "203.0.113.8 by rule:guessing: 10 answers 401 in 1m", blocked(m))
	})
}

func TestProposalsAreAcceptedAndDismissed(t *testing.T) {
	story(t, guessing("propose"), blocks.Deps{Store: memory(t)}, func(t *testing.T, m *blocks.Manager) {
		for _, client := range []string{"203.0.113.7", "203.0.113.8", "203.0.113.9"} {
			answers(m, client, 401, 10, time.Second)
		}
		list := m.Proposals() // newest first
		if len(list) != 3 {
			t.Fatalf("proposals %v", list)
		}
		e, err := m.Accept(t.Context(), list[2].ID, "anna")
		if err != nil || e.Author != "anna" || e.Rule != "guessing" || e.Expires.Sub(e.Created) != 10*time.Minute {
			t.Errorf("accepted as %+v, %v", e, err)
		}
		if err := m.Dismiss(t.Context(), list[1].ID, "bob"); err != nil {
			t.Error(err)
		}
		add(t, m, blocks.Spec{Target: "203.0.113.9"}) // which decides the third
		want(t, "proposals", "", proposed(m))
		for _, p := range list {
			_, err := m.Accept(t.Context(), p.ID, "anna")
			if again := m.Dismiss(t.Context(), p.ID, "anna"); fault.KindOf(err) != fault.KindNotFound || fault.KindOf(again) != fault.KindNotFound {
				t.Errorf("decided twice: %v, %v", err, again)
			}
		}
		time.Sleep(2 * time.Minute)
		answers(m, "203.0.113.8", 401, 10, 0)
		want(t, "proposals", "", proposed(m))
		if diff := cmp.Diff([]string{"203.0.113.7 added anna", "203.0.113.8 dismissed bob", "203.0.113.9 added anna"}, history(t, m)); diff != "" {
			t.Error(diff)
		}
		time.Sleep(25 * time.Hour)
		answers(m, "203.0.113.8", 401, 10, 0)
		want(t, "proposals", "203.0.113.8 by guessing for 10m0s: 10 answers 401 in 1m", proposed(m))
		time.Sleep(26 * time.Hour) // nobody wanted to know
		want(t, "proposals", "", proposed(m))
	})
}

func TestProposalsAreBounded(t *testing.T) {
	story(t, guessing("propose"), blocks.Deps{}, func(t *testing.T, m *blocks.Manager) {
		for n := range 1000 {
			answers(m, numbered(n), 401, 10, 0)
			time.Sleep(time.Millisecond)
		}
		list := m.Proposals()
		if len(list) != 200 || list[0].Target.String() != numbered(999) {
			t.Errorf("%d proposals, the newest %v", len(list), list[0])
		}
	})
}

func TestTheGuardOfRules(t *testing.T) {
	two := 2
	c := guessing("block")
	c.PerHour = &two
	notices := &health.Registry{}
	story(t, c, blocks.Deps{Health: notices}, func(t *testing.T, m *blocks.Manager) {
		for n := range 3 {
			answers(m, numbered(n), 401, 10, time.Second)
		}
		want(t, "blocks", numbered(1)+" by rule:guessing: 10 answers 401 in 1m\n"+numbered(0)+" by rule:guessing: 10 answers 401 in 1m", blocked(m))
		want(t, "proposals", numbered(2)+" by guessing for 10m0s: 10 answers 401 in 1m", proposed(m))
		if list := notices.List(); len(list) != 1 || list[0].Code != "blocks_per_hour" {
			t.Errorf("notices %v", list)
		}
		add(t, m, blocks.Spec{Target: numbered(7)}) // people may
		time.Sleep(time.Hour + time.Minute)
		if list := notices.List(); len(list) != 0 {
			t.Errorf("notices after an hour: %v", list)
		}
		answers(m, numbered(4), 401, 10, 0)
		if !strings.Contains(blocked(m), numbered(4)) {
			t.Errorf("an hour later: %s", blocked(m))
		}
	})
}

func TestARestartGivesRulesNoSecondHour(t *testing.T) {
	one := 1
	c := guessing("block")
	c.PerHour = &one
	s := memory(t)
	story(t, c, blocks.Deps{Store: s}, func(t *testing.T, m *blocks.Manager) {
		answers(m, numbered(1), 401, 10, 0)
		answers(m, numbered(2), 401, 10, 0)
		if err := m.Dismiss(t.Context(), m.Proposals()[0].ID, "anna"); err != nil {
			t.Fatal(err)
		}
		again := manager(t, c, blocks.Deps{Store: s})
		defer run(t, again)()
		answers(again, numbered(2), 401, 10, 0)
		answers(again, numbered(3), 401, 10, 0)
		want(t, "blocks", numbered(1)+" by rule:guessing: 10 answers 401 in 1m", blocked(again))
		want(t, "proposals", numbered(3)+" by guessing for 10m0s: 10 answers 401 in 1m", proposed(again))
	})
}

func TestWhoIsOnTheAllowListIsNotNoticed(t *testing.T) {
	c := guessing("block")
	c.Allow = []block.Target{targetOf(t, "10.0.0.0/8"), targetOf(t, "key:internal")}
	story(t, c, blocks.Deps{}, func(t *testing.T, m *blocks.Manager) {
		answers(m, "10.1.2.3", 401, 100, 0)
		answers(m, "127.0.0.1", 401, 100, 0)
		for range 100 {
			m.Observe(&observe.Exchange{Time: time.Now(), Client: addr("203.0.113.7"), ClientKey: "key:internal", Status: 401})
		}
		synctest.Wait()
		want(t, "blocks", "", blocked(m))
		want(t, "counted", "0", metric(t, m, "lapwing_block_suspects"))
	})
}

func TestWhoIsOneClient(t *testing.T) {
	wide := 48
	for _, test := range []struct {
		name   string
		prefix *int
		from   func(i int) (client, key string)
		want   string
	}{
		{"an address", nil, func(int) (string, string) { return "203.0.113.7", "203.0.113.7" }, "203.0.113.7"},
		{"an address in the form of IPv6", nil, func(int) (string, string) { return "::ffff:203.0.113.7", "" }, "203.0.113.7"},
		{"addresses of one network of IPv6", nil, func(i int) (string, string) { return fmt.Sprintf("2001:db8::%x", i), "" }, "2001:db8::/64"},
		{"networks of one subscriber", &wide, func(i int) (string, string) { return fmt.Sprintf("2001:db8:0:%x::1", i), "" }, "2001:db8::/48"},
		{"networks of several subscribers", nil, func(i int) (string, string) { return fmt.Sprintf("2001:db8:0:%x::1", i), "" }, ""},
		{"a key from several addresses", nil, func(i int) (string, string) { return fmt.Sprintf("203.0.113.%d", i), "key:mobile-app" }, "key:mobile-app"},
		{"a subject", nil, func(i int) (string, string) { return fmt.Sprintf("203.0.113.%d", i), "sub:4711" }, "sub:4711"},
		{"several addresses", nil, func(i int) (string, string) { return fmt.Sprintf("203.0.113.%d", i), "" }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := guessing("block")
			c.IPv6Prefix = test.prefix
			story(t, c, blocks.Deps{}, func(t *testing.T, m *blocks.Manager) {
				for i := range 10 {
					client, key := test.from(i)
					m.Observe(&observe.Exchange{Time: time.Now(), Client: addr(client), ClientKey: key, Status: 401})
				}
				synctest.Wait()
				got, _, _ := strings.Cut(blocked(m), " ")
				want(t, "blocked", test.want, got)
			})
		})
	}
}

func TestWhatOthersObservedCountsAtItsTime(t *testing.T) {
	story(t, guessing("propose"), blocks.Deps{}, func(t *testing.T, m *blocks.Manager) {
		observed := func(client string, ago time.Duration, n int) {
			for range n {
				m.Observe(&observe.Exchange{Time: time.Now().Add(-ago), Client: addr(client), Status: 401})
			}
			synctest.Wait()
		}
		time.Sleep(time.Hour)
		observed("203.0.113.1", 10*time.Minute, 100) // all of it arrives at once, much later
		observed("203.0.113.2", 30*time.Second, 5)
		observed("203.0.113.2", 0, 4)
		observed("203.0.113.3", -time.Hour, 9) // its clock is ahead
		time.Sleep(70 * time.Second)
		observed("203.0.113.3", -time.Hour, 9)
		want(t, "proposals", "", proposed(m))
		observed("203.0.113.3", -time.Hour, 1)
		want(t, "proposals", "203.0.113.3 by guessing for 10m0s: 10 answers 401 in 1m", proposed(m))
	})
}

func TestAReloadKeepsWhatWasCounted(t *testing.T) {
	story(t, guessing("propose"), blocks.Deps{}, func(t *testing.T, m *blocks.Manager) {
		answers(m, "203.0.113.7", 401, 9, 0)
		configure(t, m, guessing("block"))
		answers(m, "203.0.113.7", 401, 1, 0)
		want(t, "blocks", "203.0.113.7 by rule:guessing: 10 answers 401 in 1m", blocked(m))
		// Another window has other parts: it begins anew, and is not counted wrong for ever.
		answers(m, "203.0.113.8", 401, 9, 0)
		longer := guessing("block")
		longer.Rules[0].Within = units.Duration(30 * time.Minute)
		configure(t, m, longer)
		answers(m, "203.0.113.8", 401, 9, 0)
		time.Sleep(31 * time.Minute)
		answers(m, "203.0.113.8", 401, 9, 0)
		want(t, "blocks", "", blocked(m))
		answers(m, "203.0.113.8", 401, 1, 0)
		want(t, "blocks", "203.0.113.8 by rule:guessing: 10 answers 401 in 30m", blocked(m))
	})
}

// TestAMillionAddressesHideNobody: the table is bounded, and who misbehaves more
// than the crowd is noticed in it.
func TestAMillionAddressesHideNobody(t *testing.T) {
	m := manager(t, blocks.Config{}, blocks.Deps{})
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Now()
	for i := range 1_000_000 {
		var b [16]byte
		b[0], b[1] = 0x20, 0x01
		for at := 2; at < 8; at++ {
			b[at] = byte(random.Uint32())
		}
		m.Observe(&observe.Exchange{Time: now, Client: netip.AddrFrom16(b), Status: 404, Path: "/wp-login.php"})
		if i%2000 == 0 { // 500 of a million
			m.Observe(&observe.Exchange{Time: now, Client: addr("203.0.113.7"), Status: 404, Path: fmt.Sprint("/", i)})
		}
	}
	if got := metric(t, m, "lapwing_block_suspects"); got != "32768" {
		t.Errorf("%s clients are counted", got)
	}
	defer run(t, m)()
	for range 1000 {
		if proposed(m) != "" {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if got := proposed(m); !strings.HasPrefix(got, "203.0.113.7 by path-scan") {
		t.Errorf("proposed: %q", got)
	}
}
