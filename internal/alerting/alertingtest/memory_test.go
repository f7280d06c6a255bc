package alertingtest_test

import (
	"testing"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/alerting/alertingtest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	alertingtest.Run(t, func(*testing.T) alerting.Store { return &alertingtest.Memory{} })
}
