package delivery

import (
	"log/slog"
	"reflect"

	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/config/receiver"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
	commoncfg "github.com/prometheus/common/config"
)

// Receivers are the receivers of one configuration, ready to be used.
type Receivers struct {
	integrations map[string][]notify.Integration
	channels     map[channelKey]*channel
	kinds        map[string][]string
	order        map[string][]*channel
}

// Build makes the channels of receivers, Alertmanager's and our own, each around
// the outbox. Nothing is sent or changed.
func (o *Outbox) Build(list []amconfig.Receiver, own Own, tmpl *template.Template) (*Receivers, error) {
	r := &Receivers{
		integrations: map[string][]notify.Integration{}, channels: map[channelKey]*channel{},
		kinds: map[string][]string{}, order: map[string][]*channel{},
	}
	for i := range list {
		conf := adapted(&list[i])
		name := conf.Name
		made, err := receiver.BuildReceiverIntegrations(conf, tmpl, slog.New(slog.DiscardHandler), bounded()...)
		if err != nil {
			return nil, err
		}
		clean := newCleaner(conf)
		r.integrations[name] = nil
		for j := range made {
			in := &made[j]
			r.add(&channel{
				key: channelKey{name, in.Name(), in.Index()}, notifier: in, resolved: in.SendResolved(),
				clean: clean, outbox: o,
			})
		}
		for j, w := range own.signed(name) {
			n, err := newSigned(w, tmpl)
			if err != nil {
				return nil, err
			}
			r.add(&channel{
				key: channelKey{name, KindSignedWebhook, j}, notifier: n, resolved: w.sendResolved(),
				clean: newCleaner(w, n.secret), outbox: o,
			})
		}
		// Whoever looks at a page is told of what anybody is told of.
		if len(r.integrations[name]) > 0 || own.desktop(name) {
			r.integrations[name] = append(r.integrations[name], notify.NewIntegration(o.desktop, sends(true), KindDesktop, 0, name))
		}
		if own.desktop(name) {
			r.kinds[name] = append(r.kinds[name], KindDesktop)
		}
	}
	return r, nil
}

// userAgent is what receivers see. Alertmanager's own name would mislead whoever looks at their log.
const userAgent = "Lapwing"

func (r *Receivers) add(c *channel) {
	name := c.key.receiver
	r.channels[c.key] = c
	r.order[name] = append(r.order[name], c)
	r.kinds[name] = append(r.kinds[name], c.key.kind)
	r.integrations[name] = append(r.integrations[name], notify.NewIntegration(c, sends(c.resolved), c.key.kind, c.key.index, name))
}

// Integrations returns the channels by receiver: what notify.PipelineBuilder takes.
func (r *Receivers) Integrations() map[string][]notify.Integration { return r.integrations }

// Kinds returns the kinds of a receiver's channels, in order: slack, webhook.
func (r *Receivers) Kinds(receiver string) []string { return r.kinds[receiver] }

func (r *Receivers) channel(key channelKey) *channel { return r.channels[key] }

// has reports whether there is such a receiver, be it one that tells nobody.
func (r *Receivers) has(name string) bool {
	_, ok := r.integrations[name]
	return ok
}

// sends implements notify.ResolvedSender.
type sends bool

func (s sends) SendResolved() bool { return bool(s) }

// adapted returns a copy of a receiver that follows no redirects, and whose mails
// have a plain text beside the HTML. A message is a POST: a redirect makes a GET
// of it, whose 200 would look like a delivery, or sends it, and what the address
// gives away, to another host.
func adapted(r *amconfig.Receiver) amconfig.Receiver {
	c := *r
	v := reflect.ValueOf(&c).Elem()
	for _, list := range v.Fields() {
		if list.Kind() != reflect.Slice || list.IsNil() || list.Type().Elem().Kind() != reflect.Pointer {
			continue
		}
		copied := reflect.MakeSlice(list.Type(), list.Len(), list.Len())
		for j := range list.Len() {
			entry := reflect.New(list.Type().Elem().Elem())
			entry.Elem().Set(list.Index(j).Elem())
			stay(entry.Elem())
			copied.Index(j).Set(entry)
		}
		list.Set(copied)
	}
	for _, mail := range c.EmailConfigs {
		if mail.Text == "" && mail.HTML != "" {
			mail.Text = `{{ template "email.default.text" . }}`
		}
	}
	return c
}

// stay switches redirects off in the HTTPConfig of a channel, where it has one.
func stay(entry reflect.Value) {
	field := entry.FieldByName("HTTPConfig")
	if !field.IsValid() {
		return
	}
	conf, ok := reflect.TypeAssert[*commoncfg.HTTPClientConfig](field)
	if !ok || conf == nil {
		return
	}
	c := *conf
	c.FollowRedirects = false
	field.Set(reflect.ValueOf(&c))
}
