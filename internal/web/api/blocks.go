package api

import (
	"net/http"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/block"
)

type blockDTO struct {
	ID      string `json:"id"`
	Target  string `json:"target"`
	Reason  string `json:"reason,omitempty"`
	Author  string `json:"author,omitempty"`
	Rule    string `json:"rule,omitempty"`
	Created stamp  `json:"created"`
	Expires stamp  `json:"expires,omitzero"` // absent: until it is removed
	Shadow  bool   `json:"shadow"`
}

func showBlock(e *block.Entry) blockDTO {
	return blockDTO{e.ID, e.Target.String(), e.Reason, e.Author, e.Rule, stamp(e.Created), stamp(e.Expires), e.Shadow}
}

type blockList struct {
	Blocks []blockDTO `json:"blocks"`
}

// listBlocks answers GET /blocks, newest first.
func (a *API) listBlocks(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Blocks == nil {
		return absent("blocks")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	list := blockList{Blocks: []blockDTO{}}
	for _, e := range a.deps.Blocks.List() {
		list.Blocks = append(list.Blocks, showBlock(&e))
	}
	return answer(w, http.StatusOK, list)
}

type newBlock struct {
	Target string `json:"target"`
	Reason string `json:"reason"`
	For    string `json:"for"`
	Shadow bool   `json:"shadow"`
}

// createBlock answers POST /blocks with the block, once it is stored.
func (a *API) createBlock(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Blocks == nil {
		return absent("blocks")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	var body newBlock
	if err := readBody(r, &body); err != nil {
		return err
	}
	wanted := blocks.Spec{Target: body.Target, Reason: body.Reason, Shadow: body.Shadow}
	if body.Target == "" {
		return fault.Invalid("target is missing: an address, a network such as 203.0.113.0/24, or a key such as key:mobile-app")
	}
	if body.For != "" {
		length, err := units.ParseDuration(body.For)
		if err != nil || length < 0 {
			return fault.Invalid("for %.40q: want a time such as 10m, 1h or 7d, or leave it out for a block that holds until it is removed", body.For)
		}
		wanted.For = length.Std()
	}
	entry, err := a.deps.Blocks.Add(r.Context(), wanted, caller(r.Context()))
	if err != nil {
		return err
	}
	w.Header().Set("Location", Base+"/blocks")
	return answer(w, http.StatusCreated, showBlock(&entry))
}

// deleteBlock answers DELETE /blocks/{id}: the block ends at once.
func (a *API) deleteBlock(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Blocks == nil {
		return absent("blocks")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	if err := a.deps.Blocks.Remove(r.Context(), r.PathValue("id"), caller(r.Context())); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type proposalDTO struct {
	ID       string  `json:"id"`
	Target   string  `json:"target"`
	Rule     string  `json:"rule"`
	Reason   string  `json:"reason"`
	Proposed stamp   `json:"proposed"`
	ForMS    float64 `json:"for_ms,omitempty"` // absent: until it is removed
}

type proposalList struct {
	Proposals []proposalDTO `json:"proposals"`
}

// listProposals answers GET /blocks/proposals, newest first.
func (a *API) listProposals(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Blocks == nil {
		return absent("blocks")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	list := proposalList{Proposals: []proposalDTO{}}
	for _, p := range a.deps.Blocks.Proposals() {
		list.Proposals = append(list.Proposals, proposalDTO{p.ID, p.Target.String(), p.Rule, p.Reason, stamp(p.Proposed), millis(p.For)})
	}
	return answer(w, http.StatusOK, list)
}

// acceptProposal answers POST /blocks/proposals/{id}/accept with the block.
func (a *API) acceptProposal(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Blocks == nil {
		return absent("blocks")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	entry, err := a.deps.Blocks.Accept(r.Context(), r.PathValue("id"), caller(r.Context()))
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, showBlock(&entry))
}

// dismissProposal answers POST /blocks/proposals/{id}/dismiss.
func (a *API) dismissProposal(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Blocks == nil {
		return absent("blocks")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	if err := a.deps.Blocks.Dismiss(r.Context(), r.PathValue("id"), caller(r.Context())); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type blockChangeDTO struct {
	At     stamp  `json:"at"`
	Action string `json:"action"`
	ID     string `json:"id"`
	Target string `json:"target"`
	Reason string `json:"reason,omitempty"`
	Rule   string `json:"rule,omitempty"`
	By     string `json:"by,omitempty"`
}

type blockHistory struct {
	Changes []blockChangeDTO `json:"changes"`
}

// listBlockHistory answers GET /blocks/history, newest first.
func (a *API) listBlockHistory(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Blocks == nil {
		return absent("blocks")
	}
	q := readQuery(r, "limit")
	limit := q.limit()
	if q.err != nil {
		return q.err
	}
	changes, err := a.deps.Blocks.History(r.Context(), limit)
	if err != nil {
		return err
	}
	list := blockHistory{Changes: []blockChangeDTO{}}
	for _, c := range changes {
		list.Changes = append(list.Changes, blockChangeDTO{stamp(c.At), string(c.Action), c.ID, c.Target.String(), c.Reason, c.Rule, c.By})
	}
	return answer(w, http.StatusOK, list)
}
