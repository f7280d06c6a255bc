// Package auth says who sends a request to the gateway: the holder of an API
// key or of a JSON Web Token. It knows nothing of net/http servers and keeps no
// credential in the clear.
//
//	Config ── Manager.Prepare ──► Authenticator ── Authenticate(credentials) ──► Identity
//	                                   │                                     └──► *Refusal
//	                                   │ verifier: which tokens, and which were good a moment ago
//	                                   ▼
//	          Manager.Run ──────► source: the issuer's keys, read again and again
//
// Verifiers and sources belong to the Manager, so that a reload that does not
// touch them forgets neither keys nor verified tokens.
//
// What a token says of itself is believed only after its signature was
// verified, and never chooses how it is verified: the algorithms are those of
// the key (RFC 8725 §3.1), "none" is not among them, and keys that a token
// brings or points to (jwk, jku, x5u) are not looked at.
package auth
