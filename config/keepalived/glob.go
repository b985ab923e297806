package keepalived

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// mostAlternatives bounds what the braces of one pattern stand for.
const mostAlternatives = 1000

// isPattern reports whether a name has characters that mean something in a
// pattern.
func isPattern(name string) bool { return strings.ContainsAny(name, `*?[{\`) }

// isWild reports whether a pattern without alternatives can match more than
// one name.
func isWild(name string) bool {
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++
		case '*', '?', '[':
			return true
		}
	}
	return false
}

// literally removes the backslashes of a pattern that is not wild.
func literally(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] == '\\' && i+1 < len(name) {
			i++
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

// alternatives returns what a pattern stands for when its braces are taken
// apart, in order: a{b,c{d,e}} is ab, acd and ace; {} is itself. It is not ok
// if a brace is not closed, or there are too many.
func alternatives(pattern string) ([]string, bool) {
	open := -1
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == '\\' {
			i++
		} else if pattern[i] == '{' && !strings.HasPrefix(pattern[i:], "{}") {
			open = i
			break
		}
	}
	if open < 0 {
		return []string{pattern}, true
	}
	var choices []string
	depth, from, end := 0, open+1, -1
	for i := open; i < len(pattern) && end < 0; i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '{':
			depth++
		case ',':
			if depth == 1 {
				choices, from = append(choices, pattern[from:i]), i+1
			}
		case '}':
			if depth--; depth == 0 {
				choices, end = append(choices, pattern[from:i]), i
			}
		}
	}
	if end < 0 {
		return nil, false
	}
	var all []string
	for _, c := range choices {
		more, ok := alternatives(pattern[:open] + c + pattern[end+1:])
		if all = append(all, more...); !ok || len(all) > mostAlternatives {
			return nil, false
		}
	}
	return all, true
}

// globFiles returns the names that a pattern without alternatives matches,
// sorted. A name that begins with a point is matched only by a pattern that
// does. The error is for a folder that cannot be listed; one that is not there
// is an error only if the pattern names it.
func globFiles(files Files, pattern string) ([]string, error) {
	found := []string{""}
	parts := strings.Split(pattern, "/")
	wild := false
	for k, part := range parts {
		if part == "" {
			if k == 0 {
				found[0] = "/"
			}
			continue
		}
		if !wild && !isWild(part) {
			found[0] = filepath.Join(found[0], literally(part))
			continue
		}
		var next []string
		for _, folder := range found {
			if part == "." || part == ".." {
				next = append(next, filepath.Join(folder, part))
				continue
			}
			names, err := files.List(filepath.Clean(folder))
			if err != nil {
				if wild && !isDenied(err) {
					continue
				}
				return nil, err
			}
			slices.Sort(names)
			for _, name := range names {
				if matches(part, name) {
					next = append(next, filepath.Join(folder, name))
				}
				if len(next) > mostFiles {
					return nil, fmt.Errorf("%s: more than %d files match", pattern, mostFiles)
				}
			}
		}
		found, wild = next, true
	}
	return found, nil
}

// isDenied reports an error that hides files, other than that there is no
// such folder.
func isDenied(err error) bool { return errors.Is(err, fs.ErrPermission) }

// matches is fnmatch for one part of a path.
func matches(pattern, name string) bool {
	if strings.HasPrefix(name, ".") && !strings.HasPrefix(pattern, ".") {
		return false
	}
	// The shell's [!a] cannot occur: the ! begins a comment.
	ok, err := filepath.Match(pattern, name)
	if err != nil {
		// A [ without ] is itself.
		return pattern == name
	}
	return ok
}
