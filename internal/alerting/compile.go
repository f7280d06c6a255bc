package alerting

import (
	"cmp"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	amconfig "github.com/prometheus/alertmanager/config"
	amcommon "github.com/prometheus/alertmanager/config/common"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/matcher/compat"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/alertmanager/timeinterval"
	"github.com/prometheus/common/model"

	"lapwing.dev/lapwing/internal/alerting/delivery"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
)

// plan is a configuration, ready to be used.
type plan struct {
	config      *amconfig.Config
	route       *dispatch.Route
	own         delivery.Own
	templates   *template.Template
	intervals   *timeinterval.Intervener
	receivers   *delivery.Receivers // nil until compile
	settings    delivery.Settings
	escalations []Escalation // as settings.Steps, for people
	shown       string       // the configuration, for clients of the API
	external    string       // as configured, without a slash at the end
	history     time.Duration
}

const (
	defaultHistory = 90 * units.Day
	defaultGiveUp  = 24 * time.Hour
)

// Validate checks a configuration without using it. Paths of problems begin at the
// file's root: "receivers[0].slack_configs[0].channel", "alerting.escalations[0].to".
func (c *Config) Validate() fault.Problems {
	utf8Names()
	_, problems := c.read("")
	return problems
}

// compile checks a configuration and makes what it asks for, without changing
// anything that runs.
func (m *Manager) compile(c *Config) (*plan, error) {
	external := ""
	if m.deps.ExternalURL != nil {
		external = m.deps.ExternalURL()
	}
	p, problems := c.read(external)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	var err error
	if p.receivers, err = m.outbox.Build(p.config.Receivers, p.own, p.templates); err != nil {
		problems.Add("receivers", "", "%s", harmless(err.Error()))
		return nil, problems
	}
	return p, nil
}

// read makes a plan of everything but the receivers.
func (c *Config) read(external string) (*plan, fault.Problems) {
	p := &plan{history: defaultHistory}
	var problems fault.Problems
	p.section(&c.Alerting, &problems)
	source, found := c.assemble()
	problems = append(problems, found...)
	if len(found) > 0 {
		return p, problems
	}
	text, own, found := delivery.Split(source.text)
	if len(found) > 0 {
		return p, append(problems, source.place(found)...)
	}
	conf, err := amconfig.Load(text)
	if err != nil {
		return p, append(problems, source.explain(err, text)...)
	}
	if p.config, p.own = conf, own; source.bare {
		p.own = own.WithDesktop(defaultReceiver)
	}
	resolveFiles(conf, source.dir)
	if source.file == "" {
		conf.Templates = slices.Clone(c.Templates)
	}
	for i, path := range conf.Templates {
		conf.Templates[i] = inFolder(source.dir, path)
	}
	p.named(c.Named, &problems)
	p.steps(c.Alerting.Escalations, &problems)
	link, err := url.Parse(cmp.Or(p.external, external))
	if err != nil {
		link = &url.URL{}
	}
	if p.templates, err = delivery.Templates(conf.Templates, link); err != nil {
		problems.Add(source.templates(), "", "%s", err.Error())
		return p, problems
	}
	problems = append(problems, source.place(p.own.Validate(p.templates, source.dir))...)
	intervals := map[string][]timeinterval.TimeInterval{}
	for _, t := range conf.MuteTimeIntervals {
		intervals[t.Name] = t.TimeIntervals
	}
	for _, t := range conf.TimeIntervals {
		intervals[t.Name] = t.TimeIntervals
	}
	p.intervals = timeinterval.NewIntervener(intervals)
	p.route, p.shown = dispatch.NewRoute(conf.Route, nil), shown(conf)
	return p, problems
}

// section takes what the section `alerting` says, besides escalations.
func (p *plan) section(s *Section, problems *fault.Problems) {
	p.settings.GiveUp = defaultGiveUp
	if s.ExternalURL != "" {
		link, err := url.Parse(s.ExternalURL)
		if err != nil || (link.Scheme != "http" && link.Scheme != "https") || link.Host == "" {
			problems.Add("alerting.external_url", "it is how people reach this server: https://lapwing.example.com", "%q is no address of a web page", s.ExternalURL)
		} else {
			p.external = strings.TrimSuffix(s.ExternalURL, "/")
		}
	}
	switch {
	case s.History < 0:
		problems.Add("alerting.history", "such as 90d", "how long is remembered cannot be negative")
	case s.History > 0:
		p.history = s.History.Std()
	}
	switch {
	case s.GiveUp < 0:
		problems.Add("alerting.give_up", "such as 24h", "how long a notification is tried cannot be negative")
	case s.GiveUp > 0:
		p.settings.GiveUp = s.GiveUp.Std()
	}
}

