package delivery

import (
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/alertmanager/template"
)

// wording is how a channel writes: its emphasis, its links, and what keeps text
// that an API answered from being taken for either.
type wording struct {
	plain  func(string) string              // text of unknown origin
	strong func(string) string              // plain text, emphasized
	link   func(text, target string) string // target is an http(s) URL
	block  func(string) string              // several lines as they are
	br     string                           // between lines
	length func(string) int                 // as the channel counts
}

func bytesLong(s string) int { return len(s) }

// plainWording is for channels that show text as it is.
func plainWording() wording {
	same := func(s string) string { return s }
	return wording{
		plain: same, strong: same, block: same, br: "\n", length: bytesLong,
		link: func(text, target string) string { return text + ": " + target },
	}
}

// escapedWording is plain text that a channel escapes as HTML and then counts (Telegram).
func escapedWording() wording {
	w := plainWording()
	w.length = func(s string) int { return len(html.EscapeString(s)) }
	return w
}

// slackWording is Slack's mrkdwn. <!channel> and <https://…|a link> are made of
// three characters, which Slack has escaped like this.
func slackWording() wording {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	return wording{
		plain: escape, br: "\n", length: bytesLong,
		strong: func(s string) string { return "*" + strings.ReplaceAll(s, "*", "∗") + "*" },
		link: func(text, target string) string {
			return "<" + escape(strings.ReplaceAll(target, "|", "%7C")) + "|" + escape(text) + ">"
		},
		block: func(s string) string { return "```\n" + escape(strings.ReplaceAll(s, "```", "'''")) + "\n```" },
	}
}

// markdownWording is for Discord, Mattermost and the like. A zero-width space breaks
// what would make a link, or call everybody (@here).
func markdownWording() wording {
	escape := func(s string) string {
		s = strings.NewReplacer("](", "]\u200b(", "][", "]\u200b[", "]:", "]\u200b:", "```", "'''").Replace(s)
		return breakMentions(s)
	}
	return wording{
		plain: escape, br: "\n", length: bytesLong,
		strong: func(s string) string { return "**" + strings.ReplaceAll(s, "*", "∗") + "**" },
		link: func(text, target string) string {
			return "[" + text + "](" + strings.NewReplacer("(", "%28", ")", "%29", " ", "%20").Replace(target) + ")"
		},
		block: func(s string) string { return "```\n" + escape(s) + "\n```" },
	}
}

// cardWording is for Teams: an Adaptive Card knows links and emphasis, but no
// blocks, and joins single lines.
func cardWording() wording {
	w := markdownWording()
	w.br = "\n\n"
	w.block = func(s string) string { return strings.ReplaceAll(w.plain(s), "\n", "\n\n") }
	return w
}

// breakMentions puts a zero-width space between an @ and a name.
func breakMentions(s string) string {
	if !strings.Contains(s, "@") {
		return s
	}
	var b strings.Builder
	at := false
	for _, r := range s {
		if at && (unicode.IsLetter(r) || r == '!' || r == '&') {
			b.WriteRune('\u200b')
		}
		b.WriteRune(r)
		at = r == '@'
	}
	return b.String()
}

// subject is one line that says what is wrong: "Critical: error rate of orders is
// 23 %, and 2 more".
func subject(d *template.Data) string {
	alerts := inOrder(d.Alerts)
	if len(alerts) == 0 {
		return "Nothing is wrong"
	}
	text := heading(&alerts[0])
	if len(alerts) > 1 {
		text += fmt.Sprintf(", and %d more", len(alerts)-1)
	}
	if alerts[0].Annotations[noteEscalation] != "" && alerts[0].Status == string(stateFiring) {
		text = "Escalated: " + text
	}
	return clip(text, 250)
}

// heading is an alert in one line.
func heading(a *template.Alert) string {
	what := a.Annotations["summary"]
	if what == "" {
		what = a.Labels["alertname"]
	}
	what = strings.Join(strings.Fields(what), " ")
	return titleWord(State(a.Status), a.Labels["severity"]) + ": " + clip(what, 200)
}

// inOrder returns alerts as people want to read them: what fires first, the worst
// before the rest.
func inOrder(alerts []template.Alert) []template.Alert {
	order := func(a *template.Alert) int {
		rank := map[string]int{"critical": 0, "warning": 1, "info": 2}
		r, ok := rank[a.Labels["severity"]]
		if !ok {
			r = 3
		}
		if a.Status != string(stateFiring) {
			r += 10
		}
		return r
	}
	list := slices.Clone(alerts)
	slices.SortStableFunc(list, func(a, b template.Alert) int { return order(&a) - order(&b) })
	return list
}

