package api

import (
	"math"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

// What stands here is what clients see. The domains' own types may change.

// stamp is a time as the API writes it.
type stamp time.Time

// stampLayout is RFC 3339 with milliseconds.
const stampLayout = "2006-01-02T15:04:05.000Z07:00"

// MarshalText implements encoding.TextMarshaler.
func (s stamp) MarshalText() ([]byte, error) {
	return []byte(time.Time(s).UTC().Format(stampLayout)), nil
}

// IsZero is what omitzero asks.
func (s stamp) IsZero() bool { return time.Time(s).IsZero() }

// millis is a duration in milliseconds, exact to a microsecond.
func millis(d time.Duration) float64 { return math.Round(float64(d)/1e3) / 1e3 }

type checkDTO struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	API         string            `json:"api,omitempty"`
	Operation   string            `json:"operation,omitempty"`
	Method      string            `json:"method"`
	Target      string            `json:"target"`
	Steps       []string          `json:"steps,omitempty"`
	Assert      []string          `json:"assert,omitempty"`
	Schedule    string            `json:"schedule"`
	IntervalMS  float64           `json:"interval_ms"`
	TimeoutMS   float64           `json:"timeout_ms"`
	Labels      map[string]string `json:"labels,omitempty"`
	DependsOn   []string          `json:"depends_on,omitempty"`
	State       checks.Status     `json:"state"`
	Since       stamp             `json:"since,omitzero"`
	Reason      string            `json:"reason,omitempty"`
	BecauseOf   string            `json:"because_of,omitempty"`
	Failures    int               `json:"failures"`
	Flaky       bool              `json:"flaky"`
	PausedBy    string            `json:"paused_by,omitempty"`
	Running     bool              `json:"running"`
	Next        stamp             `json:"next,omitzero"`
	Missed      uint64            `json:"missed"`
	CertExpires stamp             `json:"cert_expires,omitzero"`
	Last        *resultDTO        `json:"last,omitempty"`
	RecentMS    []float64         `json:"recent_ms,omitempty"`
}

func showCheck(v *checks.View) checkDTO {
	dto := checkDTO{
		ID: v.ID, Name: v.Name, API: v.API, Operation: v.Operation, Method: v.Method, Target: v.Target,
		Steps: v.Steps, Assert: v.Asserts, Schedule: v.Schedule, IntervalMS: millis(v.Interval), TimeoutMS: millis(v.Timeout),
		Labels: v.Labels, DependsOn: v.DependsOn, State: v.State, Since: stamp(v.Since), Reason: v.Reason, BecauseOf: v.BecauseOf,
		Failures: v.Failures, Flaky: v.Flaky, PausedBy: v.PausedBy, Running: v.Running, Next: stamp(v.Next), Missed: v.Missed,
		CertExpires: stamp(v.CertExpires),
	}
	if v.Last != nil && len(v.Last.Attempts) > 0 {
		last := showResult(v.Last)
		dto.Last = &last
	}
	for _, latency := range v.Recent {
		dto.RecentMS = append(dto.RecentMS, millis(latency))
	}
	return dto
}

type resultDTO struct {
	Check     string        `json:"check"`
	Run       checks.RunID  `json:"run"`
	At        stamp         `json:"at"`
	Status    checks.Status `json:"status"`
	State     checks.Status `json:"state"`
	Flaky     bool          `json:"flaky"`
	LatencyMS float64       `json:"latency_ms"`
	Code      int           `json:"code,omitempty"`
	Class     probe.Class   `json:"class,omitempty"`
	Reason    string        `json:"reason,omitempty"`
	Attempts  []attemptDTO  `json:"attempts"`
	Evidence  bool          `json:"evidence,omitempty"` // the list says so; it is kept
}

type attemptDTO struct {
	OffsetMS  float64       `json:"offset_ms"`
	Status    checks.Status `json:"status"`
	LatencyMS float64       `json:"latency_ms"`
	Phases    phasesDTO     `json:"phases"`
	Code      int           `json:"code,omitempty"`
	Size      int64         `json:"size"`
	Class     probe.Class   `json:"class,omitempty"`
	Reason    string        `json:"reason,omitempty"`
}

