package problem

import (
	"net/http"
	"slices"
	"strings"
)

// Code is one kind of problem: what programs decide on. A code is never renamed.
type Code struct {
	Code   string
	Status int
	Title  string // the same for every occurrence
	Help   string // what it means and what to do, for humans
}

// ours reports whether the operator has to hear of it: the cause is on our side.
func (c Code) ours() bool {
	return c.Code == "internal" || strings.HasPrefix(c.Code, "storage_")
}

// codes is the list of all codes, by status.
var codes = []Code{
	{
		"invalid", http.StatusBadRequest, "The request is not valid",
		"A parameter or the body is wrong; the detail says which and what would be right.\nSending the same request again does not help.",
	},
	{
		"unauthentic", http.StatusUnauthorized, "Not logged in",
		"Log in at /login, or send a token:\n\n    Authorization: Bearer lw_…\n\nTokens are made with `lapwing token create`, in the settings, or by POST /api/v1/tokens.",
	},
	{
		"forbidden", http.StatusForbidden, "Not allowed",
		"The caller is known but may not do this.",
	},
	{
		"scope_missing", http.StatusForbidden, "The token's scopes are not enough",
		"Scopes include each other: admin may write, write may read. Make a token with the scope that the detail names.",
	},
	{
		"not_local", http.StatusForbidden, "Only for clients on this machine",
		"As long as no password is set, only clients on the same machine may come in. Set one with\n\n    lapwing admin set-password\n\nor make a token with `lapwing token create`.",
	},
	{
		"host_not_allowed", http.StatusForbidden, "This host name is not allowed",
		"As long as no password is set, the host in the address must be localhost or a loopback address.\nOtherwise any page on the internet could point its own name at this machine and read along (DNS rebinding).\n\nOpen the address that Lapwing printed at its start, or allow the name in lapwing.yaml:\n\n    access:\n      hosts: [monitor.internal]\n\nor set a password with `lapwing admin set-password`.",
	},
	{
		"proxied", http.StatusForbidden, "Came through a proxy",
		"As long as no password is set, only clients on the same machine may come in, and behind a proxy nobody can tell.\nRequests in HTTP/1.0 count as proxied, as browsers and programs of today speak HTTP/1.1 at least.\nSet a password with `lapwing admin set-password`.",
	},
	{
		"cross_origin", http.StatusForbidden, "From a page of another origin",
		"Pages of other origins may neither change nor load anything with your login.\nPrograms use a token. A proxy in front of Lapwing must pass the Host header unchanged.",
	},
	{
		"not_found", http.StatusNotFound, "Not found",
		"There is no such thing, or no longer. The routes are in /api/v1/openapi.json.",
	},
	{
		"method_not_allowed", http.StatusMethodNotAllowed, "Method not allowed",
		"The header Allow lists the methods that this path has.",
	},
	{
		"conflict", http.StatusConflict, "Conflict",
		"The thing is in a state that does not allow the call; the detail says which.",
	},
	{
		"too_large", http.StatusRequestEntityTooLarge, "The request is too large",
		"Bodies may have 1 MiB at most.",
	},
	{
		"invalid_configuration", http.StatusUnprocessableEntity, "The configuration has mistakes",
		"Nothing was changed: what was running is running. `problems` lists every mistake with its file, line and column.\n`lapwing config check` says the same without a server.",
	},
	{
		"throttled", http.StatusTooManyRequests, "Too many requests",
		"Wait as many seconds as the header Retry-After says.",
	},
	{
		"internal", http.StatusInternalServerError, "Something went wrong here",
		"This is a defect or a broken disk, not your mistake. The log has the cause, with the request id that `instance` ends with.",
	},
	{
		"receiver_failed", http.StatusServiceUnavailable, "The receiver did not take it",
		"The detail says what the channel answered, without its secrets. Alerts for it are tried again, with longer and longer waits;\n`lapwing notify test NAME` tries it now, and the page Alerts lists what was tried.",
	},
	{
		"unavailable", http.StatusServiceUnavailable, "Not available right now",
		"The same request may work later.",
	},
	{
		"storage_full", http.StatusServiceUnavailable, "No space to store it",
		"The disk that keeps Lapwing's data is full. Nothing was stored and nothing changed: what was there is there, and can be read.\nThe same request works once there is space again; the log names the folder.",
	},
	{
		"storage_busy", http.StatusServiceUnavailable, "The database is locked",
		"Another program keeps Lapwing's database locked. Nothing was stored and nothing changed.\nThe same request works once that program has ended; the log names the file.",
	},
	{
		"timeout", http.StatusGatewayTimeout, "Took too long",
		"The answer did not come in time; what was started may still finish.",
	},
}

// Codes returns every code, for documentation.
func Codes() []Code { return slices.Clone(codes) }

// Find returns the code with the name.
func Find(name string) (Code, bool) {
	i := slices.IndexFunc(codes, func(c Code) bool { return c.Code == name })
	if i < 0 {
		return Code{}, false
	}
	return codes[i], true
}

// Text is the code's documentation as plain text.
func (c Code) Text() string {
	var b strings.Builder
	b.WriteString(c.Title + " (" + c.Code + ")\n")
	b.WriteString(strings.Repeat("=", len(c.Title)+len(c.Code)+3) + "\n\n")
	b.WriteString(c.Help + "\n")
	return b.String()
}
