// Package access decides who may use the web interface and the API: the
// password, sessions, scoped tokens, and the rules for clients without any.
package access
