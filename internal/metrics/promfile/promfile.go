// Package promfile reads the sections of our file that are in Prometheus' own
// language (scrape_configs, remote_write), with Prometheus' own parser, and says
// what is wrong in them by path, without showing what they hold: they have
// passwords.
package promfile

import (
	"bufio"
	"cmp"
	"log/slog"
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/config"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/verbatim"
)

// Load reads a section as Prometheus would, under its key of Prometheus' file.
// File names in it are relative to dir. A section that was not given is
// Prometheus' default. The problems' paths begin with the key.
func Load(key string, part verbatim.YAML, dir string) (*config.Config, fault.Problems) {
	if !part.Given() {
		part.Text = "[]\n"
	}
	loaded, err := config.Load(part.Under(key), slog.New(slog.DiscardHandler))
	if err == nil {
		loaded.SetDirectory(dir)
		return loaded, nil
	}
	return nil, problems(key, part, err)
}

var (
	onLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	// What was written stands between backticks, cut after a few letters: as a
	// whole or in part it may be a password.
	written   = regexp.MustCompile("(!!\\w+) `[^`]*`")
	quoted    = regexp.MustCompile(`"[^"]*"`)
	otherKind = regexp.MustCompile("^cannot unmarshal (!!\\w+)(?: `[^`]*`)? into (\\S+)$")
	unknown   = regexp.MustCompile(`^field (\S+) not found in type (\S+)$`)
)

// kinds are YAML's kinds of values, in words.
var kinds = map[string]string{
	"!!str": "a text", "!!int": "a number", "!!float": "a number", "!!bool": "true or false", "!!map": "a list of keys and values", "!!seq": "a list", "!!null": "nothing",
}

// wanted says in words what a type of Go is read from.
func wanted(kind string) string {
	switch {
	case strings.HasPrefix(kind, "[]"):
		return "a list"
	case kind == "bool":
		return "true or false"
	case kind == "string":
		return "a text"
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"), strings.HasPrefix(kind, "float"):
		return "a number"
	}
	return "keys and values"
}

// problems tells a parser's error, which is one line or a list of lines, by path.
func problems(key string, part verbatim.YAML, err error) fault.Problems {
	var found fault.Problems
	text := err.Error()
	scanner := bufio.NewScanner(strings.NewReader(text))
	for scanner.Scan() {
		m := onLine.FindStringSubmatch(strings.TrimSpace(scanner.Text()))
		if m == nil {
			continue
		}
		line, _ := strconv.Atoi(m[1])
		path := part.Path(line - 1) // the key stands above
		message, hint := describe(m[2])
		found.Add(fault.JoinPath(key, path), hint, "%s", message)
	}
	if len(found) == 0 {
		message, hint := describe(strings.TrimPrefix(text, "yaml: "))
		found.Add(fault.JoinPath(key, entryWith(key, part, text)), hint, "%s", message)
	}
	return found
}

// describe says a parser's sentence in ours, without what was written.
func describe(sentence string) (message, hint string) {
	if m := unknown.FindStringSubmatch(sentence); m != nil {
		if strings.HasSuffix(m[1], "_sd_configs") {
			return "the service discovery " + strconv.Quote(m[1]) + " is not known here",
				"static_configs, file_sd_configs, http_sd_configs and dns_sd_configs are; others can write a file for file_sd_configs, or answer http_sd_configs"
		}
		return "unknown key " + strconv.Quote(m[1]), "it is not one of Prometheus' keys here"
	}
	if m := otherKind.FindStringSubmatch(sentence); m != nil {
		return cmp.Or(kinds[m[1]], "this") + " cannot stand here", "want " + wanted(m[2])
	}
	sentence = written.ReplaceAllString(sentence, "$1")
	if strings.HasPrefix(sentence, "parse ") || strings.Contains(sentence, "://") { // an URL, which may have a password or key
		sentence = quoted.ReplaceAllString(sentence, "the URL")
	}
	return secret.NewRedactor().Text(sentence), ""
}

// entryWith finds the entry of the list that alone makes the same mistake; ""
// when it takes several.
func entryWith(key string, part verbatim.YAML, mistake string) string {
	for _, e := range entries(part) {
		_, err := config.Load((&verbatim.YAML{Text: e.text}).Under(key), slog.New(slog.DiscardHandler))
		if err != nil && err.Error() == mistake {
			return e.path
		}
	}
	return ""
}

type entry struct{ path, text string }

// entries are the list's, each as a list of its own.
func entries(part verbatim.YAML) (list []entry) {
	number := 0
	for line := range strings.Lines(part.Text) {
		number++
		path, _, found := strings.Cut(part.Path(number), "]")
		if !found || !strings.HasPrefix(path, "[") {
			continue
		}
		path += "]"
		if len(list) == 0 || list[len(list)-1].path != path {
			list = append(list, entry{path: path})
		}
		list[len(list)-1].text += line
	}
	return list
}
