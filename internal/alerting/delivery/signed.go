package delivery

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
	"golang.org/x/net/http/httpguts"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/units"
)

// KindSignedWebhook is the kind of channel that signs what it sends, by Standard Webhooks.
const KindSignedWebhook = "signed_webhook"

// SignedWebhook is one entry of signed_webhook_configs.
type SignedWebhook struct {
	// URL that gets a POST. It may be a secret.
	URL secret.String
	// Secret that signs: whsec_ and 24 to 64 random bytes in base64. One of secret and secret_file.
	Secret     secret.String
	SecretFile string
	// Template is a Go template of the body, with Alertmanager's data and functions. Default: JSON, see docs.
	Template string
	// Headers to send as well.
	Headers map[string]secret.String
	// Timeout of a try. Default: 10s.
	Timeout time.Duration
	// SendResolved: also tell what ended. Default: true.
	SendResolved *bool

	path string // of the entry in the configuration
	key  []byte // of the secret, by validate
}

func (w *SignedWebhook) sendResolved() bool { return w.SendResolved == nil || *w.SendResolved }

const signedFields = "url, secret, secret_file, template, headers, timeout, send_resolved"

// read takes in the fields as the file has them.
func (w *SignedWebhook) read(fields map[string]any) fault.Problems {
	var problems fault.Problems
	text := func(name string, value any) string {
		s, ok := value.(string)
		if !ok {
			problems.Add(name, "write it in quotes", "it is not a text")
		}
		return s
	}
	for name, value := range fields {
		switch name {
		case "url":
			w.URL = secret.New(text(name, value))
		case "secret":
			w.Secret = secret.New(text(name, value))
		case "secret_file":
			w.SecretFile = text(name, value)
		case "template":
			w.Template = text(name, value)
		case "timeout":
			d, err := units.ParseDuration(text(name, value))
			if err != nil {
				problems.Add(name, "as in 10s", "%s", err)
			}
			w.Timeout = time.Duration(d)
		case "send_resolved":
			b, ok := value.(bool)
			if !ok {
				problems.Add(name, "true or false", "it is neither true nor false")
			}
			w.SendResolved = &b
		case "headers":
			headers, ok := value.(map[string]any)
			if !ok {
				problems.Add(name, "names and values, as in {X-Team: shop}", "it is not a mapping")
			}
			w.Headers = map[string]secret.String{}
			for header, v := range headers {
				w.Headers[header] = secret.New(text(name+"."+header, v))
			}
		default:
			problems.Add(name, "it has "+signedFields, "unknown field %q", name)
		}
	}
	return problems
}

// Bounds of the configuration.
const (
	minKey, maxKey = 24, 64 // bytes of a secret, by Standard Webhooks
	maxTimeout     = time.Minute
	defaultTimeout = 10 * time.Second
	maxSecretFile  = 4 << 10
)

// reservedHeaders are set by the channel itself.
func reservedHeaders() []string {
	return []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "Content-Length", "Host", "Transfer-Encoding", "Connection"}
}

func (w *SignedWebhook) validate(tmpl *template.Template, dir string) fault.Problems {
	var problems fault.Problems
	u, err := url.Parse(w.URL.Reveal())
	switch {
	case w.URL.IsZero():
		problems.Add("", "url: https://example.com/hooks/alerts", "url is missing")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		problems.Add("url", "an address that begins with https:// or http://", "this is no address of a web server")
	}
	w.readSecret(&problems, dir)
	if w.Timeout < 0 || w.Timeout > maxTimeout {
		problems.Add("timeout", "at most 1m: what takes longer is tried again anyway", "it is too long")
	}
	for name, value := range w.Headers {
		at := "headers." + name
		switch {
		case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value.Reveal()):
			problems.Add(at, "", "this is no header")
		case slices.Contains(reservedHeaders(), http.CanonicalHeaderKey(name)):
			problems.Add(at, "leave it out", "this header is set by the signature")
		}
	}
	if w.Template != "" {
		if _, err := tmpl.ExecuteTextString(w.Template, exampleData(tmpl)); err != nil {
			problems.Add("template", "", "%s", strings.TrimPrefix(err.Error(), "template: "))
		}
	}
	return problems
}

