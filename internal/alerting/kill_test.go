package alerting_test

import "io"

const victimEnv = "LAPWING_TEST_ALERTS_IN"

func beKilled(string, io.Writer) error { return nil }