type phasesDTO struct {
	DNS      float64 `json:"dns_ms"`
	Connect  float64 `json:"connect_ms"`
	TLS      float64 `json:"tls_ms"`
	TTFB     float64 `json:"ttfb_ms"`
	Transfer float64 `json:"transfer_ms"`
}

func showPhases(p probe.Phases) phasesDTO {
	return phasesDTO{millis(p.DNS), millis(p.Connect), millis(p.TLS), millis(p.TTFB), millis(p.Transfer)}
}

func showResult(r *checks.Result) resultDTO {
	dto := resultDTO{
		Check: r.Check, Run: r.Run, At: stamp(r.At()), Status: r.Status, State: r.State,
		Flaky: r.Flaky(), Attempts: make([]attemptDTO, len(r.Attempts)),
	}
	for i, a := range r.Attempts {
		dto.Attempts[i] = attemptDTO{
			OffsetMS: millis(a.Offset), Status: a.Status, LatencyMS: millis(a.Phases.Total()), Phases: showPhases(a.Phases),
			Code: a.Code, Size: a.Size, Class: a.Class, Reason: a.Reason,
		}
	}
	if len(r.Attempts) > 0 { // always, but a damaged history must not break the page
		last := r.Last()
		dto.LatencyMS, dto.Code, dto.Class, dto.Reason = millis(last.Phases.Total()), last.Code, last.Class, last.Reason
	}
	return dto
}

type evidenceDTO struct {
	Attempts []attemptEvidenceDTO `json:"attempts"`
}

type attemptEvidenceDTO struct {
	Steps []stepDTO `json:"steps"`
}

type stepDTO struct {
	Name       string            `json:"name,omitempty"`
	Curl       string            `json:"curl"`
	Request    messageDTO        `json:"request"`
	Response   *messageDTO       `json:"response,omitempty"`
	Phases     phasesDTO         `json:"phases"`
	RemoteAddr string            `json:"remote_addr,omitempty"`
	Redirects  []string          `json:"redirects,omitempty"`
	TLS        *tlsDTO           `json:"tls,omitempty"`
	Assertions []assertionDTO    `json:"assertions,omitempty"`
	Captured   map[string]string `json:"captured,omitempty"`
	Class      probe.Class       `json:"class,omitempty"`
	Error      string            `json:"error,omitempty"`
	Skipped    bool              `json:"skipped"`
}

type messageDTO struct {
	Line      string      `json:"line"`
	Headers   []headerDTO `json:"headers"`
	Body      string      `json:"body,omitempty"`
	Size      int64       `json:"size"`
	Truncated bool        `json:"truncated"`
}

type headerDTO struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type tlsDTO struct {
	Version  string   `json:"version"`
	Cipher   string   `json:"cipher"`
	Expires  stamp    `json:"expires,omitzero"`
	Leaf     stamp    `json:"leaf_expires,omitzero"`
	Subject  string   `json:"subject,omitempty"`
	Issuer   string   `json:"issuer,omitempty"`
	DNSNames []string `json:"dns_names,omitempty"`
	ALPN     string   `json:"alpn,omitempty"`
}

type assertionDTO struct {
	Assertion string `json:"assertion"`
	Holds     bool   `json:"holds"`
	Degrades  bool   `json:"degrades"`
	Detail    string `json:"detail,omitempty"`
}

func showEvidence(e *checks.Evidence) *evidenceDTO {
	if e == nil {
		return nil
	}
	dto := &evidenceDTO{Attempts: make([]attemptEvidenceDTO, len(e.Attempts))}
	for i, attempt := range e.Attempts {
		steps := make([]stepDTO, len(attempt.Steps))
		for j := range attempt.Steps {
			steps[j] = showStep(&attempt.Steps[j])
		}
		dto.Attempts[i].Steps = steps
	}
	return dto
}

