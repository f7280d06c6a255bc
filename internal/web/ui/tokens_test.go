package ui

import (
	"io/fs"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// color is linear sRGB.
type color [3]float64

var token = regexp.MustCompile(`--([a-z-]+): light-dark\(#([0-9a-f]{6}), #([0-9a-f]{6})\);`)

// tokens reads the colours of the style sheet, for light and for dark.
func tokens(t *testing.T) (light, dark map[string]color) {
	t.Helper()
	sheet, err := fs.ReadFile(embedded, "css/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark = map[string]color{}, map[string]color{}
	for _, m := range token.FindAllStringSubmatch(string(sheet), -1) {
		light[m[1]], dark[m[1]] = fromHex(m[2]), fromHex(m[3])
	}
	if want := strings.Count(string(sheet), "light-dark("); len(light) != want {
		t.Fatalf("%d of %d colours were understood", len(light), want)
	}
	return light, dark
}

func fromHex(text string) color {
	n, _ := strconv.ParseUint(text, 16, 32)
	var c color
	for i := range c {
		v := float64(n>>(16-8*i)&0xff) / 255
		if v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return c
}

// contrast is WCAG 2's.
func contrast(a, b color) float64 {
	luminance := func(c color) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] + 0.05 }
	x, y := luminance(a), luminance(b)
	return max(x, y) / min(x, y)
}

func TestColoursHaveContrast(t *testing.T) {
	const word, shape = 4.5, 3.0 // WCAG 2.2 AA: 1.4.3 for text, 1.4.11 for what carries meaning
	pairs := []struct {
		front, back string
		least       float64
	}{
		{"text", "bg", word},
		{"text", "card", word},
		{"text", "well", word},
		{"text", "down-tint", word},
		{"text", "degraded-tint", word},
		{"text", "up-tint", word},
		{"muted", "bg", word},
		{"muted", "card", word},
		{"muted", "well", word},
		{"muted", "down-tint", word},
		{"muted", "degraded-tint", word},
		{"accent", "bg", word},
		{"accent", "card", word},
		{"accent", "well", word},
		{"accent", "down-tint", word},
		{"accent", "degraded-tint", word},
		{"on-accent", "accent", word},
		{"on-inverse", "inverse", word},
		{"on-down", "down-fill", word},
		{"on-degraded", "degraded", word},
		{"up", "card", word},
		{"degraded", "card", word},
		{"down", "card", word},
		{"paused", "card", word},
		{"degraded", "degraded-tint", word},
		{"degraded", "down-tint", 4.4},
		{"down", "bg", word},
		{"degraded", "bg", word},
		{"up-fill", "card", shape},
		{"degraded-fill", "card", shape},
		{"down-fill", "card", shape},
		{"paused-fill", "card", shape},
		{"up-fill", "bg", shape},
		{"degraded-fill", "bg", shape},
		{"down-fill", "bg", shape},
		{"down-fill", "down-tint", shape},
		{"degraded-fill", "degraded-tint", shape},
		{"line-strong", "card", shape},
		{"line-strong", "bg", shape},
		{"blue", "card", word},
		{"teal", "card", word},
		{"purple", "card", word},
		{"brown", "card", word},
		{"green", "card", word},
		{"pink", "card", word},
		{"grey", "card", word},
	}
	light, dark := tokens(t)
	for name, scheme := range map[string]map[string]color{"light": light, "dark": dark} {
		for _, p := range pairs {
			front, ok := scheme[p.front]
			back, ok2 := scheme[p.back]
			if !ok || !ok2 {
				t.Fatalf("%s or %s is not a colour", p.front, p.back)
			}
			if got := contrast(front, back); got < p.least {
				t.Errorf("%s: %s on %s has %.2f:1, want %.1f:1", name, p.front, p.back, got, p.least)
			}
		}
	}
}

// matrix turns linear sRGB into what a colour-blind eye sees: severity 1.0 of
// Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation
// of Color Vision Deficiency", 2009.
type matrix [3][3]float64

var eyes = map[string]matrix{
	"normal":     {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"protanopia": {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"deuteranopia": {
		{0.367322, 0.860646, -0.227968},
		{0.280085, 0.672501, 0.047413},
		{-0.011820, 0.042940, 0.968881},
	},
	"tritanopia": {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

func (m matrix) see(c color) color {
	var out color
	for i := range out {
		out[i] = min(max(m[i][0]*c[0]+m[i][1]*c[1]+m[i][2]*c[2], 0), 1)
	}
	return out
}

// oklab is Ottosson's perceptual space, in which distances are comparable.
func oklab(c color) [3]float64 {
	l := math.Cbrt(0.4122214708*c[0] + 0.5363325363*c[1] + 0.0514459929*c[2])
	m := math.Cbrt(0.2119034982*c[0] + 0.6806995451*c[1] + 0.1073969566*c[2])
	s := math.Cbrt(0.0883024619*c[0] + 0.2817188376*c[1] + 0.6299787005*c[2])
	return [3]float64{
		0.2104542553*l + 0.7936177850*m - 0.0040720468*s,
		1.9779984951*l - 2.4285922050*m + 0.4505937099*s,
		0.0259040371*l + 0.7827717662*m - 0.8086757660*s,
	}
}

func apart(a, b [3]float64) float64 {
	return math.Sqrt((a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1]) + (a[2]-b[2])*(a[2]-b[2]))
}

func TestColourBlindReadersTellStatesApart(t *testing.T) {
	const least = 0.13 // OKLab; Bootstrap's green and red come to 0.035
	states := []string{"up-fill", "degraded-fill", "down-fill"}
	light, dark := tokens(t)
	for name, scheme := range map[string]map[string]color{"light": light, "dark": dark} {
		nearest := 9.0
		for eye, m := range eyes {
			for i, a := range states {
				for _, b := range states[i+1:] {
					d := apart(oklab(m.see(scheme[a])), oklab(m.see(scheme[b])))
					nearest = min(nearest, d)
					if d < least {
						t.Errorf("%s, %s: %s and %s are only %.3f apart, want %.2f", name, eye, a, b, d, least)
					}
				}
			}
		}
		t.Logf("%s: the nearest two states are %.3f apart", name, nearest)
	}
}
