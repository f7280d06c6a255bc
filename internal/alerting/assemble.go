package alerting

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	amconfig "github.com/prometheus/alertmanager/config"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/verbatim"
)

// source is the text of a whole Alertmanager configuration, and where each of its
// lines comes from.
type source struct {
	text  string
	paths []string // by line; empty of a file
	file  string   // the file, "" for sections of our own
	dir   string   // that relative paths are relative to
	bare  bool     // nothing is given: pages and browsers show alerts
}

// maxConfigFile is how large alerting.config_file may be.
const maxConfigFile = 4 << 20

// defaultRoute is how alerts go when no route is given: all of an API that are
// wrong in the same way come in one message, and the first one soon.
const defaultRoute = `route:
  receiver: %s
  group_by: [alertname, api]
  group_wait: 5s
  group_interval: 1m
  repeat_interval: 4h
`

// defaultReceiver is who gets alerts when no receiver is given: pages and browsers
// show them.
const defaultReceiver = "default"

// assemble joins the sections into one text, or reads the file that stands for them.
func (c Config) assemble() (*source, fault.Problems) {
	sections := []struct {
		key  string
		part *verbatim.YAML
	}{
		{"global", &c.Global},
		{"receivers", &c.Receivers},
		{"route", &c.Route},
		{"inhibit_rules", &c.InhibitRules},
		{"time_intervals", &c.TimeIntervals},
		{"mute_time_intervals", &c.MuteTimeIntervals},
	}
	if c.Alerting.ConfigFile != "" {
		var given []string
		for _, s := range sections {
			if s.part.Given() {
				given = append(given, s.key)
			}
		}
		return c.readFile(given)
	}
	src := &source{dir: c.Dir}
	var b strings.Builder
	for _, s := range sections {
		if strings.TrimSpace(s.part.Text) == "[]" {
			*s.part = verbatim.YAML{} // as good as nothing
		}
		if !s.part.Given() {
			continue
		}
		text := s.part.Under(s.key)
		b.WriteString(text)
		if !strings.HasSuffix(text, "\n") {
			b.WriteString("\n")
			text += "\n"
		}
		src.paths = append(src.paths, s.key)
		for line := range strings.Count(text, "\n") - 1 {
			src.paths = append(src.paths, fault.JoinPath(s.key, s.part.Path(line+1)))
		}
	}
	if src.bare = !c.Receivers.Given() && !c.Route.Given(); src.bare {
		b.WriteString("receivers:\n  - name: " + defaultReceiver + "\n")
	}
	if !c.Route.Given() {
		fmt.Fprintf(&b, defaultRoute, strconv.Quote(firstReceiver(c.Receivers.Text)))
	}
	src.text = b.String()
	return src, nil
}

// readFile reads an alertmanager.yml.
func (c *Config) readFile(given []string) (*source, fault.Problems) {
	const path = "alerting.config_file"
	var problems fault.Problems
	if len(given) > 0 {
		problems.Add(path, "leave one of them out", "the file takes the place of %s", strings.Join(given, ", "))
		return nil, problems
	}
	name := inFolder(c.Dir, c.Alerting.ConfigFile)
	info, err := os.Stat(name)
	if err == nil && info.Size() > maxConfigFile {
		err = fmt.Errorf("%s has %d bytes; at most %d are read", name, info.Size(), maxConfigFile)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		problems.Add(path, "a path of an alertmanager.yml", "%s", err.Error())
		return nil, problems
	}
	return &source{text: string(text), file: c.Alerting.ConfigFile, dir: filepath.Dir(name)}, nil
}

// firstReceiver is the name of who gets everything when there is no route: the one
// named default, else the first.
func firstReceiver(text string) string {
	var list []struct {
		Name string `yaml:"name"`
	}
	if yaml.Unmarshal([]byte(text), &list) != nil || len(list) == 0 {
		return defaultReceiver // what is wrong with the text, Alertmanager's parser says
	}
	for _, r := range list {
		if r.Name == defaultReceiver {
			return r.Name
		}
	}
	return cmp.Or(list[0].Name, defaultReceiver)
}

// templates is where template files are named.
func (s *source) templates() string {
	if s.file != "" {
		return "alerting.config_file"
	}
	return "templates"
}

// place moves problems whose paths are of an Alertmanager configuration to where
// they are in our file.
func (s *source) place(found fault.Problems) fault.Problems {
	if s.file == "" {
		return found
	}
	placed := make(fault.Problems, len(found))
	for i, p := range found {
		placed[i] = fault.Problem{Path: "alerting.config_file", Message: s.file + ": " + fault.Problem{Path: p.Path, Message: p.Message}.Error(), Hint: p.Hint}
	}
	return placed
}

// resolveFiles makes the paths of files that a configuration names relative to a
// folder, as Alertmanager does with those of its file.
func resolveFiles(conf *amconfig.Config, dir string) {
	resolve(reflect.ValueOf(conf), dir, map[uintptr]bool{})
}

// resolve walks a value: the keys of files end in _file.
func resolve(v reflect.Value, dir string, seen map[uintptr]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			return
		}
		seen[v.Pointer()] = true
		resolve(v.Elem(), dir, seen)
	case reflect.Slice:
		for i := range v.Len() {
			resolve(v.Index(i), dir, seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if !field.IsExported() {
				continue
			}
			key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if f := v.Field(i); f.Kind() == reflect.String && f.CanSet() && strings.HasSuffix(key, "_file") {
				f.SetString(inFolder(dir, f.String()))
				continue
			}
			resolve(v.Field(i), dir, seen)
		}
	}
}

func itoa(i int) string { return strconv.Itoa(i) }
