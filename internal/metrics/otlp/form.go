package otlp

import (
	"encoding/json"
	"fmt"
	"net/http"

	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/protobuf/encoding/protowire"

	"lapwing.dev/lapwing/internal/metrics/untrusted"
)

// form is one of the two in which OTLP is written.
type form struct {
	kind   string // Content-Type
	limit  int64  // bytes; JSON's small objects become large structs
	bound  func(body []byte, most int) error
	decode func(pmetricotlp.ExportRequest, []byte) error
	encode func(pmetricotlp.ExportResponse) ([]byte, error)
	status func(code int, text string) []byte
}

var forms = map[string]form{
	"application/x-protobuf": {
		"application/x-protobuf", maxBody, untrusted.Protobuf,
		pmetricotlp.ExportRequest.UnmarshalProto, pmetricotlp.ExportResponse.MarshalProto, statusProto,
	},
	"application/json": {
		"application/json", maxBody, untrusted.JSON,
		pmetricotlp.ExportRequest.UnmarshalJSON, pmetricotlp.ExportResponse.MarshalJSON, statusJSON,
	},
}

// read decodes a request within bounds. The error is the sender's mistake.
func (f *form) read(w http.ResponseWriter, q *http.Request) (pmetricotlp.ExportRequest, error) {
	request := pmetricotlp.NewExportRequest()
	body, err := untrusted.Body(http.MaxBytesReader(w, q.Body, f.limit), q.Header.Get("Content-Encoding"), f.limit)
	if err != nil {
		return request, err
	}
	if err := f.bound(body, maxParts); err != nil {
		return request, err
	}
	if err := f.decode(request, body); err != nil {
		return request, fmt.Errorf("the body cannot be read: %w", err)
	}
	return request, nil
}

// answer says that a request was taken, and what of it was not.
func (f *form) answer(w http.ResponseWriter, o *outcome) {
	response := pmetricotlp.NewExportResponse()
	if o.rejected > 0 {
		response.PartialSuccess().SetRejectedDataPoints(int64(o.rejected))
		response.PartialSuccess().SetErrorMessage(o.reasons())
	}
	body, err := f.encode(response)
	if err != nil {
		f.fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", f.kind)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) //nolint:errcheck // the client has gone: nobody to tell
}

// Codes of gRPC that a Status has.
const (
	codeInvalid     = 3
	codeUnavailable = 14
)

// fail answers with a google.rpc.Status, as the protocol wants it.
func (f *form) fail(w http.ResponseWriter, code int, text string) {
	grpc := codeInvalid
	if code >= http.StatusInternalServerError {
		grpc = codeUnavailable
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = w.Write(f.status(grpc, text)) //nolint:errcheck // the client has gone: nobody to tell
}

func statusProto(code int, text string) []byte {
	body := protowire.AppendTag(nil, 1, protowire.VarintType)
	body = protowire.AppendVarint(body, uint64(code)) // #nosec G115 -- one of two
	body = protowire.AppendTag(body, 2, protowire.BytesType)
	return protowire.AppendString(body, text)
}

func statusJSON(code int, text string) []byte {
	body, err := json.Marshal(struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}{code, text})
	if err != nil { // cannot be: a number and a text
		return nil
	}
	return body
}