func showStep(s *checks.StepEvidence) stepDTO {
	dto := stepDTO{
		Name: s.Name, Curl: s.Curl, Request: showMessage(&s.Request), Phases: showPhases(s.Phases), RemoteAddr: s.RemoteAddr,
		Redirects: s.Redirects, Captured: s.Captured, Class: s.Class, Error: s.Error, Skipped: s.Skipped,
	}
	if s.Response != nil {
		response := showMessage(s.Response)
		dto.Response = &response
	}
	if t := s.TLS; t != nil {
		dto.TLS = &tlsDTO{t.Version, t.Cipher, stamp(t.Expires), stamp(t.Leaf), t.Subject, t.Issuer, t.DNSNames, t.ALPN}
	}
	for _, a := range s.Assertions {
		dto.Assertions = append(dto.Assertions, assertionDTO(a))
	}
	return dto
}

func showMessage(m *checks.Message) messageDTO {
	dto := messageDTO{Line: m.Line, Headers: make([]headerDTO, len(m.Headers)), Body: m.Body, Size: m.Size, Truncated: m.Truncated}
	for i, h := range m.Headers {
		dto.Headers[i] = headerDTO(h)
	}
	return dto
}

type rollupDTO struct {
	Start    stamp    `json:"start"`
	Up       uint32   `json:"up"`
	Degraded uint32   `json:"degraded"`
	Down     uint32   `json:"down"`
	Flaky    uint32   `json:"flaky"`
	Missed   uint32   `json:"missed"`
	MeanMS   *float64 `json:"latency_mean_ms,omitempty"` // absent when every run was down
	MinMS    *float64 `json:"latency_min_ms,omitempty"`
	MaxMS    *float64 `json:"latency_max_ms,omitempty"`
}

func showRollup(r *checks.Rollup) rollupDTO {
	dto := rollupDTO{Start: stamp(r.Start), Up: r.Up, Degraded: r.Degraded, Down: r.Down, Flaky: r.Flaky, Missed: r.Missed}
	if r.Up+r.Degraded > 0 {
		mean, least, most := millis(r.Mean()), millis(r.LatencyMin), millis(r.LatencyMax)
		dto.MeanMS, dto.MinMS, dto.MaxMS = &mean, &least, &most
	}
	return dto
}

type shareDTO struct {
	Good  uint64   `json:"good"`
	Total uint64   `json:"total"`
	Ratio *float64 `json:"ratio,omitempty"` // absent when there were no runs
}

func showShare(s checks.Share) shareDTO {
	dto := shareDTO{Good: s.Good, Total: s.Total}
	if ratio, ok := s.Ratio(); ok {
		dto.Ratio = &ratio
	}
	return dto
}

type transitionDTO struct {
	Check  string        `json:"check"`
	At     stamp         `json:"at"`
	From   checks.Status `json:"from"`
	To     checks.Status `json:"to"`
	Reason string        `json:"reason,omitempty"`
	Run    checks.RunID  `json:"run,omitempty"`
	By     string        `json:"by,omitempty"`
}

func showTransition(t *checks.Transition) transitionDTO {
	return transitionDTO{t.Check, stamp(t.At), t.From, t.To, t.Reason, t.Run, t.By}
}

type tokenDTO struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Scopes    []access.Scope `json:"scopes"`
	CreatedAt stamp          `json:"created_at"`
	CreatedBy string         `json:"created_by,omitempty"`
	ExpiresAt stamp          `json:"expires_at,omitzero"`
	LastUsed  stamp          `json:"last_used_at,omitzero"`
	Expired   bool           `json:"expired"`
	Token     string         `json:"token,omitempty"` // once, in the answer that made it
}

func showToken(t *access.Token) tokenDTO {
	return tokenDTO{
		ID: t.ID, Name: t.Name, Scopes: t.Scopes, CreatedAt: stamp(t.Created), CreatedBy: t.CreatedBy,
		ExpiresAt: stamp(t.Expires), LastUsed: stamp(t.LastUsed), Expired: t.Expired(time.Now()),
	}
}

// scopeNames lists scopes for a sentence.
func scopeNames(list []access.Scope) string {
	if len(list) == 0 {
		return "none"
	}
	names := make([]string, len(list))
	for i, scope := range list {
		names[i] = string(scope)
	}
	return strings.Join(names, ", ")
}
