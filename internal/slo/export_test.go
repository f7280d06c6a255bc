package slo

import "time"

// Tick looks at a clock that shows another time.
func Tick(m *Manager, now time.Time) { m.tick(now, false) }

// FingerprintOf is what a kind of failure has in common.
func FingerprintOf(message string) string { return fingerprintOf(message) }

// Windows returns the long windows of an objective with their thresholds.
func Windows(period time.Duration, allowed float64) (list []string) {
	for _, p := range windowsOf(period, allowed) {
		list = append(list, p.severity+" "+windowName(p.long.Round(time.Second))+" "+factor(p.threshold))
	}
	return list
}

// PageOf is the page of an operation.
func PageOf(api, method, route string, from, to time.Time) string {
	return pageOf(api, method, route, from, to)
}

// Percent writes a share.
func Percent(share float64) string { return percent(share) }
