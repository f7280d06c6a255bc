package api

import (
	"net/http"
	"strconv"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/observe"
)

// maxTrafficPoints bounds the points of one answer.
const maxTrafficPoints = 1000

type totalsDTO struct {
	Requests     uint64    `json:"requests"`
	Rate         float64   `json:"rate"` // per second
	Failed       uint64    `json:"failed"`
	ErrorRate    float64   `json:"error_rate"`
	Delayed      uint64    `json:"delayed"`
	Rejected     uint64    `json:"rejected"`
	Blocked      uint64    `json:"blocked"`
	Unauthorized uint64    `json:"unauthorized"`
	Invalid      uint64    `json:"invalid"`
	Status       statusDTO `json:"status"`
	BytesIn      uint64    `json:"bytes_in"`
	BytesOut     uint64    `json:"bytes_out"`
	P50          float64   `json:"p50_ms"`
	P95          float64   `json:"p95_ms"`
	P99          float64   `json:"p99_ms"`
}

// statusDTO is how many answers were of which class.
type statusDTO struct {
	None   uint64 `json:"none,omitempty"` // no answer
	First  uint64 `json:"1xx,omitempty"`
	Second uint64 `json:"2xx,omitempty"`
	Third  uint64 `json:"3xx,omitempty"`
	Fourth uint64 `json:"4xx,omitempty"`
	Fifth  uint64 `json:"5xx,omitempty"`
}

func showStatus(s [6]uint64) statusDTO { return statusDTO{s[0], s[1], s[2], s[3], s[4], s[5]} }

func showTotals(t *traffic.Totals, over time.Duration) totalsDTO {
	dto := totalsDTO{
		Requests: t.Requests, Failed: t.Failed, ErrorRate: t.ErrorRate(), Delayed: t.Delayed, Rejected: t.Rejected, Blocked: t.Blocked,
		Unauthorized: t.Unauthorized, Invalid: t.Invalid, Status: showStatus(t.Status), BytesIn: t.BytesIn, BytesOut: t.BytesOut,
		P50: millis(t.P50), P95: millis(t.P95), P99: millis(t.P99),
	}
	if over > 0 {
		dto.Rate = float64(t.Requests) / over.Seconds()
	}
	return dto
}

type trafficDTO struct {
	From stamp `json:"from"` // of what was asked for, the part that is kept
	To   stamp `json:"to"`
	totalsDTO
	Waiting int64       `json:"waiting"` // most requests at a time in queues
	Now     nowDTO      `json:"now"`
	StepMS  float64     `json:"step_ms"`
	Points  []pointDTO  `json:"points"`
	Policy  []policyDTO `json:"policies"`
	Since   stamp       `json:"since"` // requests are counted since
}

type nowDTO struct {
	Rate     float64 `json:"rate"` // of the last second
	Failed   float64 `json:"failed"`
	Rejected float64 `json:"rejected"`
	Waiting  int64   `json:"waiting"`
	Active   int64   `json:"active"`
}

type pointDTO struct {
	At stamp `json:"at"`
	totalsDTO
	Waiting int64 `json:"waiting"`
}

type policyDTO struct {
	Kind     string  `json:"kind"` // limit, block or auth
	Name     string  `json:"name"`
	Delayed  uint64  `json:"delayed"`
	WaitedMS float64 `json:"waited_ms"` // over all delayed requests
	Refused  uint64  `json:"refused"`
	Shadow   uint64  `json:"shadow"`
}

// trafficSpan is the time that was asked for, the last hour without.
func (q *query) trafficSpan() (time.Time, time.Time) {
	now := time.Now()
	return q.span(now.Add(-time.Hour), now)
}

// whole reads a number from least to most.
func (q *query) whole(name string, otherwise, least, most int) int {
	text := q.text(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		q.fail(fault.Invalid("%s %.40q: want a number from %d to %d", name, text, least, most))
	}
	return n
}

