package rules

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/prometheus/common/model"
)

// mistakes are the texts of an error of a rule file, each beginning with
// "LINE:" or "LINE:COLUMN:" where that can be known, and a blank.
func mistakes(err error, content []byte) []string {
	_, several, found := strings.Cut(err.Error(), "unmarshal errors:\n")
	if !found {
		text := placed(err.Error(), content)
		if texts := noDurations(content); strings.HasPrefix(text, " ") && len(texts) > 0 {
			return texts
		}
		return []string{text}
	}
	var texts []string // unknown keys, wrong kinds: one line for each
	for text := range strings.Lines(several) {
		texts = append(texts, placed(strings.TrimSpace(text), content))
	}
	return texts
}

// The ways in which a mistake says where it is.
var (
	lineOfYAML = regexp.MustCompile(`^line (\d+): `)       // as YAML's reader has it
	noPlace    = regexp.MustCompile(`^0:0: `)              // as Prometheus has it of groups
	place      = regexp.MustCompile(`^\d+:\d+: `)          // and of rules
	repeated   = regexp.MustCompile(`^groupname: "(.*)" `) // it tells the name at least
	ofRule     = regexp.MustCompile(`^group "(.*)", rule (\d+), `)
	typeOfGo   = regexp.MustCompile(` (in type|into) \S+`)
)

// placed brings a mistake into the form "LINE: text".
func placed(text string, content []byte) string {
	text = strings.TrimPrefix(text, "yaml: ")
	text = strings.Join(strings.Fields(text), " ") // some go over several lines
	if found := lineOfYAML.FindStringSubmatch(text); found != nil {
		return found[1] + ": " + typeOfGo.ReplaceAllString(text[len(found[0]):], "")
	}
	text = noPlace.ReplaceAllString(text, "")
	if place.MatchString(text) {
		return text
	}
	if line := locate(text, content); line > 0 {
		return fmt.Sprintf("%d: %s", line, text)
	}
	return " " + text
}

// locate finds the line of the group or rule that a mistake names; 0 is none.
func locate(text string, content []byte) int {
	var file struct {
		Groups []struct {
			Name  string
			Rules []any
		}
	}
	if yaml.Unmarshal(content, &file) != nil {
		return 0
	}
	name, rule := "", 0
	if found := repeated.FindStringSubmatch(text); found != nil {
		name = found[1]
	}
	if found := ofRule.FindStringSubmatch(text); found != nil {
		name = found[1]
		rule, _ = strconv.Atoi(found[2]) //nolint:errcheck // 0 is the group
	}
	path := ""
	for i, group := range file.Groups {
		switch {
		case group.Name != name:
		case rule > 0 && rule <= len(group.Rules):
			return lineOf(fmt.Sprintf("$.groups[%d].rules[%d]", i, rule-1), content)
		default:
			path = fmt.Sprintf("$.groups[%d]", i) // the last of that name is the one too many
		}
	}
	return lineOf(path, content)
}

// noDurations are the durations of a file that are none. Prometheus' reader ends
// at the first one, and says neither where it stands nor of what it is.
func noDurations(content []byte) []string {
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		return nil
	}
	var found durationMistakes
	for _, doc := range file.Docs {
		if doc.Body != nil {
			ast.Walk(&found, doc.Body)
		}
	}
	return found
}

type durationMistakes []string

// Visit implements ast.Visitor.
func (d *durationMistakes) Visit(node ast.Node) ast.Visitor {
	pair, ok := node.(*ast.MappingValueNode)
	if !ok {
		return d
	}
	switch key := pair.Key.String(); key {
	case "interval", "query_offset", "for", "keep_firing_for":
		value, scalar := pair.Value.(ast.ScalarNode)
		if !scalar || value.GetToken() == nil {
			return d
		}
		text := value.GetToken().Value
		if _, err := model.ParseDuration(text); err != nil {
			at := value.GetToken().Position
			*d = append(*d, fmt.Sprintf("%d:%d: %s: %q is not a duration; write a number and a unit, such as 30s, 10m or 1h30m", at.Line, at.Column, key, text))
		}
	}
	return d
}

// lineOf is where the value at a path stands; 0 is nowhere.
func lineOf(path string, content []byte) int {
	if path == "" {
		return 0
	}
	at, err := yaml.PathString(path)
	if err != nil {
		return 0
	}
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		return 0
	}
	node, err := at.FilterFile(file)
	if err != nil || node == nil || node.GetToken() == nil {
		return 0
	}
	return node.GetToken().Position.Line
}
