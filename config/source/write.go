package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/moonkeep/moonkeep/config/document"
)

// Write renders a document in the language that an ending names: .yaml, .yml,
// .toml or .json. Read gives the same configuration back. What is Hidden is
// written as a key without a value, which Read refuses, so that a file whose
// secrets were left out cannot be run by mistake. JSON has no comments; they
// are left out.
func Write(doc *document.Node, ending string) ([]byte, error) {
	switch ending {
	case ".yaml", ".yml":
		return writeYAML(doc)
	case ".toml":
		return writeTOML(doc), nil
	case ".json":
		return writeJSON(doc)
	}
	return nil, fmt.Errorf("write a configuration: no language has the ending %q", ending)
}

// missing is the comment at a secret that was left out.
const missing = "left out: a secret"

// literal is a text as the reader must see it: a dollar would begin a
// reference to the environment.
func literal(text string) string { return strings.ReplaceAll(text, "$", "$$") }

func writeYAML(doc *document.Node) ([]byte, error) {
	if len(doc.Nodes) == 0 {
		return []byte("{}\n"), nil
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	root := yamlNode(doc)
	root.FootComment = marked(doc.Below)
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	if err := e.Close(); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return b.Bytes(), nil
}

// marked makes comment lines.
func marked(lines []string) string {
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("# " + l)
	}
	return b.String()
}

func yamlNode(n *document.Node) *yaml.Node {
	y := &yaml.Node{}
	switch {
	case n.Hidden:
		y.Kind, y.Tag, y.Value, y.LineComment = yaml.ScalarNode, "!!null", "", "# "+missing
	case n.Kind == document.Literal:
		y.Kind, y.Value, y.Tag = yaml.ScalarNode, n.Text, "!!int"
		switch {
		case n.Text == "true" || n.Text == "false":
			y.Tag = "!!bool"
		case strings.ContainsAny(n.Text, ".e"):
			y.Tag = "!!float"
		}
	case n.Kind == document.Text:
		y.Kind, y.Value, y.Tag = yaml.ScalarNode, literal(n.Text), "!!str"
	case n.Kind == document.List:
		y.Kind, y.Tag = yaml.SequenceNode, "!!seq"
		plain := true
		for _, c := range n.Nodes {
			item := yamlNode(c)
			item.HeadComment = marked(c.Above)
			plain = plain && item.Kind == yaml.ScalarNode && item.HeadComment == "" && item.LineComment == "" && c.Behind == ""
			if item.Kind == yaml.ScalarNode && c.Behind != "" {
				item.LineComment = "# " + c.Behind
			}
			y.Content = append(y.Content, item)
		}
		if plain {
			y.Style = yaml.FlowStyle
		}
	default:
		y.Kind, y.Tag = yaml.MappingNode, "!!map"
		if len(n.Nodes) == 0 {
			y.Style = yaml.FlowStyle
		}
		for _, c := range n.Nodes {
			key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: c.Key, HeadComment: marked(c.Above)}
			value := yamlNode(c)
			if c.Behind != "" {
				if value.Kind == yaml.ScalarNode || value.Style == yaml.FlowStyle {
					value.LineComment = "# " + c.Behind
				} else {
					key.HeadComment = marked(append(append([]string(nil), c.Above...), c.Behind))
				}
			}
			y.Content = append(y.Content, key, value)
		}
		// An item of a list has no key to hang its comments on.
		if n.Key == "" && n.Behind != "" && len(y.Content) > 0 {
			first := y.Content[0]
			first.HeadComment = strings.TrimPrefix(first.HeadComment+"\n# "+n.Behind, "\n")
		}
	}
	return y
}

func writeJSON(doc *document.Node) ([]byte, error) {
	var b bytes.Buffer
	if err := jsonNode(&b, doc); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b.Bytes(), "", "  "); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func jsonNode(b *bytes.Buffer, n *document.Node) error {
	switch {
	case n.Hidden:
		b.WriteString("null")
	case n.Kind == document.Literal:
		b.WriteString(n.Text)
	case n.Kind == document.Text:
		return jsonText(b, literal(n.Text))
	case n.Kind == document.List:
		b.WriteByte('[')
		for i, c := range n.Nodes {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := jsonNode(b, c); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	default:
		b.WriteByte('{')
		for i, c := range n.Nodes {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := jsonText(b, c.Key); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := jsonNode(b, c); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	}
	return nil
}

func jsonText(b *bytes.Buffer, s string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	b.Write(text)
	return nil
}
