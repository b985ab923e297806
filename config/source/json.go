package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/config"
)

// jsonTree reads JSON. A nil tree means that there is none; why is in found.
func jsonTree(file string, data []byte, found *config.Findings) *value {
	if len(bytes.TrimSpace(data)) == 0 {
		found.Add(config.NewPosition(file, 1, 1), config.Error, "empty-file", "%s", emptyText)
		return nil
	}
	if !utf8.Valid(data) {
		at := 0
		for at < len(data) {
			r, size := utf8.DecodeRune(data[at:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			at += size
		}
		found.Add(newLines(file, data).at(at), config.Error, "syntax", "this is not JSON: it is not in UTF-8 here; convert the file")
		return nil
	}
	j := jsonReader{lines: newLines(file, data), decoder: json.NewDecoder(bytes.NewReader(data)), found: found}
	j.decoder.UseNumber()
	root, err := j.value(0)
	if err == nil {
		start := j.next()
		if _, end := j.decoder.Token(); !errors.Is(end, io.EOF) {
			found.Add(j.lines.at(start), config.Error, "syntax", "this is not JSON: text after the end of the value")
			return nil
		}
		return root
	}
	offset := int(j.decoder.InputOffset())
	if name := boundName(err); name != "" {
		found.Add(j.lines.at(offset), config.Error, name, "%v", err)
		return nil
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		// The offset is that of the byte at fault or of the one behind it.
		offset = j.skip(max(int(syntax.Offset)-1, 0))
	}
	text := strings.TrimPrefix(err.Error(), "json: ")
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		offset, text = len(data), "it ends within a value: a bracket or a quote is not closed"
	}
	found.Add(j.lines.at(offset), config.Error, "syntax", "this is not JSON: %s", printable(text))
	return nil
}

// jsonReader turns the decoder's tokens into values.
type jsonReader struct {
	lines   *lines
	decoder *json.Decoder
	found   *config.Findings
	// count bounds the tree.
	count int
}

// next returns the offset at which the next token starts.
func (j *jsonReader) next() int { return j.skip(int(j.decoder.InputOffset())) }

// skip returns the offset of the first byte that is neither blank nor a
// separator.
func (j *jsonReader) skip(i int) int {
	for i < len(j.lines.data) && strings.IndexByte(" \t\r\n,:", j.lines.data[i]) >= 0 {
		i++
	}
	return i
}

func (j *jsonReader) value(depth int) (*value, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	if j.count++; j.count > maxValues {
		return nil, errMany
	}
	v := &value{at: j.lines.at(j.next())}
	token, err := j.decoder.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case nil:
		v.kind = kindNull
	case bool:
		v.kind, v.text = kindBool, fmt.Sprint(t)
	case string:
		v.kind, v.text = kindText, t
	case json.Number:
		v.kind, v.text = kindInt, t.String()
		if strings.ContainsAny(v.text, ".eE") {
			v.kind = kindFloat
		}
	case json.Delim:
		if t == '[' {
			return v, j.list(v, depth)
		}
		return v, j.table(v, depth)
	}
	return v, nil
}

func (j *jsonReader) list(v *value, depth int) error {
	v.kind = kindList
	for j.decoder.More() {
		item, err := j.value(depth + 1)
		if err != nil {
			return err
		}
		v.items = append(v.items, item)
	}
	_, err := j.decoder.Token()
	return err
}

func (j *jsonReader) table(v *value, depth int) error {
	v.kind = kindTable
	seen := make(map[string]int)
	for j.decoder.More() {
		at := j.lines.at(j.next())
		token, err := j.decoder.Token()
		if err != nil {
			return err
		}
		key, ok := token.(string)
		if !ok {
			return fmt.Errorf("a key must be text in quotes")
		}
		val, err := j.value(depth + 1)
		if err != nil {
			return err
		}
		if line, twice := seen[key]; twice {
			j.found.Add(at, config.Error, "duplicate-key", "%s is given twice, first in line %d", quoted(key), line)
			continue
		}
		seen[key] = at.Line()
		v.fields = append(v.fields, field{key: key, at: at, value: val})
	}
	_, err := j.decoder.Token()
	return err
}
