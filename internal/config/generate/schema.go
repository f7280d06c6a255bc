package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"

	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/limit"
)

type object = map[string]any

// reference to a definition that every schema has; any scalar may be a ${…}.
func ref(name string) object { return object{"$ref": "#/$defs/" + name} }

const filledIn = `\$\{`

// jsonSchema writes the schema for editors (JSON Schema 2020-12).
func jsonSchema(file *section, all []*section) ([]byte, error) {
	definitions := object{
		"text":     object{"type": []string{"string", "number", "boolean"}},
		"secret":   object{"type": []string{"string", "number"}},
		"boolean":  object{"anyOf": []object{{"type": "boolean"}, {"type": "string", "pattern": filledIn}, {"enum": []string{"yes", "no", "on", "off"}}}},
		"integer":  object{"anyOf": []object{{"type": "integer"}, {"type": "string", "pattern": filledIn}}},
		"duration": object{"anyOf": []object{{"type": "string", "pattern": `^ *([0-9]+(\.[0-9]*)?(w|d|h|m|s|ms|us|µs|ns))+ *$|^0$|` + filledIn}, {"const": 0}}, "examples": []string{"300ms", "30s", "5m", "1h30m", "14d"}},
		"share":    object{"anyOf": []object{{"type": "string", "pattern": `^ *[0-9.]+ *%? *$|` + filledIn}, {"type": "number", "minimum": 0, "maximum": 1}}, "examples": []string{"5%", "100%"}},
		"rate":     object{"type": "string", "pattern": `^ *[0-9_]+ */ *[0-9]*[a-z]+ *$|` + filledIn, "examples": []string{"500/minute", "10/s", "1000/10m"}},
		"quota":    object{"type": "string", "pattern": `^ *[0-9_]+ */ *[a-z]+ *$|` + filledIn, "examples": []string{"100000/day", "2000000/month"}},
		"size":     object{"anyOf": []object{{"type": "string", "pattern": `^ *[0-9.]+ *(B|[kKMGT]B|[KMGT]iB)? *$|` + filledIn}, {"type": "integer", "minimum": 0}}, "examples": []string{"512B", "4KiB", "1MiB"}},
	}
	for _, s := range all {
		if s != file {
			definitions[s.name] = sectionSchema(s)
		}
	}
	root := sectionSchema(file)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = "https://lapwing.dev/schema/lapwing.json"
	root["title"] = "Lapwing configuration"
	root["patternProperties"] = object{"^x-": object{"description": "Ignored: a home for anchors."}}
	root["$defs"] = definitions
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(root)
	return b.Bytes(), err
}

func sectionSchema(s *section) object {
	properties := object{}
	for _, k := range s.keys {
		property := typeSchema(k.typ, k)
		property["description"] = describe(k)
		if literal := k.literal(); literal != "" {
			property["default"] = literal
		}
		if k.example != "" {
			property["examples"] = []string{k.example}
		}
		properties[k.name] = property
	}
	return object{"type": "object", "description": s.doc, "properties": properties, "additionalProperties": false}
}

func describe(k key) string {
	if k.fallback != "" {
		return k.doc + " Default: " + k.fallback + "."
	}
	return k.doc
}

func typeSchema(t reflect.Type, k key) object {
	switch t {
	case reflect.TypeFor[units.Duration]():
		return ref("duration")
	case reflect.TypeFor[units.Size]():
		return ref("size")
	case reflect.TypeFor[secret.String]():
		return ref("secret")
	case reflect.TypeFor[units.Share]():
		return ref("share")
	case reflect.TypeFor[limit.Rate]():
		return ref("rate")
	case reflect.TypeFor[limit.Quota]():
		return ref("quota")
	}
	if isScalar(t) {
		return ref("text")
	}
	if isVerbatim(t) {
		return object{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeSchema(t.Elem(), k)
	case reflect.Slice:
		list := object{"type": "array", "items": typeSchema(t.Elem(), k)}
		if hasShortForm(t) {
			return object{"oneOf": []object{{"type": []string{"string", "number", "boolean"}}, list}}
		}
		return list
	case reflect.Map:
		return object{"type": "object", "additionalProperties": typeSchema(t.Elem(), k)}
	case reflect.Bool:
		return ref("boolean")
	case reflect.Int, reflect.Int64, reflect.Uint16, reflect.Float64:
		return ref("integer")
	case reflect.Interface:
		return object{}
	case reflect.Struct:
		if k.section.short != "" {
			return object{"oneOf": []object{{"type": []string{"string", "number", "boolean"}}, ref(k.section.name)}}
		}
		return ref(k.section.name)
	}
	if len(k.words) > 0 {
		var values []any
		for _, word := range k.words {
			values = append(values, word)
			if strings.Trim(word, "0123456789.") == "" {
				values = append(values, json.Number(word)) // unquoted it is a number
			}
		}
		return object{"anyOf": []object{{"enum": values}, {"type": "string", "pattern": filledIn}}}
	}
	return ref("text")
}
