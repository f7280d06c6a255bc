// Package rules evaluates users' Prometheus rule files as they are, by
// Prometheus' own manager of rules: recording rules write series, alerting rules
// raise alerts that are handed on to whoever tells people.
//
//	files ─ Prepare: read, parse, all mistakes ─ commit ─► groups ─ every interval ─► series · alerts ─► Notify
//	                                                          └─ failing or late: health notice, counted
//
// What is pending or firing survives a restart: how long a condition has held is
// read from the series ALERTS_FOR_STATE, and what was kept firing from ALERTS.
package rules
