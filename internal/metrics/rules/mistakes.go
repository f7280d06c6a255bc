package rules

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// mistakes are the texts of an error of a rule file, each beginning with
// "LINE:" or "LINE:COLUMN:" where that can be known, and a blank.
func mistakes(err error, content []byte) []string {
	if several, ok := errors.AsType[*yaml.TypeError](err); ok { // unknown keys, wrong kinds: one line for each
		texts := make([]string, len(several.Errors))
		for i, text := range several.Errors {
			texts[i] = placed(text, content)
		}
		return texts
	}
	return []string{placed(err.Error(), content)}
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
			Rules []yaml.Node
		}
	}
	var lines struct{ Groups []yaml.Node }
	if yaml.Unmarshal(content, &file) != nil || yaml.Unmarshal(content, &lines) != nil || len(lines.Groups) != len(file.Groups) {
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
	line := 0
	for i, group := range file.Groups {
		switch {
		case group.Name != name:
		case rule > 0 && rule <= len(group.Rules):
			return group.Rules[rule-1].Line
		default:
			line = lines.Groups[i].Line // the last of that name is the one too many
		}
	}
	return line
}