// getTraffic answers GET /traffic.
func (a *API) getTraffic(w http.ResponseWriter, r *http.Request) error {
	source := a.deps.Traffic
	if source == nil {
		return absent("traffic")
	}
	q := readQuery(r, "from", "to", "points", "api", "operation")
	from, to := q.trafficSpan()
	points := q.whole("points", 60, 1, maxTrafficPoints)
	if q.err != nil {
		return q.err
	}
	s := source.Summary(from, to, points, traffic.Filter{API: q.text("api"), Operation: q.text("operation")})
	now := source.Now()
	dto := trafficDTO{
		From: stamp(s.From), To: stamp(s.To), totalsDTO: showTotals(&s.Totals, s.Covered), Waiting: s.Waiting,
		Now: nowDTO{now.Rate, now.Failed, now.Rejected, now.Waiting, now.Active}, Points: make([]pointDTO, len(s.Points)),
		Policy: []policyDTO{}, Since: stamp(source.Started()),
	}
	for i := range s.Points {
		p := &s.Points[i]
		dto.StepMS = millis(p.Length)
		dto.Points[i] = pointDTO{stamp(p.At), showTotals(&p.Totals, p.Covered), p.Waiting}
	}
	for _, p := range source.Policies(from, to) {
		dto.Policy = append(dto.Policy, policyDTO{string(p.Kind), p.Name, p.Delayed, millis(p.Waited), p.Refused, p.Shadow})
	}
	return answer(w, http.StatusOK, dto)
}

type trafficOperationDTO struct {
	API    string `json:"api,omitempty"`
	Name   string `json:"operation"`
	Method string `json:"method"`
	Route  string `json:"route,omitempty"`
	totalsDTO
}

type trafficOperationList struct {
	From       stamp                 `json:"from"`
	To         stamp                 `json:"to"`
	Operations []trafficOperationDTO `json:"operations"`
}

// listTrafficOperations answers GET /traffic/operations, busiest first.
func (a *API) listTrafficOperations(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Traffic == nil {
		return absent("traffic")
	}
	q := readQuery(r, "from", "to", "api", "limit")
	from, to := q.trafficSpan()
	limit := q.limit()
	if q.err != nil {
		return q.err
	}
	s := a.deps.Traffic.Summary(from, to, 1, traffic.Filter{})
	list := trafficOperationList{From: stamp(s.From), To: stamp(s.To), Operations: []trafficOperationDTO{}}
	for _, op := range a.deps.Traffic.Operations(from, to, traffic.Filter{API: q.text("api")}) {
		if len(list.Operations) < limit {
			list.Operations = append(list.Operations, trafficOperationDTO{op.API, op.Name, op.Method, op.Route, showTotals(&op.Totals, s.Covered)})
		}
	}
	return answer(w, http.StatusOK, list)
}

type clientDTO struct {
	Key          string               `json:"key"`
	Address      string               `json:"address,omitempty"`
	User         string               `json:"user,omitempty"`
	Tier         string               `json:"tier,omitempty"`
	API          string               `json:"api,omitempty"`
	UserAgent    string               `json:"user_agent,omitempty"`
	First        stamp                `json:"first"`
	Last         stamp                `json:"last"`
	Policy       string               `json:"policy,omitempty"` // that delayed or rejected it last
	Held         stamp                `json:"held,omitzero"`
	Requests     uint64               `json:"requests"`
	Status       statusDTO            `json:"status"`
	Failed       uint64               `json:"failed"`
	Delayed      uint64               `json:"delayed"`
	Rejected     uint64               `json:"rejected"`
	Blocked      uint64               `json:"blocked"`
	Unauthorized uint64               `json:"unauthorized"`
	BytesOut     uint64               `json:"bytes_out"`
	Block        *blockDTO            `json:"block,omitempty"` // that hits it
	Operations   []clientOperationDTO `json:"operations,omitempty"`
	Points       []clientPointDTO     `json:"points,omitempty"`
}

type clientOperationDTO struct {
	API      string `json:"api,omitempty"`
	Name     string `json:"operation"`
	Requests uint64 `json:"requests"`
	AtLeast  uint64 `json:"at_least"`
}

type clientPointDTO struct {
	At       stamp     `json:"at"`
	Requests uint64    `json:"requests"`
	Status   statusDTO `json:"status"`
	Failed   uint64    `json:"failed"`
	Delayed  uint64    `json:"delayed"`
	Rejected uint64    `json:"rejected"`
	Blocked  uint64    `json:"blocked"`
}

func (a *API) showClient(c *traffic.Client) clientDTO {
	dto := clientDTO{
		Key: c.Key, User: c.User, Tier: c.Tier, API: c.API, UserAgent: c.Agent, First: stamp(c.First), Last: stamp(c.Last),
		Policy: c.Policy, Held: stamp(c.Held), Requests: c.Requests, Status: showStatus(c.Status), Failed: c.Failed, Delayed: c.Delayed,
		Rejected: c.Rejected, Blocked: c.Blocked, Unauthorized: c.Unauthorized, BytesOut: c.BytesOut,
	}
	if c.Address.IsValid() {
		dto.Address = c.Address.String()
	}
	if a.deps.Blocks != nil {
		if entry, ok := a.deps.Blocks.Find(c.Address, c.Key); ok {
			block := showBlock(&entry)
			dto.Block = &block
		}
	}
	for _, o := range c.Operations {
		dto.Operations = append(dto.Operations, clientOperationDTO{o.API, o.Name, o.Requests, o.AtLeast})
	}
	for _, p := range c.Points {
		dto.Points = append(dto.Points, clientPointDTO{stamp(p.At), p.Requests, showStatus(p.Status), p.Failed, p.Delayed, p.Rejected, p.Blocked})
	}
	return dto
}

