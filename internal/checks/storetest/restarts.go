package storetest

import (
	"fmt"
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

// aDay appends everything that a batch can hold.
func (h *house) aDay() {
	rng := dice(5)
	for i := range 40 {
		batch := &checks.Batch{}
		at := noon().Add(time.Duration(i) * time.Minute)
		for j := range 20 {
			batch.Results = append(batch.Results, some(rng, fmt.Sprint("check-", j), at.Add(time.Duration(j)*time.Millisecond)))
		}
		batch.Missed = []checks.Missed{{Check: fmt.Sprint("check-", i%25), At: at, Count: 1}}
		batch.Transitions = []checks.Transition{{Check: "check-1", At: at, From: checks.Up, To: checks.Down, Reason: "connection refused", Run: checks.RunID(at.UnixMilli())}}
		batch.Evidence = []checks.Evidence{evidenceOf("check-1", at, "grün")}
		h.append(batch)
	}
	h.agree()
}

func restart(h *house) {
	h.aDay()
	for range 2 {
		h.restart()
		h.agree()
	}
	h.append(&checks.Batch{Results: []checks.Result{up("check-1", noon().Add(time.Hour)), up("new", noon())}})
	h.restart()
	h.agree()
}

func kill(h *house) {
	h.aDay()
	for range 2 {
		h.kill()
		h.agree()
	}
	h.append(&checks.Batch{Results: []checks.Result{up("check-1", noon().Add(time.Hour)), up("new", noon())}})
	h.kill()
	h.agree()
}

func pauseAndKill(h *house) {
	h.append(&checks.Batch{Results: []checks.Result{down("orders", noon())}})
	h.setPaused(checks.Transition{Check: "orders", At: noon().Add(time.Minute), From: checks.Down, To: checks.Paused, By: "admin"}, true)
	h.kill()
	h.agree()
	h.setPaused(checks.Transition{Check: "orders", At: noon().Add(time.Hour), From: checks.Paused, To: checks.Unknown, By: "admin"}, false)
	h.append(&checks.Batch{Results: []checks.Result{up("orders", noon().Add(2*time.Hour))}})
	h.kill()
	h.agree()
}

func longLife(h *house) {
	rng := dice(6)
	at := noon()
	paused := map[string]bool{}
	for range 150 {
		id := fmt.Sprint("check-", rng.IntN(6))
		at = at.Add(time.Duration(rng.IntN(3_600_000)) * time.Millisecond)
		switch rng.IntN(20) {
		case 0:
			h.restart()
			h.agree()
		case 1:
			h.kill()
			h.agree()
		case 2:
			to := checks.Unknown
			if !paused[id] {
				to = checks.Paused
			}
			paused[id] = !paused[id]
			h.setPaused(checks.Transition{Check: id, At: at, To: to, By: "admin"}, paused[id])
		case 3:
			h.append(&checks.Batch{Missed: []checks.Missed{{Check: id, At: at, Count: 2}}})
		default:
			batch := &checks.Batch{}
			for range rng.IntN(60) {
				at = at.Add(time.Duration(1+rng.IntN(60_000)) * time.Millisecond)
				batch.Results = append(batch.Results, some(rng, fmt.Sprint("check-", rng.IntN(6)), at))
			}
			h.append(batch)
		}
	}
	h.agree()
	h.kill()
	h.agree()
}
