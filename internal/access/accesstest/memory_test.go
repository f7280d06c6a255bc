package accesstest_test

import (
	"testing"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/access/accesstest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	accesstest.Run(t, func(*testing.T) access.Store { return accesstest.NewMemory() })
}
