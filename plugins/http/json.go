package http

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxJSON is how long a body of JSON may be that is looked into.
const maxJSON = 1 << 20

// jsonTest is what a body of JSON must hold.
type jsonTest struct {
	path  string
	steps []string
	want  *string
}

func newJSONTest(path string, want *string) *jsonTest {
	return &jsonTest{path, strings.Split(strings.TrimPrefix(path, "$."), "."), want}
}

// check returns what is wrong, or nothing. The error is the body's.
func (j *jsonTest) check(body io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(body, maxJSON+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxJSON {
		return fmt.Sprintf("the body is longer than %d bytes, which is all that json_path looks into", maxJSON), nil
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return "the body is no JSON: " + err.Error(), nil
	}
	if rest := strings.TrimLeft(string(text[d.InputOffset():]), " \t\r\n"); rest != "" {
		return "the body is no JSON: " + short(rest) + " follows it", nil
	}
	for _, step := range j.steps {
		ok := false
		switch v := value.(type) {
		case map[string]any:
			value, ok = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if ok = err == nil && i >= 0 && i < len(v); ok {
				value = v[i]
			}
		}
		if !ok {
			return fmt.Sprintf("the body has no %s (nothing at %q)", j.path, step), nil
		}
	}
	got := jsonText(value)
	switch {
	case j.want != nil && got != *j.want:
		return fmt.Sprintf("%s is %s, expected %s", j.path, short(got), short(*j.want)), nil
	case j.want == nil && (got == "" || got == "null" || got == "false" || got == "0" || got == "[]" || got == "{}"):
		return fmt.Sprintf("%s is %s", j.path, short(got)), nil
	}
	return "", nil
}

// jsonText is a value as text: a string without its quotes.
func jsonText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case nil:
		return "null"
	}
	b, err := json.Marshal(value)
	if err != nil { // what came from JSON goes back into it
		return err.Error()
	}
	return string(b)
}

// short cuts what a server sent to what fits in a message, and makes it
// readable.
func short(s string) string {
	const most = 100
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
