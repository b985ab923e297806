package checker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options are the options of a check, as the configuration gives them: an
// object of JSON. The zero value is none.
type Options struct{ raw json.RawMessage }

// NewOptions takes an object of JSON; an empty one may be left out. The error
// says that it is none. The bytes belong to the Options from then on.
func NewOptions(raw []byte) (Options, error) {
	trimmed := bytes.TrimSpace(raw)
	if len(trimmed) == 0 {
		return Options{}, nil
	}
	if trimmed[0] != '{' || !json.Valid(trimmed) {
		return Options{}, errors.New("the options of a check are not an object of JSON")
	}
	return Options{raw: trimmed}, nil
}

// Decode fills a struct whose fields have json tags with the names of the
// options. It is strict: the error names an option that the struct does not
// have, or one whose value is of another kind. Fields without an option keep
// what they have, so that defaults are set before.
//
// Durations are fields of the type Duration.
func (o Options) Decode(into any) error {
	if len(o.raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(o.raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return explain(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("the options of a check are more than one object of JSON")
	}
	return nil
}

// explain says in the words of a configuration what JSON's decoder met.
func explain(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("option %s is %s where %s is expected", kind.Field, given(kind.Value), named(kind.Type.String()))
	}
	// The package has no type for this one.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("there is no option %s", name)
	}
	return fmt.Errorf("read the options: %w", err)
}

// given is what JSON's decoder met, for people.
func given(value string) string {
	switch {
	case value == "object":
		return "a block"
	case value == "array":
		return "a list"
	case value == "bool":
		return "true or false"
	case value == "string":
		return "a text"
	case strings.HasPrefix(value, "number "):
		return strings.TrimPrefix(value, "number ")
	}
	return "a " + value
}

// named is a kind of Go's for people who write configurations.
func named(kind string) string {
	switch {
	case strings.HasPrefix(kind, "[]"):
		return "a list"
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"), strings.HasPrefix(kind, "float"):
		return "a number"
	case kind == "bool":
		return "true or false"
	case kind == "string":
		return "a text"
	}
	return "a block"
}

// as gives values the type that the checker declares for them, where a
// configuration could write texts only, and misses what is required.
func (o Options) as(declared []Option) (Options, error) {
	if len(declared) == 0 {
		return o, nil
	}
	values := map[string]json.RawMessage{}
	if len(o.raw) > 0 {
		if err := json.Unmarshal(o.raw, &values); err != nil {
			return Options{}, fmt.Errorf("read the options: %w", err)
		}
	}
	changed := false
	for _, d := range declared {
		if strings.ContainsRune(d.Name, '.') {
			continue // of a block, which the checker reads
		}
		v, ok := values[d.Name]
		if !ok && d.Required {
			return Options{}, missing(d, declared, values)
		}
		if d.Type != "int" && d.Type != "bool" && d.Type != "duration" {
			continue
		}
		text, err := strconv.Unquote(string(v))
		if !ok || err != nil {
			continue // typed already
		}
		switch {
		case d.Type == "bool" && (text == "true" || text == "false"):
		case d.Type == "int" && integer(text):
		case d.Type == "duration" && integer(text): // seconds
		case d.Type == "duration":
			var t Duration
			if err := t.UnmarshalJSON(v); err != nil {
				return Options{}, fmt.Errorf("option %s: %w", d.Name, err)
			}
			continue
		default:
			return Options{}, fmt.Errorf("option %s is %q where %s is expected", d.Name, text, named(d.Type))
		}
		values[d.Name], changed = json.RawMessage(text), true
	}
	if !changed {
		return o, nil
	}
	raw, err := json.Marshal(values)
	if err != nil {
		return Options{}, fmt.Errorf("write the options: %w", err)
	}
	return Options{raw: raw}, nil
}

// missing is the error for a required option that is not there. One that nobody
// declared is likely it, written wrong.
func missing(d Option, declared []Option, values map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.ContainsFunc(declared, func(o Option) bool { return o.Name == name }) {
			return fmt.Errorf("there is no option %q, and option %s is missing: %s", name, d.Name, d.Doc)
		}
	}
	return fmt.Errorf("option %s is missing: %s", d.Name, d.Doc)
}

// integer reports whether a text is a whole number as JSON writes them.
func integer(text string) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == text
}

// JSON is the object; "{}" when there are no options. It must not be changed.
func (o Options) JSON() json.RawMessage {
	if len(o.raw) == 0 {
		return json.RawMessage("{}")
	}
	return o.raw
}

// parseDuration reads what Go does, and whole days.
func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		const most = (1<<63 - 1) / (24 * time.Hour)
		n, err := strconv.ParseUint(days, 10, 32)
		if err != nil || n > uint64(most) {
			return 0, strconv.ErrRange
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(text)
}

// Duration is a time in an option: a text such as "1.5s" or "30d", or a number
// of seconds.
type Duration time.Duration

// MarshalJSON writes the text.
func (d Duration) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, time.Duration(d).String()), nil
}

// UnmarshalJSON reads either form.
func (d *Duration) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if text, err := strconv.Unquote(string(b)); err == nil {
		t, err := parseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is no duration; write one such as 500ms, 3s or 30d", text)
		}
		*d = Duration(t)
		return nil
	}
	seconds, err := strconv.ParseFloat(string(b), 64)
	if limit := float64(1<<63-1) / float64(time.Second); err != nil || seconds != seconds || seconds >= limit || seconds <= -limit {
		return fmt.Errorf("%s is no duration; write one such as 500ms, 3s or 30d", b)
	}
	*d = Duration(seconds * float64(time.Second))
	return nil
}
