package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	yaml "github.com/oasdiff/yaml3"

	"lapwing.dev/lapwing/internal/fault"
)

// maxYAMLNodes bounds what aliases may blow a document up to.
const maxYAMLNodes = 1_000_000

// yamlToJSON converts one YAML document. It uses the YAML parser that
// kin-openapi brings along (a fork of go-yaml 3, hardened against hostile
// input), but only up to the tree: aliases are expanded here, under a budget.
func yamlToJSON(data []byte) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, fault.Invalid("%w: neither JSON nor YAML: %s", errForeign, shorten(strings.TrimPrefix(err.Error(), "yaml: ")))
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil, fault.Invalid("%w: want a mapping at its top", errForeign)
	}
	c := &converter{budget: maxYAMLNodes}
	if err := c.write(root.Content[0], 0); err != nil {
		return nil, err
	}
	return c.out.Bytes(), nil
}

type converter struct {
	out    bytes.Buffer
	budget int
}

func (c *converter) write(n *yaml.Node, depth int) error {
	c.budget--
	if c.budget < 0 || c.out.Len() > 4*MaxSize {
		return fault.Invalid("line %d: the document's aliases blow it up beyond reason", n.Line)
	}
	if depth > maxNesting { // also an alias to its own parent
		return fault.Invalid("line %d: the document is nested deeper than %d levels", n.Line, maxNesting)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return c.write(n.Alias, depth+1)
	case yaml.MappingNode:
		return c.writeMapping(n, depth)
	case yaml.SequenceNode:
		c.out.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				c.out.WriteByte(',')
			}
			if err := c.write(item, depth+1); err != nil {
				return err
			}
		}
		c.out.WriteByte(']')
		return nil
	case yaml.ScalarNode:
		return c.writeScalar(n)
	}
	return fault.Invalid("line %d: unexpected YAML", n.Line)
}

// writeMapping writes an object. Keys such as 200 become texts; a merged
// mapping (<<) gives the members that are not written beside it.
func (c *converter) writeMapping(n *yaml.Node, depth int) error {
	c.out.WriteByte('{')
	own := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; key.Kind == yaml.ScalarNode && key.ShortTag() != "!!merge" {
			own[key.Value] = true
		}
	}
	written := map[string]bool{}
	var pairs func(n *yaml.Node, merged bool, depth int) error
	pairs = func(n *yaml.Node, merged bool, depth int) error {
		if c.budget--; c.budget < 0 || depth > maxNesting {
			return fault.Invalid("line %d: the document's aliases blow it up beyond reason", n.Line)
		}
		if n.Kind == yaml.AliasNode {
			return pairs(n.Alias, merged, depth+1)
		}
		if n.Kind == yaml.SequenceNode && merged {
			for _, item := range n.Content {
				if err := pairs(item, true, depth+1); err != nil {
					return err
				}
			}
			return nil
		}
		if n.Kind != yaml.MappingNode {
			return fault.Invalid("line %d: << wants a mapping", n.Line)
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if key.Kind == yaml.AliasNode {
				key = key.Alias
			}
			if key.Kind != yaml.ScalarNode {
				return fault.Invalid("line %d: a key must be a text", key.Line)
			}
			if key.ShortTag() == "!!merge" {
				if err := pairs(value, true, depth+1); err != nil {
					return err
				}
				continue
			}
			if written[key.Value] || (merged && own[key.Value]) {
				continue
			}
			if len(written) > 0 {
				c.out.WriteByte(',')
			}
			written[key.Value] = true
			c.writeText(key.Value)
			c.out.WriteByte(':')
			if err := c.write(value, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	if err := pairs(n, false, depth); err != nil {
		return err
	}
	c.out.WriteByte('}')
	return nil
}

// writeScalar writes numbers, booleans and null as such, everything else (dates
// too) as the text that was written.
func (c *converter) writeScalar(n *yaml.Node) error {
	switch n.ShortTag() {
	case "!!null":
		c.out.WriteString("null")
		return nil
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			c.out.WriteString(strconv.FormatBool(b))
			return nil
		}
	case "!!int":
		var i int64
		if n.Decode(&i) == nil {
			c.out.WriteString(strconv.FormatInt(i, 10))
			return nil
		}
		fallthrough
	case "!!float":
		var f float64
		if n.Decode(&f) == nil {
			if text, err := json.Marshal(f); err == nil { // not for NaN and infinities
				c.out.Write(text)
				return nil
			}
			return fault.Invalid("line %d: %s is not a number in JSON", n.Line, shorten(n.Value))
		}
	}
	c.writeText(n.Value)
	return nil
}

func (c *converter) writeText(text string) {
	quoted, err := json.Marshal(text)
	if err != nil {
		quoted = fmt.Appendf(nil, "%q", "")
	}
	c.out.Write(quoted)
}
