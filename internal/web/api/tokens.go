package api

import (
	"net/http"
	"time"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/fault"
)

type tokenList struct {
	Tokens []tokenDTO `json:"tokens"`
}

// listTokens answers GET /tokens, by name.
func (a *API) listTokens(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r).err; err != nil {
		return err
	}
	tokens, err := a.deps.Tokens.Tokens(r.Context())
	if err != nil {
		return err
	}
	list := tokenList{Tokens: make([]tokenDTO, len(tokens))}
	for i := range tokens {
		list.Tokens[i] = showToken(&tokens[i])
	}
	return answer(w, http.StatusOK, list)
}

type newToken struct {
	Name      string   `json:"name"`
	Scopes    []string `json:"scopes"`
	ExpiresAt string   `json:"expires_at"`
}

// createToken answers POST /tokens with the token, which is shown this once.
func (a *API) createToken(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r).err; err != nil {
		return err
	}
	var wanted newToken
	if err := readBody(r, &wanted); err != nil {
		return err
	}
	scopes, err := access.ParseScopes(wanted.Scopes)
	if err != nil {
		return err
	}
	var expires time.Time
	if wanted.ExpiresAt != "" {
		if expires, err = time.Parse(time.RFC3339, wanted.ExpiresAt); err != nil {
			return fault.Invalid("expires_at %.40q: want a time in RFC 3339, such as 2027-01-31T00:00:00Z", wanted.ExpiresAt)
		}
	}
	token, text, err := a.deps.Tokens.CreateToken(r.Context(), wanted.Name, scopes, expires, caller(r.Context()))
	if err != nil {
		return err
	}
	dto := showToken(&token)
	dto.Token = text.Reveal()
	w.Header().Set("Location", Base+"/tokens")
	return answer(w, http.StatusCreated, dto)
}

// deleteToken answers DELETE /tokens/{id}: the token ends at once.
func (a *API) deleteToken(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r).err; err != nil {
		return err
	}
	if err := a.deps.Tokens.RevokeToken(r.Context(), r.PathValue("id"), caller(r.Context())); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
