package alerting

import (
	"maps"
	"reflect"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	amconfig "github.com/prometheus/alertmanager/config"

	"lapwing.dev/lapwing/internal/fault"
)

// explain turns an error of Alertmanager's parser into problems with our paths.
func (s *source) explain(err error, text string) fault.Problems {
	var problems fault.Problems
	lines := atLine().FindAllStringSubmatch(err.Error(), -1)
	for _, line := range lines {
		n, message := 0, line[2]
		for _, digit := range line[1] {
			n = min(n*10+int(digit-'0'), 1<<20)
		}
		path := s.path(n)
		hint := ""
		if m := unknownKey().FindStringSubmatch(message); m != nil {
			message, hint = "unknown key \""+m[1]+"\"", fault.DidYouMean(m[1], keysBeside(path))
		}
		if s.file != "" {
			problems.Add("alerting.config_file", hint, "%s:%d: %s", s.file, n, harmless(message))
			continue
		}
		problems.Add(path, hint, "%s", harmless(message))
	}
	if len(lines) > 0 {
		return problems
	}
	path, hint := locate(err, text)
	problems.Add(path, hint, "%s", harmless(err.Error()))
	return s.place(problems)
}

// path is where a line of the text comes from.
func (s *source) path(line int) string {
	if line < 1 || line > len(s.paths) {
		return ""
	}
	return s.paths[line-1]
}

func atLine() *regexp.Regexp { return regexp.MustCompile(`(?m)line (\d+): (.*)$`) }

func unknownKey() *regexp.Regexp { return regexp.MustCompile(`^field (\S+) not found in type`) }

// harmless takes out of an error what may be a secret: addresses of web hooks are.
func harmless(message string) string {
	message = regexp.MustCompile(`parse "[^\n]*?":`).ReplaceAllString(message, "read the URL:")
	message = regexp.MustCompile("cannot unmarshal !!(\\w+)( `[^`\n]*`)? into \\S+").ReplaceAllStringFunc(message, func(found string) string {
		kind := regexp.MustCompile(`!!(\w+)`).FindStringSubmatch(found)[1]
		names := map[string]string{"str": "a text", "seq": "a list", "map": "keys and values", "int": "a number", "float": "a number", "bool": "true or false"}
		if name := names[kind]; name != "" {
			return name + " does not belong here"
		}
		return "this value does not belong here"
	})
	return strings.TrimPrefix(strings.ReplaceAll(message, "\n", " "), "yaml: ")
}

// keysBeside returns the keys that may stand where a path ends.
func keysBeside(path string) []string {
	at := reflect.TypeFor[amconfig.Config]()
	parts := regexp.MustCompile(`[^.\[\]]+`).FindAllString(path, -1)
	if len(parts) == 0 {
		return nil
	}
	for _, part := range parts[:len(parts)-1] {
		for at.Kind() == reflect.Pointer {
			at = at.Elem()
		}
		switch at.Kind() {
		case reflect.Slice:
			at = at.Elem()
		case reflect.Struct:
			next, ok := fieldOf(at, part)
			if !ok {
				return nil
			}
			at = next
		default:
			return nil
		}
	}
	for at.Kind() == reflect.Pointer {
		at = at.Elem()
	}
	if at.Kind() != reflect.Struct {
		return nil
	}
	return keysOf(at)
}

// fieldOf is the type of what stands under a key.
func fieldOf(t reflect.Type, key string) (reflect.Type, bool) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == key {
			return f.Type, true
		}
		if strings.Contains(options, "inline") {
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct {
				if found, ok := fieldOf(inner, key); ok {
					return found, true
				}
			}
		}
	}
	return nil, false
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case strings.Contains(options, "inline") && inner.Kind() == reflect.Struct:
			keys = append(keys, keysOf(inner)...)
		case name != "" && name != "-":
			keys = append(keys, name)
		}
	}
	return keys
}

// locate finds which part of a configuration an error is about that names no line:
// the part that alone makes the same error. "" when none does.
func locate(err error, text string) (path, hint string) {
	var doc map[string]any
	if yaml.Unmarshal([]byte(text), &doc) != nil {
		return "", ""
	}
	l := &locator{want: err.Error(), doc: doc}
	for _, find := range []func() string{l.global, l.receiver, l.lists, l.route} {
		if path := find(); path != "" {
			return path, l.hint()
		}
	}
	return "", l.hint()
}

