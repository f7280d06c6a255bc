// Package alerting tells people: it embeds Prometheus' Alertmanager (routing,
// grouping, inhibition, silences, its receivers in its own YAML, its API v2 that
// amtool speaks) and adds what it lacks: alerts, silences and undelivered
// notifications survive a kill, alerts are acknowledged and escalated, and every
// delivery is remembered.
//
//	Put, Sync ─► store ─► Alertmanager: route ─ inhibit ─ silence ─ mute ─ group ─► delivery ─► receiver
//	                                                                 acknowledged? ─┘   └─ failed: outbox, tried again
//	                                                                 not in time: escalate
package alerting
