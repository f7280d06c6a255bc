// Package remote moves samples by Prometheus' remote write, in both directions.
//
// Out: Remote sends what is stored to the receivers of the section remote_write,
// by Prometheus' own queue, which reads the write-ahead log.
//
//	          mark on disk                  receiver answers
//	start ──► resume: from the store ─────► live: from the write-ahead log
//	              ▲                              │
//	              └────── behind for 20 minutes ─┘
//
// Prometheus forgets what was not sent when it stops, or when a receiver is down
// for longer than the write-ahead log reaches. Here a mark on disk says, for each
// receiver, up to when it has everything. What came after is sent from the store
// first, oldest first, and only then the queue goes on. Memory is bounded either
// way: what waits is on disk.
//
// In: Receiver takes remote write 1.0 and 2.0 from others.
package remote
