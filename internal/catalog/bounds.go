package catalog

import (
	"bytes"
	"encoding/json"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
)

// maxNesting is how deep objects and arrays of a document may be nested. The
// OpenAPI library reads every level anew, so the work grows with the depth.
const maxNesting = 128

// maxReferences bounds the references of a document. Where every schema refers
// to every other, resolving them takes the third power of their number; the
// largest public documents have some ten thousand.
const maxReferences = 30_000

// checkBounds walks a JSON text once: how deep it is nested, and where its
// references lead.
func checkBounds(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var objects []bool // for every open level: is it an object?
	key, isKey, references := "", false, 0
	for {
		token, err := decoder.Token()
		if err != nil {
			return nil //nolint:nilerr // the end; mistakes are told by those who read the values
		}
		if delim, ok := token.(json.Delim); ok {
			switch delim {
			case '{', '[':
				objects = append(objects, delim == '{')
				if len(objects) > maxNesting {
					return fault.Invalid("the document is nested deeper than %d levels", maxNesting)
				}
				isKey = delim == '{'
			default:
				objects = objects[:len(objects)-1]
				isKey = len(objects) > 0 && objects[len(objects)-1]
			}
			continue
		}
		if isKey {
			key, _ = token.(string)
			isKey = false
			continue
		}
		inObject := len(objects) > 0 && objects[len(objects)-1]
		if inObject && key == "$ref" {
			if references++; references > maxReferences {
				return fault.Invalid("the document has more than %d references", maxReferences)
			}
			if ref, ok := token.(string); ok && !resolvable(ref) {
				return fault.Invalid("the document refers to %q; references must lead to components or paths", shorten(ref))
			}
		}
		isKey = inObject
	}
}

// maxRefSegments bounds how deep a reference may reach into a component.
const maxRefSegments = 64

// resolvable reports whether a local reference leads through parts that the
// OpenAPI library knows. It copies what an unknown part holds for every
// reference to it, and copies of copies grow without bound.
func resolvable(ref string) bool {
	pointer, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return !strings.HasPrefix(ref, "#") // another document: the reader decides
	}
	if strings.Count(pointer, "/") >= maxRefSegments {
		return false
	}
	name := false // the next segment is a name that the author chose, or a number
	for i, segment := range strings.Split(pointer, "/") {
		switch {
		case i == 0:
			if !rootParts[segment] {
				return false
			}
			name = segment != "components"
		case name:
			name = false
		case mapParts[segment]:
			name = true
		case !plainParts[segment]:
			return false
		}
	}
	return true
}

// The members of documents that references may lead through: at the root
// (Swagger 2.0 has some of the components there), those that hold others by
// name or number, and those that hold one.
var (
	rootParts = setOf("components paths webhooks definitions parameters responses")
	mapParts  = setOf("schemas responses parameters examples requestBodies headers securitySchemes links callbacks pathItems " +
		"properties patternProperties $defs dependentSchemas allOf anyOf oneOf prefixItems content encoding")
	plainParts = setOf("get put post delete options head patch trace query requestBody schema itemSchema items additionalProperties " +
		"not if then else contains propertyNames unevaluatedItems unevaluatedProperties contentSchema")
)

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}