// readSecret decodes the secret of the file or of the configuration.
func (w *SignedWebhook) readSecret(problems *fault.Problems, dir string) {
	const howto = `make one with: echo "whsec_$(openssl rand -base64 32)"`
	at, text := "secret", w.Secret.Reveal()
	switch {
	case w.SecretFile != "" && text != "":
		problems.Add("secret_file", "leave one of them out", "there is a secret as well")
		return
	case w.SecretFile != "":
		at = "secret_file"
		path := w.SecretFile
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		b, err := readBounded(path)
		if err != nil {
			problems.Add(at, "", "%s", err)
			return
		}
		text = strings.TrimSpace(string(b))
	case text == "":
		problems.Add("", howto, "secret is missing")
		return
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
	switch {
	case err != nil:
		problems.Add(at, howto, "it is not whsec_ and base64")
	case len(key) < minKey || len(key) > maxKey:
		problems.Add(at, howto, "it has %d bytes; Standard Webhooks asks for %d to %d", len(key), minKey, maxKey)
	default:
		w.key = key
	}
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSecretFile))
}

// signed sends to one signed webhook.
type signed struct {
	conf   *SignedWebhook
	secret secret.String
	tmpl   *template.Template
	client *http.Client
}

func newSigned(w *SignedWebhook, tmpl *template.Template) (*signed, error) {
	if w.key == nil {
		return nil, errors.New(w.path + ": the secret was not read")
	}
	return &signed{
		conf: w, tmpl: tmpl,
		secret: secret.New(base64.StdEncoding.EncodeToString(w.key)),
		client: &http.Client{
			// A redirect would hand the message, signed, to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
				TLSHandshakeTimeout: defaultTimeout, ResponseHeaderTimeout: maxTimeout, IdleConnTimeout: time.Minute,
				MaxIdleConnsPerHost: maxAtOnce, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
			},
		},
	}, nil
}

// Notify implements notify.Notifier.
func (s *signed) Notify(ctx context.Context, alerts ...*alert.Alert) (retry bool, err error) {
	now := time.Now()
	data := notify.GetTemplateData(ctx, s.tmpl, alerts, slog.New(slog.DiscardHandler))
	var body []byte
	if s.conf.Template == "" {
		message := messageOf(data, now)
		message.Data.Receiver, _ = notify.ReceiverName(ctx) // Alertmanager's data have it as a regular expression
		body, err = json.Marshal(message)
	} else {
		var text string
		text, err = s.tmpl.ExecuteTextString(s.conf.Template, data)
		body = []byte(text)
	}
	if err != nil {
		return false, fmt.Errorf("write the message: %w", err)
	}
	timeout := s.conf.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s", timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.conf.URL.Reveal(), bytes.NewReader(body))
	if err != nil {
		return false, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	for name, value := range s.conf.Headers {
		req.Header.Set(name, value.Reveal())
	}
	sign(req.Header, s.conf.key, messageID(ctx), now, body)
	resp, err := s.client.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return true, cause
		}
		return true, err
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 2*maxError)) // only to be shown
	return judgeStatus(resp, said, now)
}

// sign adds the headers of Standard Webhooks (standardwebhooks.com, version 1):
// HMAC-SHA256 over "id.timestamp.body".
func sign(h http.Header, key []byte, id string, at time.Time, body []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", stamp)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// judgeStatus says what an answer means.
func judgeStatus(resp *http.Response, said []byte, now time.Time) (retry bool, err error) {
	code := resp.StatusCode
	if code/100 == 2 {
		return false, nil
	}
	err = fmt.Errorf("unexpected status code %d", code)
	if text := strings.TrimSpace(string(said)); text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	switch {
	case code == http.StatusTooManyRequests:
		return true, &Later{After: max(retryAfterHeader(resp.Header, now), time.Second), Err: err}
	case code/100 == 5:
		if after := retryAfterHeader(resp.Header, now); after > 0 {
			return true, &Later{After: after, Err: err}
		}
		return true, err
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly:
		return true, err
	}
	return false, err
}

// retryAfterHeader reads Retry-After, in seconds or as a date (RFC 9110 §10.2.3).
func retryAfterHeader(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), int(maxAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxAfter)
	}
	return 0
}