type clientList struct {
	Clients []clientDTO `json:"clients"`
}

// clientMinutes is how far back clients are asked for.
func (q *query) clientMinutes() time.Duration {
	most := int(traffic.ClientWindow / time.Minute)
	return time.Duration(q.whole("minutes", most, 1, most)) * time.Minute
}

// listClients answers GET /traffic/clients, busiest first.
func (a *API) listClients(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Traffic == nil {
		return absent("traffic")
	}
	q := readQuery(r, "minutes", "limit")
	over, limit := q.clientMinutes(), q.limit()
	if q.err != nil {
		return q.err
	}
	list := clientList{Clients: []clientDTO{}}
	for _, c := range a.deps.Traffic.Clients(over, limit) {
		list.Clients = append(list.Clients, a.showClient(&c))
	}
	return answer(w, http.StatusOK, list)
}

// getClient answers GET /traffic/clients/{key}.
func (a *API) getClient(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Traffic == nil {
		return absent("traffic")
	}
	q := readQuery(r, "minutes")
	over := q.clientMinutes()
	if q.err != nil {
		return q.err
	}
	key := r.PathValue("key")
	c, ok := a.deps.Traffic.ClientByKey(key, over)
	if !ok {
		return fault.NotFound("the client %.100q is not among the busiest", key)
	}
	return answer(w, http.StatusOK, a.showClient(&c))
}

type requestDTO struct {
	ID        uint64  `json:"id"`
	At        stamp   `json:"at"`
	API       string  `json:"api,omitempty"`
	Operation string  `json:"operation,omitempty"`
	Method    string  `json:"method"`
	Path      string  `json:"path"`
	Query     string  `json:"query,omitempty"`
	Status    int     `json:"status,omitempty"`
	LatencyMS float64 `json:"latency_ms"`
	QueuedMS  float64 `json:"queued_ms,omitempty"`
	Client    string  `json:"client,omitempty"` // key
	User      string  `json:"user,omitempty"`
	Tier      string  `json:"tier,omitempty"`
	Verdict   string  `json:"verdict"`
	Policy    string  `json:"policy,omitempty"`
	Upstream  string  `json:"upstream,omitempty"`
	Error     string  `json:"error,omitempty"`
	RequestID string  `json:"request_id,omitempty"`
	UserAgent string  `json:"user_agent,omitempty"`
	Source    string  `json:"source"`
}

type requestList struct {
	Requests []requestDTO `json:"requests"`
}

// listRequests answers GET /traffic/requests: a sample of the last ones, newest
// first. Whoever asks with after= of the newest id that it has follows it.
func (a *API) listRequests(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Traffic == nil {
		return absent("traffic")
	}
	q := readQuery(r, "client", "api", "operation", "verdict", "failed", "after", "limit")
	f := traffic.RequestFilter{Client: q.text("client"), API: q.text("api"), Operation: q.text("operation"), Verdict: observe.Verdict(q.text("verdict"))}
	switch text := q.text("failed"); text {
	case "", "false":
	case "true":
		f.Failed = true
	default:
		q.fail(fault.Invalid("failed %.40q: want true or false", text))
	}
	if text := q.text("after"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			q.fail(fault.Invalid("after %.40q: want the id of a request", text))
		}
		f.After = n
	}
	limit := q.limit()
	if q.err != nil {
		return q.err
	}
	list := requestList{Requests: []requestDTO{}}
	for _, e := range a.deps.Traffic.Recent(f, limit) {
		list.Requests = append(list.Requests, requestDTO{
			ID: e.ID, At: stamp(e.Time), API: e.API, Operation: e.Operation, Method: e.Method, Path: e.Path, Query: e.Query, Status: e.Status,
			LatencyMS: millis(e.Duration), QueuedMS: millis(e.Phases.Queued), Client: e.ClientKey, User: e.User, Tier: e.Tier, Verdict: string(e.Verdict),
			Policy: e.Policy, Upstream: e.Upstream, Error: string(e.Error), RequestID: e.RequestID, UserAgent: e.UserAgent, Source: string(e.Source),
		})
	}
	return answer(w, http.StatusOK, list)
}
