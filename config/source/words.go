package source

import (
	"errors"
	"fmt"
	"strings"
)

// SplitWords splits a command line as a shell splits words: blanks between
// words, text in single quotes as it stands, in double quotes with \" and \\,
// and a backslash before any other character for that character. It expands
// nothing.
func SplitWords(s string) ([]string, error) {
	var all []string
	var word strings.Builder
	inWord, bare := false, true
	end := func() error {
		if !inWord {
			return nil
		}
		if bare {
			switch w := word.String(); w {
			case "|", "||", "&", "&&", ";", "<", ">", ">>", ">/dev/null", "2>/dev/null", "&>/dev/null", "2>&1":
				return fmt.Errorf("%s means something to a shell only, and no shell is used: write a script, or run [\"/bin/sh\", \"-c\", \"...\"]", w)
			}
		}
		all = append(all, word.String())
		word.Reset()
		inWord, bare = false, true
		return nil
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case ' ', '\t', '\n', '\r':
			if err := end(); err != nil {
				return nil, err
			}
		case '\'':
			n := strings.IndexByte(s[i+1:], '\'')
			if n < 0 {
				return nil, errors.New("a single quote is not closed")
			}
			word.WriteString(s[i+1 : i+1+n])
			i += n + 1
			inWord, bare = true, false
		case '"':
			n, err := doubleQuoted(s[i+1:], &word)
			if err != nil {
				return nil, err
			}
			i += n
			inWord, bare = true, false
		case '\\':
			if i++; i == len(s) {
				return nil, errors.New("it ends with a backslash")
			}
			word.WriteByte(s[i])
			inWord, bare = true, false
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if err := end(); err != nil {
		return nil, err
	}
	if len(all) == 0 || all[0] == "" {
		return nil, errors.New("it names no program")
	}
	return all, nil
}

// doubleQuoted appends what stands before the closing quote and returns how
// many bytes that and the quote are.
func doubleQuoted(s string, word *strings.Builder) (int, error) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return i + 1, nil
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		word.WriteByte(s[i])
	}
	return 0, errors.New("a double quote is not closed")
}
