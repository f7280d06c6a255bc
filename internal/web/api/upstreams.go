package api

import (
	"net/http"

	"lapwing.dev/lapwing/internal/gateway/upstream"
)

type poolDTO struct {
	Name          string      `json:"name"`
	Breaker       string      `json:"breaker,omitempty"` // closed, open or trying
	OpenMS        float64     `json:"open_ms,omitempty"` // how long an open breaker stays so
	Requests      uint64      `json:"requests"`          // this and the following since the start
	Refused       uint64      `json:"refused"`
	Retries       uint64      `json:"retries"`
	RetriesDenied uint64      `json:"retries_denied"`
	Servers       []serverDTO `json:"servers"`
}

type serverDTO struct {
	URL         string  `json:"url"`
	Weight      float64 `json:"weight"`
	State       string  `json:"state"` // up, returning, ejected or down
	Why         string  `json:"why,omitempty"`
	LeftMS      float64 `json:"left_ms,omitempty"` // of being ejected or returning
	InWork      int64   `json:"in_work"`
	Waiting     int64   `json:"waiting"`
	Connections int64   `json:"connections"`
	Requests    uint64  `json:"requests"`
	Failed      uint64  `json:"failed"`
	Ejections   uint64  `json:"ejections"`
	Checked     stamp   `json:"checked,omitzero"`
}

type poolList struct {
	Pools []poolDTO `json:"pools"`
}

func showPool(p *upstream.PoolStatus) poolDTO {
	dto := poolDTO{p.Name, p.Breaker, millis(p.OpenFor), p.Requests, p.Refused, p.Retries, p.RetriesDenied, []serverDTO{}}
	for _, s := range p.Servers {
		dto.Servers = append(dto.Servers, serverDTO{
			s.URL, s.Weight, string(s.State), s.Why, millis(s.Left), s.InWork, s.Waiting, s.Connections, s.Requests, s.Failed, s.Ejections, stamp(s.Checked),
		})
	}
	return dto
}

// listUpstreams answers GET /upstreams.
func (a *API) listUpstreams(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Upstreams == nil {
		return absent("gateway")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	list := poolList{Pools: []poolDTO{}}
	for _, p := range a.deps.Upstreams.Snapshot() {
		list.Pools = append(list.Pools, showPool(&p))
	}
	return answer(w, http.StatusOK, list)
}