// receiverNames lists the configured receivers.
func (p *plan) receiverNames() []string {
	names := make([]string, len(p.config.Receivers))
	for i := range p.config.Receivers {
		names[i] = p.config.Receivers[i].Name
	}
	return names
}

// named puts routes first by which receivers get what names them (LabelNotify),
// instead of whom the route would choose.
func (p *plan) named(list []Named, problems *fault.Problems) {
	if len(list) == 0 {
		return
	}
	known := p.receiverNames()
	root := p.config.Route
	first := &amconfig.Route{Receiver: root.Receiver, Matchers: matchers(labels.MatchNotEqual, "")}
	var names []string
	for _, n := range list {
		switch {
		case !slices.Contains(known, n.Receiver):
			problems.Add(n.Path, receiverHint(n.Receiver, known), "there is no receiver %q", n.Receiver)
		case strings.Contains(n.Receiver, ","):
			problems.Add(n.Path, "give it a name without a comma", "the receiver %q cannot be named here", n.Receiver)
		default:
			names = append(names, n.Receiver)
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		first.Routes = append(first.Routes, &amconfig.Route{
			Receiver: name, Continue: true, Matchers: matchers(labels.MatchRegexp, "(?:.*,)?"+regexp.QuoteMeta(name)+"(?:,.*)?"),
		})
	}
	root.Routes = slices.Insert(root.Routes, 0, first)
}

// receiverHint says which receiver may have been meant.
func receiverHint(name string, known []string) string {
	if hint := fault.DidYouMean(name, known); hint != "" {
		return hint
	}
	return "receivers are " + strings.Join(known, ", ")
}

// matchers is one matcher of the label by which alerts name their receivers.
func matchers(kind labels.MatchType, value string) amcommon.Matchers {
	m, err := labels.NewMatcher(kind, LabelNotify, value)
	if err != nil {
		return nil // a quoted name always compiles
	}
	return amcommon.Matchers{m}
}

// steps takes the escalations.
func (p *plan) steps(list []Escalation, problems *fault.Problems) {
	known := p.receiverNames()
	for i, e := range list {
		path := func(key string) string { return "alerting.escalations[" + itoa(i) + "]." + key }
		step := delivery.Step{After: e.After.Std(), To: e.To}
		if e.After <= 0 {
			problems.Add(path("after"), "such as 10m", "it must say after how long without acknowledgement the next receiver is told")
		}
		switch {
		case e.To == "":
			problems.Add(path("to"), "a name of receivers:", "it must say which receiver is told then")
		case !slices.Contains(known, e.To):
			problems.Add(path("to"), receiverHint(e.To, known), "there is no receiver %q", e.To)
		}
		for j, text := range e.Match {
			m, err := compat.Matchers(text, "config")
			if err != nil {
				problems.Add(path("match["+itoa(j)+"]"), `such as 'severity="critical"'`, "%s", err.Error())
				continue
			}
			step.Match = append(step.Match, m...)
		}
		p.settings.Steps, p.escalations = append(p.settings.Steps, step), append(p.escalations, e)
	}
}

// escalates returns the escalations of an alert with labels.
func (p *plan) escalates(set model.LabelSet) []Escalation {
	var list []Escalation
	for i, step := range p.settings.Steps {
		if step.Match.Matches(set) {
			list = append(list, p.escalations[i])
		}
	}
	return list
}

// integrations returns the channels of all receivers, each behind what keeps from
// it what it knows.
func (p *plan) integrations(m *Manager) map[string][]notify.Integration {
	all := map[string][]notify.Integration{}
	for _, name := range p.receiverNames() {
		all[name] = nil // a receiver without a channel is one that nobody hears of
	}
	for name, list := range p.receivers.Integrations() {
		for _, i := range list {
			c := &channel{Integration: i, key: name + "\x1f" + i.String(), m: m}
			all[name] = append(all[name], notify.NewIntegration(c, &c.Integration, i.Name(), i.Index(), name))
		}
	}
	return all
}

// inFolder is a path as the configuration's folder sees it.
func inFolder(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