// since says when an alert began, and how long it lasts or lasted.
func since(a *template.Alert, now time.Time) string {
	const clock = "15:04 MST"
	begin := a.StartsAt.UTC()
	day := ""
	if now.Sub(begin) > 12*time.Hour {
		day = begin.Format("2 January, ")
	}
	if a.Status != string(stateFiring) {
		return fmt.Sprintf("It lasted %s, from %s%s to %s.", lasting(a.EndsAt.Sub(begin)), day, begin.Format("15:04"), a.EndsAt.UTC().Format(clock))
	}
	return fmt.Sprintf("Since %s%s, for %s.", day, begin.Format(clock), lasting(now.Sub(begin)))
}

// about names the API, the operation, the check and an example's trace of an alert, on one line.
func about(a *template.Alert) string {
	var parts []string
	for _, label := range []string{"api", "operation", "check"} {
		if v := strings.Join(strings.Fields(a.Labels[label]), " "); v != "" {
			parts = append(parts, label+" "+clip(v, 200))
		}
	}
	if trace := strings.Join(strings.Fields(a.Annotations["trace"]), " "); trace != "" {
		parts = append(parts, "trace "+clip(trace, 64))
	}
	return strings.Join(parts, " · ")
}

// webLink returns a URL that may be linked to; "" for anything that is not the web.
func webLink(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return u.String()
}

// details writes alerts one after another, as many as fit into room, the first
// ones in full.
func details(w wording, alerts []template.Alert, external string, room int, now time.Time) string {
	alerts = inOrder(alerts)
	if len(alerts) == 0 {
		return ""
	}
	var b strings.Builder
	for _, note := range []string{noteEscalation, noteDelayed} {
		if text := alerts[0].Annotations[note]; text != "" {
			b.WriteString(w.strong(w.plain(fit(w, text, min(room/8, 300)))) + w.br)
		}
	}
	for i := range alerts {
		share := room / min(len(alerts), 3)
		rest := ""
		if left := len(alerts) - i - 1; left > 0 {
			rest = more(w, left, external)
		}
		text := detail(w, &alerts[i], external, len(alerts) > 1, share, now)
		fits := func() bool { return w.length(b.String())+w.length(text)+w.length(rest) <= room }
		for i == 0 && !fits() && share > 64 {
			share = share * 3 / 4
			text = detail(w, &alerts[i], external, len(alerts) > 1, share, now)
		}
		if i > 0 && !fits() {
			b.WriteString(more(w, len(alerts)-i, external))
			break
		}
		b.WriteString(text)
	}
	return strings.TrimSpace(b.String())
}

// more says how many alerts a message leaves out.
func more(w wording, n int, external string) string {
	text := fmt.Sprintf("and %d more", n)
	if all := webLink(external + "/alerts"); all != "" {
		return w.link(text, all)
	}
	return text
}

// detail writes one alert in about room.
func detail(w wording, a *template.Alert, external string, titled bool, room int, now time.Time) string {
	var b strings.Builder
	line := func(text string) {
		if text != "" {
			b.WriteString(text + w.br)
		}
	}
	if titled {
		line(w.strong(w.plain(fit(w, heading(a), room/6))))
	}
	line(w.plain(fit(w, a.Annotations["description"], room/4)))
	line(w.plain(since(a, now)))
	line(w.plain(fit(w, about(a), room/8)))
	if evidence := strings.TrimSpace(a.Annotations["evidence"]); evidence != "" {
		line(w.block(fit(w, evidence, room/3)))
	}
	if page := webLink(a.Annotations["page"]); page != "" && w.length(page) < max(room/4, 200) {
		line(w.link("Open the data", page))
	}
	if mine := webLink(external + "/alerts/" + a.Fingerprint); mine != "" && a.Status == string(stateFiring) {
		line(w.link("Acknowledge or silence", mine))
	}
	b.WriteString(w.br)
	return b.String()
}

// fit shortens a text of unknown origin until it is no longer than room as the
// channel counts.
func fit(w wording, text string, room int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return ' '
		}
		return r
	}, text)
	text = clip(text, room)
	for size := room; w.length(text) > room && size > 16; {
		size = size * 3 / 4
		text = clip(text, size)
	}
	return text
}
