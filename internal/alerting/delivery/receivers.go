package delivery

import (
	"net/url"

	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"

	"lapwing.dev/lapwing/internal/fault"
)

// Receivers are the receivers of one configuration, ready to be used.
type Receivers struct{}

// Build makes the integrations of receivers: Alertmanager's and our own. Nothing
// is sent or changed. Paths in own are checked already (Own.Validate).
func (o *Outbox) Build(list []amconfig.Receiver, own Own, tmpl *template.Template) (*Receivers, error) {
	return nil, nil
}

// Integrations returns them by receiver, each around the outbox: what
// notify.PipelineBuilder takes.
func (r *Receivers) Integrations() map[string][]notify.Integration { return nil }

// Kinds returns the kinds of a receiver's channels, in order: slack, webhook.
func (r *Receivers) Kinds(receiver string) []string { return nil }

// Split takes the receiver kinds that are ours out of the text of an
// Alertmanager configuration (with the key `receivers`), which then is one that
// Alertmanager reads. No line changes its number. Paths of problems begin with
// "receivers".
func Split(text string) (alertmanagers string, own Own, problems fault.Problems) { return "", Own{}, nil }

// Own are the receiver kinds that Alertmanager has not got, by receiver.
type Own struct {
	SignedWebhooks map[string][]SignedWebhook
	Desktop        map[string]bool // receivers with desktop_configs
}

// SignedWebhook is one entry of signed_webhook_configs.
type SignedWebhook struct{}

// Validate checks what is written: URLs, secrets, templates. dir is the folder
// that relative paths are relative to.
func (o Own) Validate(tmpl *template.Template, dir string) fault.Problems { return nil }

// Templates returns Alertmanager's templates, ours over them, and the user's
// (paths or patterns) over these. external is what {{ .ExternalURL }} is.
func Templates(paths []string, external *url.URL) (*template.Template, error) { return nil, nil }

type (
	counts    struct{}
	laneKey   struct{}
	lane      struct{}
	escalated struct{}
)
