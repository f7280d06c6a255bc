package limittest_test

import (
	"testing"
	"testing/synctest"

	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/limit/limittest"
)

func TestMemory(t *testing.T) {
	for _, c := range limittest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { limittest.RunCase(t, c, limit.New(limit.Options{})) })
		})
	}
	for name, play := range limittest.Stories() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { play(t, limit.New(limit.Options{})) })
		})
	}
}
