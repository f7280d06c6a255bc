package ui

import (
	"net/http"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/block"
)

// blocksCard is who is blocked, who might be, and who was.
type blocksCard struct {
	Blocks    []blockRow
	More      int
	Proposals []proposalRow
	History   []blockChangeRow
	Lengths   []blockLength
}

// blockEntry is a block as who keeps them tells it.
type blockEntry = block.Entry

// blockRow is one block in force.
type blockRow struct {
	ID, Target, Link string
	Reason, Author   string
	Since            moment
	Age              string
	Left             string // "until it is removed", "12 min"
	Shadow           bool
}

type proposalRow struct {
	ID, Target, Link string
	Rule, Reason     string
	Age, For         string
}

type blockChangeRow struct {
	At                         moment
	Action, Target, Reason, By string
}

// blockLength is one choice of how long a block holds.
type blockLength struct {
	Value, Name string
	Chosen      bool
}

var blockLengths = []blockLength{
	{"10m", "10 minutes", false}, {"1h", "1 hour", true}, {"24h", "1 day", false}, {"7d", "7 days", false}, {"0", "until it is removed", false},
}

func (u *UI) blocksCard(r *http.Request, page *trafficPage, state *trafficState, now time.Time) error {
	if u.Traffic.Blocks == nil {
		return nil
	}
	card := &blocksCard{Lengths: blockLengths}
	for i := range state.blocks[:min(len(state.blocks), blockRows)] {
		card.Blocks = append(card.Blocks, blockRowOf(&state.blocks[i], now))
	}
	card.More = len(state.blocks) - len(card.Blocks)
	for _, p := range state.proposals {
		card.Proposals = append(card.Proposals, proposalRow{
			ID: p.ID, Target: p.Target.String(), Link: clientPath(p.Target.String()), Rule: p.Rule, Reason: p.Reason, Age: ago(now, p.Proposed), For: lasting(p.For),
		})
	}
	history, err := u.Traffic.Blocks.History(r.Context(), changeRowsOf)
	if err != nil {
		return err
	}
	for _, c := range history {
		row := blockChangeRow{At: moment{c.At}, Action: string(c.Action), Target: c.Target.String(), Reason: c.Reason, By: who(c.By)}
		if c.By == "" && c.Rule != "" {
			row.By = "rule " + c.Rule
		}
		card.History = append(card.History, row)
	}
	page.Blocks = card
	return nil
}

func blockRowOf(b *blockEntry, now time.Time) blockRow {
	row := blockRow{
		ID: b.ID, Target: b.Target.String(), Reason: b.Reason, Author: who(b.Author), Since: moment{b.Created}, Age: ago(now, b.Created),
		Left: "until it is removed", Shadow: b.Shadow,
	}
	row.Link = clientPath(row.Target)
	if b.Rule != "" {
		row.Author = "rule " + b.Rule
	}
	if !b.Expires.IsZero() {
		row.Left = span(b.Expires.Sub(now)) + " left"
	}
	return row
}

func lasting(d time.Duration) string {
	if d <= 0 {
		return "until it is removed"
	}
	return "for " + span(d)
}

// mayBlock refuses who may not, and servers without blocks.
func (u *UI) mayBlock(r *http.Request) (Viewer, error) {
	if err := u.hasTraffic(r); err != nil {
		return Viewer{}, err
	}
	if u.Traffic.Blocks == nil {
		return Viewer{}, fault.NotFound("there are no blocks here")
	}
	return u.mayWrite(r)
}

func (u *UI) block(w http.ResponseWriter, r *http.Request) error {
	v, err := u.mayBlock(r)
	if err != nil {
		return err
	}
	wanted := blocks.Spec{Target: strings.TrimSpace(r.FormValue("target")), Reason: strings.TrimSpace(r.FormValue("reason"))}
	if wanted.Target == "" {
		return fault.Invalid("say whom to block: an address, a network such as 203.0.113.0/24, or a key such as key:mobile-app")
	}
	if text := r.FormValue("for"); text != "0" {
		length, err := units.ParseDuration(text)
		if err != nil || length <= 0 {
			return fault.Invalid("%q is not a time to block for; write 10m, 1h or 7d", cut(text, 40))
		}
		wanted.For = length.Std()
	}
	entry, err := u.Traffic.Blocks.Add(r.Context(), wanted, v.Name)
	if err != nil {
		return err
	}
	return back(w, r, clientPath(entry.Target.String()), "#block")
}

func (u *UI) unblock(w http.ResponseWriter, r *http.Request) error {
	v, err := u.mayBlock(r)
	if err != nil {
		return err
	}
	if err := u.Traffic.Blocks.Remove(r.Context(), r.PathValue("id"), v.Name); err != nil {
		return err
	}
	return back(w, r, "", "#blocks")
}

// propose answers a proposal: do=accept or do=dismiss.
func (u *UI) propose(w http.ResponseWriter, r *http.Request) error {
	v, err := u.mayBlock(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	switch r.FormValue("do") {
	case "accept":
		_, err = u.Traffic.Blocks.Accept(r.Context(), id, v.Name)
	case "dismiss":
		err = u.Traffic.Blocks.Dismiss(r.Context(), id, v.Name)
	default:
		err = fault.Invalid("accept or dismiss the proposal")
	}
	if err != nil {
		return err
	}
	return back(w, r, "", "#blocks")
}

// back leads to the page that a form was on: that of a client when the form says
// so, or the traffic page.
func back(w http.ResponseWriter, r *http.Request, client, part string) error {
	to := "/traffic" + part
	if key := r.FormValue("client"); key != "" {
		to = clientPath(key) + "#block"
	} else if client != "" && r.FormValue("stay") == "" {
		to = client + part
	}
	http.Redirect(w, r, to, http.StatusSeeOther) // #nosec G710 -- a path of ours; what the form says is escaped into one segment
	return nil
}
