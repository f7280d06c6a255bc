package alerting

import (
	"maps"
	"reflect"

	"github.com/goccy/go-yaml"
	amconfig "github.com/prometheus/alertmanager/config"
)

// redactedURL stands for the address of a web hook, which is a secret. Older
// clients take nothing but an address there.
const redactedURL = "https://redacted.invalid/"

// shown is a configuration for clients of the API, without secrets. Alertmanager
// writes out each of its defaults, also those that its older clients do not know
// and refuse (amtool of Debian), so what says nothing is left out.
func shown(conf *amconfig.Config) string {
	full := conf.String()
	var doc map[string]any
	if yaml.Unmarshal([]byte(full), &doc) != nil {
		return full
	}
	usual := amconfig.DefaultGlobalConfig()
	var bare struct {
		Global map[string]any `yaml:"global"`
	}
	if yaml.Unmarshal([]byte((amconfig.Config{Global: &usual}).String()), &bare) != nil {
		return full
	}
	if global, ok := doc["global"].(map[string]any); ok {
		silent(global, bare.Global)
	}
	receivers, _ := doc["receivers"].([]any)
	for _, r := range receivers {
		if fields, ok := r.(map[string]any); ok {
			leanReceiver(fields, bare.Global["http_config"])
		}
	}
	hide(doc)
	silent(doc, nil)
	text, err := yaml.Marshal(doc)
	if err != nil {
		return full
	}
	return string(text)
}

// hide masks what Alertmanager shows of its configuration although people put keys
// there: headers of requests, and the key's name for AWS.
func hide(value any) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			hide(item)
		}
	case map[string]any:
		for key, item := range v {
			switch headers, _ := item.(map[string]any); {
			case key == "http_headers" && headers != nil:
				for _, header := range headers {
					if fields, ok := header.(map[string]any); ok && fields["values"] != nil {
						fields["values"] = []any{"<secret>"}
					}
				}
			case key == "access_key":
				v[key] = "<secret>"
			default:
				hide(item)
			}
		}
	}
}

// leanReceiver leaves out of a receiver what says nothing.
func leanReceiver(fields map[string]any, http any) {
	if labels, ok := fields["labels"].(map[string]any); ok && len(labels) == 1 && labels["name"] == fields["name"] {
		delete(fields, "labels")
	}
	for _, kind := range fields {
		channels, _ := kind.([]any)
		for _, c := range channels {
			channel, ok := c.(map[string]any)
			if !ok {
				continue
			}
			silent(channel, map[string]any{"http_config": http, "timeout": "0s"})
			if channel["url"] == "<secret>" {
				channel["url"] = redactedURL
			}
		}
	}
}

// silent leaves out what says nothing: empty values, and those that are the usual ones.
func silent(fields, usual map[string]any) {
	maps.DeleteFunc(fields, func(key string, value any) bool {
		v := reflect.ValueOf(value)
		switch {
		case !v.IsValid(), reflect.DeepEqual(value, usual[key]):
			return true
		case v.Kind() == reflect.Map, v.Kind() == reflect.Slice:
			return v.Len() == 0
		case v.Kind() == reflect.Bool:
			return false // no is an answer
		}
		return v.IsZero()
	})
}
