// Package comment finds the comments in the text of a configuration file, in
// whichever language its name tells.
//
// It knows no more of a language than where a comment begins on a line, and
// gives them no meaning: config/silence finds allows in them, config/document
// carries them from one language to another.
package comment

import (
	"path/filepath"
	"strings"
)

// Start returns the function that finds, in a line of a file of that name,
// the byte at which a comment begins: the line's length when there is none.
// It is nil for JSON, which has no comments.
func Start(path string) func(line string) int {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json":
		return nil
	case ".yaml", ".yml", ".toml":
		return native
	}
	return keepalived
}

// keepalived begins a comment at a # or ! outside of double quotes and not
// behind a backslash.
func keepalived(line string) int {
	inside := false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '"':
			inside = !inside
		case '\\':
			i++
		case '#', '!':
			if !inside {
				return i
			}
		}
	}
	return len(line)
}

// native is for YAML and TOML: a # behind a blank and outside of quotes. It
// takes a line within text of several lines for one of its own.
func native(line string) int {
	var quote byte
	for i := 0; i < len(line); i++ {
		c := line[i]
		begins := i == 0 || strings.IndexByte(" \t[{,(=:", line[i-1]) >= 0
		switch {
		case quote != 0 && c == '\\' && quote == '"':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			return i
		case (c == '"' || c == '\'') && begins:
			quote = c
		}
	}
	return len(line)
}
