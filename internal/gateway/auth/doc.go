// Package auth says who sends a request to the gateway: the holder of an API
// key or of a JSON Web Token. It knows nothing of net/http servers and keeps no
// credential in the clear.
package auth
