package access

import (
	"context"
	"slices"
)

// Kind says how a caller proved who it is.
type Kind string

// The kinds of callers.
const (
	KindAnonymous Kind = "anonymous" // not at all
	KindLocal     Kind = "local"     // by being on this machine while no password is set
	KindToken     Kind = "token"     // by an API token
	KindSession   Kind = "session"   // by a login in a browser
)

// Identity is a caller. The zero value is nobody and may do nothing.
type Identity struct {
	Name   string // "admin", "local" or the token's name; "" when anonymous
	Kind   Kind
	Scopes []Scope
}

// Nobody is the caller without any proof.
func Nobody() Identity { return Identity{Kind: KindAnonymous} }

// Can reports whether the caller may do what needs the scope.
func (id Identity) Can(scope Scope) bool {
	return slices.ContainsFunc(id.Scopes, func(held Scope) bool { return held.includes(scope) })
}

// Known reports whether the caller proved who it is.
func (id Identity) Known() bool { return id.Kind != KindAnonymous && id.Kind != "" }

// ambient reports an identity that a browser attaches to every request by
// itself, wherever the request came from: the ones that a foreign page can misuse.
func (id Identity) ambient() bool { return id.Kind != KindToken }

type contextKey struct{}

// With returns a context that carries the caller.
func With(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

// From returns the caller of the request that ctx belongs to, Nobody without one.
func From(ctx context.Context) Identity {
	if id, ok := ctx.Value(contextKey{}).(Identity); ok {
		return id
	}
	return Nobody()
}
