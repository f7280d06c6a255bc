package accesslog

import (
	"fmt"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/fault"
)

// The names of formats.
const (
	Auto           = "auto"
	NginxCombined  = "nginx-combined"
	NginxJSON      = "nginx-json"
	ApacheCommon   = "apache-common"
	ApacheCombined = "apache-combined"
	Caddy          = "caddy"
	JSON           = "json"
	Uvicorn        = "uvicorn"
	Gunicorn       = "gunicorn"
	Pattern        = "pattern" // as which a format with {names} is shown
)

// MaxLine is the most bytes of a line that anybody reads. Servers bound request
// lines and headers at 8 KiB, so what is longer is no request's own.
const MaxLine = 64 << 10

// Formats lists the names that a configuration may say, in the order in which they
// are documented.
func Formats() []string {
	return []string{Auto, NginxCombined, NginxJSON, ApacheCombined, ApacheCommon, Caddy, JSON, Uvicorn, Gunicorn}
}

// Options of a parser.
type Options struct {
	// Format is one of Formats, or a pattern with {names}. "" is Auto.
	Format string
	// Fields are names in JSON lines that mean something, by ours (see Names). A
	// name may have dots for objects in objects.
	Fields map[string]string
	// Zone is that of times which do not say theirs; nil is the machine's.
	Zone *time.Location
}

// New returns a parser, or says what is wrong with the options and what would be
// right.
func New(o Options) (Parser, error) {
	zone := o.Zone
	if zone == nil {
		zone = time.Local
	}
	d := dates{zone: zone}
	isJSON := false
	var p Parser
	switch o.Format {
	case "", Auto:
		return newAuto(o.Fields, d)
	case NginxCombined:
		p = &common{name: NginxCombined, combined: true, ended: true, dates: d}
	case ApacheCombined:
		p = &common{name: ApacheCombined, combined: true, whole: time.Microsecond, dates: d}
	case ApacheCommon:
		p = &common{name: ApacheCommon, whole: time.Microsecond, dates: d}
	case Gunicorn:
		p = &common{name: Gunicorn, whole: time.Microsecond, ended: true, dates: d}
	case Uvicorn:
		p = newUvicorn(d)
	case NginxJSON, Caddy, JSON:
		isJSON = true
		parser, err := newObjects(o.Format, o.Fields, d)
		if err != nil {
			return nil, err
		}
		p = parser
	default:
		if !strings.ContainsAny(o.Format, "{$") {
			if hint := fault.DidYouMean(o.Format, Formats()); hint != "" {
				return nil, fmt.Errorf("unknown format %q; %s", o.Format, hint)
			}
			return nil, fmt.Errorf("unknown format %q; write one of %s, or a pattern such as {client} [{time}] \"{method} {path}\" {status}", o.Format, strings.Join(Formats(), ", "))
		}
		parser, err := newPattern(o.Format, d)
		if err != nil {
			return nil, err
		}
		p = parser
	}
	if len(o.Fields) > 0 && !isJSON {
		return nil, fmt.Errorf("fields are names in JSON lines; the format %s has none", p.Format())
	}
	return p, nil
}

func newUvicorn(d dates) *uvicorn {
	return &uvicorn{common{name: Uvicorn, whole: time.Microsecond, dates: d}}
}
