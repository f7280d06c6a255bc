package api

import "net/http"

// receiveExchanges answers POST /exchanges: what middlewares have observed.
func (a *API) receiveExchanges(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Ingest == nil {
		return absent("way in for exchanges")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	return a.deps.Ingest.Receive(w, r)
}

// listExchangeBlocks answers GET /exchanges/blocks: what middlewares keep out.
func (a *API) listExchangeBlocks(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Ingest == nil {
		return absent("way in for exchanges")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	return a.deps.Ingest.Blocks(w, r)
}