// hint names the receiver or the interval that was meant.
func (l *locator) hint() string {
	m := regexp.MustCompile(`undefined (receiver|time interval) "(.*)" used`).FindStringSubmatch(l.want)
	if m == nil {
		return ""
	}
	lists := []string{"receivers"}
	if m[1] != "receiver" {
		lists = []string{"time_intervals", "mute_time_intervals"}
	}
	var names []string
	for _, key := range lists {
		entries, _ := l.doc[key].([]any)
		for _, e := range entries {
			fields, _ := e.(map[string]any)
			names = append(names, namesIn(fields["name"])...)
		}
	}
	return fault.DidYouMean(m[2], names)
}

type locator struct {
	want string
	doc  map[string]any
}

// fails reports whether a configuration of nothing but parts makes the same error.
func (l *locator) fails(parts map[string]any) bool {
	whole := map[string]any{
		"route": map[string]any{"receiver": "nobody"}, "receivers": []any{map[string]any{"name": "nobody"}},
	}
	if global, ok := l.doc["global"]; ok {
		whole["global"] = global
	}
	maps.Copy(whole, parts)
	text, err := yaml.Marshal(whole)
	if err != nil {
		return false
	}
	_, err = amconfig.Load(string(text))
	return err != nil && err.Error() == l.want
}

func (l *locator) global() string {
	if _, ok := l.doc["global"]; ok && l.fails(nil) {
		return "global"
	}
	return ""
}

// receiver finds the receiver, and which of its channels it is.
func (l *locator) receiver() string {
	list, _ := l.doc["receivers"].([]any)
	for i, r := range list {
		if !l.fails(map[string]any{"receivers": []any{map[string]any{"name": "nobody"}, r}}) {
			continue
		}
		path := "receivers[" + itoa(i) + "]"
		fields, _ := r.(map[string]any)
		for key, value := range fields {
			channels, _ := value.([]any)
			for j, channel := range channels {
				if l.fails(map[string]any{"receivers": []any{map[string]any{"name": "nobody", key: []any{channel}}}}) {
					return path + "." + key + "[" + itoa(j) + "]"
				}
			}
		}
		return path
	}
	names := map[string]bool{}
	for i, r := range list {
		fields, _ := r.(map[string]any)
		name, _ := fields["name"].(string)
		if names[name] && strings.Contains(l.want, "is not unique") && strings.Contains(l.want, name) {
			return "receivers[" + itoa(i) + "].name"
		}
		names[name] = true
	}
	return ""
}

// lists finds the entry of one of the other lists.
func (l *locator) lists() string {
	for _, key := range []string{"inhibit_rules", "time_intervals", "mute_time_intervals"} {
		list, _ := l.doc[key].([]any)
		for i, entry := range list {
			if l.fails(map[string]any{key: []any{entry}}) {
				return key + "[" + itoa(i) + "]"
			}
		}
	}
	return ""
}

// route finds the route.
func (l *locator) route() string {
	root, ok := l.doc["route"]
	if !ok {
		return ""
	}
	return l.routeAt(root, "route")
}

func (l *locator) routeAt(value any, path string) string {
	fields, ok := value.(map[string]any)
	if !ok {
		return path
	}
	for _, key := range []string{"receiver", "mute_time_intervals", "active_time_intervals"} {
		for _, name := range namesIn(fields[key]) {
			if strings.Contains(l.want, "undefined") && strings.Contains(l.want, "\""+name+"\"") {
				return path + "." + key
			}
		}
	}
	children, _ := fields["routes"].([]any)
	for i, child := range children {
		if found := l.routeAt(child, path+".routes["+itoa(i)+"]"); found != "" {
			return found
		}
	}
	alone := map[string]any{"receiver": "nobody"}
	for key, part := range fields {
		if key != "routes" && key != "receiver" {
			alone[key] = part
		}
	}
	if path != "route" {
		alone = map[string]any{"receiver": "nobody", "routes": []any{alone}}
	} else if _, ok := fields["receiver"]; !ok {
		delete(alone, "receiver")
	}
	if l.fails(map[string]any{"route": alone, "time_intervals": l.doc["time_intervals"], "mute_time_intervals": l.doc["mute_time_intervals"]}) {
		return path
	}
	return ""
}

func namesIn(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var names []string
		for _, n := range v {
			if name, ok := n.(string); ok {
				names = append(names, name)
			}
		}
		return names
	}
	return nil
}
