package config

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// Args are what a configuration hands to a Lua script, by name. A value is a
// string, a float64 or a bool; readers make no other.
type Args map[string]any

// number is what a bare word of an argument must look like to be a number: as
// in JSON, so that versions, addresses and 007 stay texts.
var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// ParseArg reads the value of an argument from a text without types, such as a
// word of keepalived.conf or a flag: true and false are booleans, what looks
// like a number in JSON is one, and anything else is a text. A text in double
// quotes of its own, as in JSON, is always a text: "3".
func ParseArg(text string) any {
	switch text {
	case "true":
		return true
	case "false":
		return false
	}
	if number.MatchString(text) {
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	}
	if len(text) >= 2 && text[0] == '"' && strings.HasSuffix(text, `"`) {
		var inner string
		if json.Unmarshal([]byte(text), &inner) == nil {
			return inner
		}
	}
	return text
}

// ArgText is the text of a value for people and for other languages; that of
// a string is the string.
func ArgText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		if v == float64(int64(v)) && v > -1e15 && v < 1e15 {
			return strconv.FormatInt(int64(v), 10)
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return ""
}

// ArgWord is what ParseArg makes the value of again.
func ArgWord(value any) string {
	text := ArgText(value)
	if _, is := value.(string); !is || ParseArg(text) == value {
		return text
	}
	quoted, err := json.Marshal(text)
	if err != nil { // there is no string that has no JSON
		return text
	}
	return string(quoted)
}
