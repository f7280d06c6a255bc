package checks

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// tracer derives trace ids from what a run is, instead of drawing and storing
// them: the same run always has the same id, and a million results need not
// keep sixteen bytes of noise each.
type tracer struct{ seed []byte }

// traceID is the W3C trace id of a run, 32 hex digits.
func (t tracer) traceID(check string, run RunID) string {
	sum := t.sum(check, run, 0, 0)
	return hex.EncodeToString(sum[:16])
}

// traceparent is the W3C header of one request of a run: version 00, sampled.
// https://www.w3.org/TR/trace-context/#traceparent-header
func (t tracer) traceparent(check string, run RunID, attempt, step int) string {
	span := t.sum(check, run, attempt+1, step+1)
	return "00-" + t.traceID(check, run) + "-" + hex.EncodeToString(span[:8]) + "-01"
}

func (t tracer) sum(check string, run RunID, attempt, step int) [sha256.Size]byte {
	b := make([]byte, 0, 96)
	b = append(b, t.seed...)
	b = append(b, check...)
	b = append(b, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(run))     // #nosec G115 -- bits, not a number
	b = binary.BigEndian.AppendUint32(b, uint32(attempt)) // #nosec G115 -- ten at most
	b = binary.BigEndian.AppendUint32(b, uint32(step))    // #nosec G115 -- fifty at most
	return sha256.Sum256(b)
}
