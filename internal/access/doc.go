// Package access decides who may use the web interface and the API.
//
// A caller is one of four kinds. Identify looks for them in this order, and a
// credential that does not hold is an error, never a reason to look further:
//
//	token      Authorization: Bearer lw_<id>_<secret>        the token's scopes
//	session    the cookie lapwing_session, after a login     everything
//	local      no password set, and the caller is a program  everything
//	           or page on this machine (see local.go)
//	anonymous  anybody else                                  public pages only
//
// There is one user, admin. Nothing that proves an identity is stored as it is:
// the password is kept as an argon2id hash, sessions and tokens as SHA-256.
package access
