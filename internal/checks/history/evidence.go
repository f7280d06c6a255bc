package history

import (
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"lapwing.dev/lapwing/internal/checks"
)

// MaxEvidence is the most that one run's evidence takes, in bytes of JSON.
// Larger evidence is shortened: first its bodies, then its other texts, at last
// the attempts between the first and the deciding one.
const MaxEvidence = 64 << 10

// Archive turns evidence into compressed JSON and back. It is safe for
// concurrent use and starts no goroutine.
type Archive struct {
	zip   *zstd.Encoder
	unzip *zstd.Decoder
}

// NewArchive returns an archive; it needs no closing.
func NewArchive() (*Archive, error) {
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(MaxEvidence), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	unzip, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*MaxEvidence), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return &Archive{zip, unzip}, nil
}

// Pack encodes evidence, shortened if it has to be.
func (a *Archive) Pack(e *checks.Evidence) ([]byte, error) {
	text, err := json.Marshal(e)
	for _, limit := range [...]shortening{{1024, 2048, 100}, {256, 256, 20}, {0, 64, 5}} {
		if err != nil || len(text) <= MaxEvidence {
			break
		}
		text, err = json.Marshal(limit.apply(e))
	}
	if err == nil && len(text) > MaxEvidence { // hundreds of steps
		text, err = json.Marshal(checks.Evidence{Check: e.Check, Run: e.Run, TraceID: clipText(e.TraceID)})
	}
	if err != nil {
		return nil, fmt.Errorf("encode evidence of run %s: %w", e.Run, err)
	}
	return a.zip.EncodeAll(text, nil), nil
}

// Unpack decodes what Pack returned.
func (a *Archive) Unpack(data []byte) (*checks.Evidence, error) {
	text, err := a.unzip.DecodeAll(data, nil)
	if err != nil {
		return nil, ErrDamaged
	}
	var e checks.Evidence
	if json.Unmarshal(text, &e) != nil {
		return nil, ErrDamaged
	}
	return &e, nil
}

// shortening says how much of each part stays.
type shortening struct {
	body, text int // bytes
	list       int // elements
}

// apply returns a shortened copy; e stays as it is.
func (s shortening) apply(e *checks.Evidence) *checks.Evidence {
	short := *e
	short.Attempts = nil
	for i, attempt := range e.Attempts {
		if i == 0 || i == len(e.Attempts)-1 || len(e.Attempts) <= s.list {
			short.Attempts = append(short.Attempts, checks.AttemptEvidence{Steps: s.steps(attempt.Steps)})
		}
	}
	return &short
}

func (s shortening) steps(list []checks.StepEvidence) []checks.StepEvidence {
	short := append([]checks.StepEvidence(nil), list...)
	for i := range short {
		step := &short[i]
		step.Name, step.Curl, step.Error = s.cut(step.Name), s.cut(step.Curl), s.cut(step.Error)
		step.Request = s.message(step.Request)
		if step.Response != nil {
			response := s.message(*step.Response)
			step.Response = &response
		}
		step.Redirects = s.texts(step.Redirects)
		if step.TLS != nil {
			tls := *step.TLS
			tls.Subject, tls.Issuer, tls.DNSNames = s.cut(tls.Subject), s.cut(tls.Issuer), s.texts(tls.DNSNames)
			step.TLS = &tls
		}
		step.Assertions = append([]checks.Outcome(nil), head(step.Assertions, s.list)...)
		for j := range step.Assertions {
			outcome := &step.Assertions[j]
			outcome.Assertion, outcome.Detail = s.cut(outcome.Assertion), s.cut(outcome.Detail)
		}
		step.Captured = s.captured(step.Captured)
	}
	return short
}

func (s shortening) message(m checks.Message) checks.Message {
	m.Line = s.cut(m.Line)
	headers := m.Headers
	m.Headers = make([]checks.Header, 0, min(len(headers), s.list))
	for _, h := range head(headers, s.list) {
		m.Headers = append(m.Headers, checks.Header{Name: s.cut(h.Name), Value: s.cut(h.Value)})
	}
	if len(m.Body) > s.body {
		m.Body, m.Truncated = cutText(m.Body, s.body), true
	}
	return m
}

func (s shortening) captured(values map[string]string) map[string]string {
	if values == nil {
		return nil
	}
	short := make(map[string]string, min(len(values), s.list))
	for name, value := range values {
		if len(short) == s.list {
			break
		}
		short[s.cut(name)] = s.cut(value)
	}
	return short
}

func (s shortening) texts(list []string) []string {
	short := append([]string(nil), head(list, s.list)...)
	for i := range short {
		short[i] = s.cut(short[i])
	}
	return short
}

func (s shortening) cut(text string) string {
	if len(text) <= s.text {
		return text
	}
	return cutText(text, s.text) + "…"
}

func head[T any](list []T, n int) []T { return list[:min(n, len(list))] }
