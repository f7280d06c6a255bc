package statuspage

import (
	"fmt"
	"html"
	"math"
	"strings"
	"unicode"

	"lapwing.dev/lapwing/internal/checks"
)

// Badge is a small SVG picture for a README: a label and a value.
type Badge struct {
	Label  string
	Value  string
	Status checks.Status // gives the colour of the value
}

// StateBadge shows the state of a check.
func StateBadge(name string, state checks.Status) Badge {
	return Badge{Label: name, Value: state.String(), Status: state}
}

// UptimeBadge shows the uptime of a check over a window such as "30d".
// Without runs it says so.
func UptimeBadge(name, window string, share checks.Share) Badge {
	b := Badge{Label: name + " uptime " + window, Value: "no data"}
	ratio, ok := share.Ratio()
	if !ok {
		return b
	}
	// Rounded down, so that only a flawless record reads 100 %.
	b.Value = fmt.Sprintf("%.2f %%", math.Floor(ratio*1e4)/1e2)
	switch ratio {
	case 0:
		b.Value = "0 %"
	case 1:
		b.Value = "100 %"
	}
	switch {
	case ratio >= 0.999:
		b.Status = checks.Up
	case ratio >= 0.99:
		b.Status = checks.Degraded
	default:
		b.Status = checks.Down
	}
	return b
}

// ErrorBadge says in the place of a badge why there is none, as a picture,
// because that is what the page that shows it can show.
func ErrorBadge(text string) Badge {
	return Badge{Label: "lapwing", Value: text}
}

// badgeColors have at least 4.5:1 under white text.
var badgeColors = map[checks.Status]string{
	checks.Unknown:  "#5b6675",
	checks.Up:       "#0a7f77",
	checks.Degraded: "#a85a00",
	checks.Down:     "#8a0f2e",
	checks.Paused:   "#5b6675",
}

const maxBadgeLabel = 64 // runes

// SVG draws the badge. The texts may come from anywhere: they are cut, cleaned
// of what XML does not allow, and escaped.
func (b Badge) SVG() []byte {
	label, value := clean(b.Label), clean(b.Value)
	left, right := textWidth(label)+12, textWidth(value)+12
	color := badgeColors[b.Status]
	if color == "" {
		color = badgeColors[checks.Unknown]
	}
	label, value = html.EscapeString(label), html.EscapeString(value)
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="20" role="img" aria-label="%s: %s">`, left+right, label, value)
	fmt.Fprintf(&s, `<title>%s: %s</title>`, label, value)
	fmt.Fprintf(&s, `<clipPath id="r"><rect width="%d" height="20" rx="3"/></clipPath>`, left+right)
	fmt.Fprintf(&s, `<g clip-path="url(#r)"><rect width="%d" height="20" fill="#2f3b47"/><rect x="%d" width="%d" height="20" fill="%s"/></g>`, left, left, right, color)
	s.WriteString(`<g fill="#fff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">`)
	fmt.Fprintf(&s, `<text x="6" y="14" textLength="%d">%s</text>`, left-12, label)
	fmt.Fprintf(&s, `<text x="%d" y="14" textLength="%d">%s</text></g></svg>`, left+6, right-12, value)
	s.WriteByte('\n')
	return []byte(s.String())
}

func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r == unicode.ReplacementChar, r == 0xFFFE, r == 0xFFFF:
			return -1
		case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
			return -1 // controls of the writing direction, which could turn the value around
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	runes := []rune(text)
	if len(runes) > maxBadgeLabel {
		text = string(runes[:maxBadgeLabel-1]) + "…"
	}
	return text
}

// textWidth estimates the width of text in pixels, Verdana at 11 px; textLength
// makes the browser fit the glyphs of whatever font it has into it.
func textWidth(text string) int {
	width := 0.0
	for _, r := range text {
		switch {
		case strings.ContainsRune("iljI.,:;'|!", r):
			width += 3.6
		case strings.ContainsRune("ftr()[]{}/-\" ", r):
			width += 4.6
		case strings.ContainsRune("mwMW%@", r):
			width += 10.2
		case r < 0x250:
			width += 7
		default:
			width += 11
		}
	}
	return int(math.Ceil(width))
}
