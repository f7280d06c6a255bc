package delivery_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if where := os.Getenv(deliverInEnv); where != "" { // this process is to be killed by TestAKilledServerLosesNoNotification
		if err := deliverForever(where, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}
