package access

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/secret"
)

func TestPasswordHashes(t *testing.T) {
	long := secret.New("correct horse battery")
	first, second := hashPassword(long), hashPassword(long)
	if first == second {
		t.Error("two hashes of one password are equal: there is no salt")
	}
	if fingerprint(first) == fingerprint(second) {
		t.Error("two hashes have one fingerprint")
	}
	for _, test := range []struct {
		password string
		want     bool
	}{{long.Reveal(), true}, {"correct horse batter", false}, {"", false}} {
		got, err := matchPassword(first, secret.New(test.password))
		if got != test.want || err != nil {
			t.Errorf("%q matches: %v, %v; want %v", test.password, got, err, test.want)
		}
	}
}

func TestDamagedHashesAreErrors(t *testing.T) {
	good := hashPassword(secret.New("correct horse battery"))
	for name, damaged := range map[string]string{
		"empty":             "",
		"plain text":        "correct horse battery",
		"another algorithm": strings.Replace(good, "argon2id", "argon2i", 1),
		"another version":   strings.Replace(good, "v=19", "v=16", 1),
		"no memory":         strings.Replace(good, "m=19456", "m=0", 1),
		"all memory":        strings.Replace(good, "m=19456", "m=4294967295", 1),
		"no passes":         strings.Replace(good, "t=2", "t=0", 1),
		"endless passes":    strings.Replace(good, "t=2", "t=4294967295", 1),
		"no threads":        strings.Replace(good, "p=1", "p=0", 1),
		"cut short":         good[:len(good)-5],
		"no key":            good[:strings.LastIndex(good, "$")+1],
	} {
		if ok, err := matchPassword(damaged, secret.New("correct horse battery")); ok || err == nil {
			t.Errorf("%s: matches %v, error %v; want an error", name, ok, err)
		}
	}
}

func TestHashesRunOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := newHashGate()
		var mu sync.Mutex
		var running, most, done, refused int
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				err := gate.do(t.Context(), func() {
					mu.Lock()
					running++
					most = max(most, running)
					mu.Unlock()
					time.Sleep(time.Second)
					mu.Lock()
					running--
					done++
					mu.Unlock()
				})
				if err != nil {
					mu.Lock()
					refused++
					mu.Unlock()
				}
			})
		}
		group.Wait()
		if most != 1 || done != 1+maxWaitingLogins || refused != 50-done {
			t.Errorf("at most %d at once, %d done, %d refused; want 1, %d, %d", most, done, refused, 1+maxWaitingLogins, 49-maxWaitingLogins)
		}
	})
}

func TestWhoLeavesTheQueueDoesNotHash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := newHashGate()
		go func() { _ = gate.do(t.Context(), func() { time.Sleep(time.Minute) }) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := gate.do(ctx, func() { t.Error("hashed for nobody") }); err == nil {
			t.Error("no error")
		}
		time.Sleep(time.Hour)
	})
}

func TestCheckPassword(t *testing.T) {
	for _, test := range []struct {
		length int
		ok     bool
	}{{0, false}, {11, false}, {12, true}, {1024, true}, {1025, false}} {
		err := CheckPassword(secret.New(strings.Repeat("x", test.length)))
		if (err == nil) != test.ok || err != nil && fault.KindOf(err) != fault.KindInvalid {
			t.Errorf("%d bytes: %v, want ok %v", test.length, err, test.ok)
		}
	}
}
