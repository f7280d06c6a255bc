// Package blocks keeps out who is to be kept out: blocks that people set, blocks
// that rules set or propose for what a client does, and the list of those whom
// no block may hit.
//
//	people ── Add, Remove ──┐
//	                        ├─► Store (durable) ─► list (swapped) ─► Blocked, for every request
//	rules ── Observe ───────┘                        ▲
//	   └── proposals ── Accept ──────────────────────┘ expiry
//	other servers ── Shared ── Store ────────────────┘
//
// What a blocked client asks for is refused before anything else, and is not
// observed by the rules: a block cannot keep itself alive.
package blocks
