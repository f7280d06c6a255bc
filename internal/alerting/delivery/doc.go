// Package delivery brings notifications to receivers, and keeps those that a
// receiver does not take until it does.
//
// It stands at the end of Alertmanager's pipeline, around each integration. The
// first try happens at once. When it fails, the notification is on disk before
// the pipeline hears that it is taken care of:
//
//	pipeline ─► Notify ─► try ── taken ───────────────────────────► delivered
//	                       └─ not ─► store ─► lane ─► try again ─────► delivered
//	                                   ▲       └ 1 s … 5 min ┘  └ give_up ─► failed
//	                 newer news of the group ──► merged, the old one is superseded
//
// A lane is one integration of one receiver. Lanes do not wait for one another,
// so a dead receiver delays nobody else. What is tried again is made anew from how
// its alerts stand at that moment: nobody is told that something is wrong after
// it was resolved.
package delivery
