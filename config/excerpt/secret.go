package excerpt

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/moonkeep/moonkeep/config/source"
)

var (
	// secretWord is a word behind which a secret may stand. It may have grown
	// together with it (auth_passSECRET), so it ends as early as it can.
	secretWord = pattern(`(?i)(?:pass(?:word|wd|phrase)?\b|pass|secret|token|psk|credential|api_?key|private_?key|\bkey\b)`)
	// authType is the one line of an authentication block that holds none.
	authType = pattern(`^\s*['"]?auth_type['"]?\s*[:= ]\s*['"]?(?:PASS|AH)['"]?\s*,?\s*$`)
	// alone is a word for a secret with nothing behind it: what was meant to
	// stand there may stand below.
	alone = pattern(`(?i)^\s*\w*(?:pass|secret)\w*\s*$`)
	// assigns is what stands between a key and its value.
	assigns = pattern(`^(?:['"]?\s*[:=])?[ \t]*`)
	// nothing is a line of braces and punctuation.
	nothing = pattern(`^[\s{}\[\],]*$`)
	// authBlock begins a block for authentication in keepalived's language,
	// authKey a table for it in ours, authTable the same in TOML.
	authBlock = pattern(`(?i)(?:^|[\s{}])auth[a-z_]*\s*\{|^\s*auth[a-z_]*\s*$`)
	authKey   = pattern(`(?i)(?:^|[\s{,\["'.-])auth[a-z_]*['"]?\s*(?:[:=]|\.)\s*|(?:^|[\s{,"'])ssl['"]?\s*[:=]\s*`)
	authTable = pattern(`(?i)^\s*\[.*auth.*\]`)
	// authLine begins a line with a secret in keepalived's language that is no
	// block; a file of such lines and of no blocks is included in one.
	authLine = pattern(`(?i)^\s*(?:@\S+\s+)?auth[\w-]*[\s=:]\s*`)
	// top begins a block at the top level, in which no other block goes on.
	top = pattern(`^\s*(?:vrrp_|virtual_server|global_defs|static_)`)
	// reference is how a secret may be named that stands elsewhere: $NAME and
	// ${NAME} in keepalived.conf, *NAME in YAML.
	reference = pattern(`\$\{?(\w+)|\*([\w-]+)`)
	// definition is where such a name gets its value.
	definition = pattern(`^\s*\$(\w+)\s*=|&([\w-]+)`)
)

// pattern compiles an expression when it is first used: a program that shows no
// lines needs none of them.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// secrets returns, for each line that may hold a secret, the byte from which
// on it must not be shown.
func secrets(file string, lines []string) map[int]int {
	s := scan{lines: lines, hidden: map[int]int{}, secret: map[string]bool{}, plain: map[string]bool{}}
	s.native = slices.Contains(source.Extensions(), strings.ToLower(filepath.Ext(file)))
	s.part = !s.native && isPart(lines)
	for i := range lines {
		if s.region(i) || s.goesOn(i) {
			s.inside(i)
		} else {
			s.words(i, 0)
		}
		if i > 0 && !s.native && alone().MatchString(lines[i-1]) && !nothing().MatchString(lines[i]) {
			s.hide(i, indent(lines[i]))
		}
	}
	s.references()
	return s.hidden
}

// isPart reports whether a file is the inside of a block for authentication:
// it begins with such a line and has no block of its own.
func isPart(lines []string) bool {
	block := func(line string) bool { return strings.Contains(line, "{") }
	first := slices.IndexFunc(lines, func(line string) bool {
		line = strings.TrimSpace(line)
		return line != "" && line[0] != '#' && line[0] != '!'
	})
	return first >= 0 && authLine().MatchString(lines[first]) && !slices.ContainsFunc(lines, block)
}

// scan looks for secrets from the first line to the last.
type scan struct {
	lines  []string
	native bool
	// part says that the file is the inside of a block for authentication.
	part   bool
	hidden map[int]int
	// depth is how many braces of a block for authentication are open; armed
	// says that its name was read and its brace was not.
	depth int
	armed bool
	// within is the indentation of a table for authentication plus one, or
	// 0; table says that a TOML table for it has begun.
	within int
	table  bool
	// value is the indentation, plus one, of a secret whose value goes on
	// below; quote is what ends it, if it is quoted.
	value int
	quote string
	// secret and plain are the names referred to in what is hidden, and in
	// what is not.
	secret, plain map[string]bool
}

// region reports whether a line is inside of a block for authentication.
func (s *scan) region(i int) bool {
	line := s.lines[i]
	if s.native {
		return s.nativeRegion(i)
	}
	if s.part {
		return true
	}
	if s.armed && !strings.HasPrefix(strings.TrimSpace(line), "{") {
		s.armed = strings.TrimSpace(line) == ""
		return false
	}
	if s.depth > 0 && top().MatchString(line) {
		s.depth = 0 // a brace is missing
	}
	if s.depth > 0 || s.armed {
		s.braces(line)
		return true
	}
	if at := authBlock().FindStringIndex(line); at != nil {
		head := strings.TrimRight(line[:at[1]], "{")
		s.armed = len(head) == at[1]
		s.braces(line[len(head):])
		s.hide(i, at[1])
	} else if at := authLine().FindStringIndex(line); at != nil && !authType().MatchString(line) {
		s.hide(i, at[1])
	}
	return false
}

// braces follows the braces of a block for authentication.
func (s *scan) braces(line string) {
	for _, c := range line {
		switch c {
		case '{':
			s.depth++
			s.armed = false
		case '}':
			s.depth = max(s.depth-1, 0)
		}
	}
}

// nativeRegion is region for YAML, TOML and JSON.
func (s *scan) nativeRegion(i int) bool {
	line := s.lines[i]
	blank := strings.TrimSpace(line) == ""
	if s.within > 0 && !blank && indent(line) < s.within {
		s.within = 0
	}
	if strings.HasPrefix(strings.TrimSpace(line), "[") {
		s.table = authTable().MatchString(line)
		if s.table {
			return false
		}
	}
	if s.within > 0 || s.table {
		return true
	}
	at := authKey().FindStringIndex(line)
	if at == nil || authType().MatchString(line) {
		return false
	}
	rest := line[at[1]:]
	ssl := strings.Contains(strings.ToLower(line[at[0]:at[1]]), "ssl")
	if !nothing().MatchString(rest) {
		s.hide(i, at[1])
	} else if ssl {
		return false
	}
	// What is in brackets may end on its line; all else may go on below.
	opened, closed := strings.Count(rest, "{")+strings.Count(rest, "["), strings.Count(rest, "}")+strings.Count(rest, "]")
	if opened == 0 || opened > closed {
		s.within = indent(line) + 1
	}
	return false
}

// goesOn reports whether a line is part of a value that began above it.
func (s *scan) goesOn(i int) bool {
	if s.quote != "" {
		if strings.Contains(s.lines[i], s.quote) {
			s.quote = ""
		}
		return true
	}
	if s.value == 0 {
		return false
	}
	if strings.TrimSpace(s.lines[i]) != "" && indent(s.lines[i]) < s.value {
		s.value = 0
		return false
	}
	return true
}

// inside hides a line that is in a block for authentication or in a secret,
// but for what is known to be none.
func (s *scan) inside(i int) {
	line := s.lines[i]
	switch {
	case authType().MatchString(line) || nothing().MatchString(line):
	case secretWord().MatchString(line):
		first := len(line) - len(strings.TrimLeft(line, " \t{'\""))
		if known(line[first:]) {
			s.words(i, first)
		} else {
			s.hide(i, first)
		}
	default:
		s.hide(i, indent(line))
	}
}

// known reports whether a line begins with a key of an authentication block.
func known(line string) bool {
	return strings.HasPrefix(line, "auth_pass") || strings.HasPrefix(line, "key") || strings.HasPrefix(line, "auth_type")
}

// words hides what stands behind the first secret word from a byte on.
func (s *scan) words(i, from int) {
	line := s.lines[i]
	at := secretWord().FindStringIndex(line[from:])
	if at == nil {
		return
	}
	end := from + at[1]
	end += len(assigns().FindString(line[end:]))
	s.hide(i, end)
	if !s.native {
		return
	}
	for _, quote := range [2]string{`"""`, "'''"} {
		if strings.Count(line[end:], quote) == 1 {
			s.quote = quote
			return
		}
	}
	s.value = indent(line) + 1
}

// hide hides a line from a byte on, unless there is nothing to hide.
func (s *scan) hide(i, from int) {
	if strings.Trim(s.lines[i][from:], " \t\r'\":={}") == "" {
		return
	}
	if old, ok := s.hidden[i]; !ok || from < old {
		s.hidden[i] = from
	}
}

// references hides the definitions of the names that secrets are given by,
// and those that this file does not use: another file may.
func (s *scan) references() {
	for i, line := range s.lines {
		from, hides := s.hidden[i]
		if !hides {
			from = len(line)
		}
		collect(line[:from], s.plain)
		collect(line[from:], s.secret)
	}
	for i, line := range s.lines {
		m := definition().FindStringSubmatchIndex(line)
		if m == nil || s.native != (m[2] < 0) {
			continue
		}
		name := line[max(m[2], m[4]):max(m[3], m[5])]
		if s.secret[name] || !s.plain[name] && !s.native {
			s.hide(i, m[1])
		}
	}
	for i := 1; i < len(s.lines); i++ {
		above := strings.TrimRight(s.lines[i-1], " \t\r")
		if _, hides := s.hidden[i-1]; hides && strings.HasSuffix(above, `\`) {
			s.hide(i, 0) // the line above goes on here
		}
	}
}

// collect notes the names that a text refers to. A definition is none.
func collect(text string, names map[string]bool) {
	if m := definition().FindStringSubmatchIndex(text); m != nil && m[2] >= 0 {
		text = text[m[1]:]
	}
	for _, m := range reference().FindAllStringSubmatch(text, -1) {
		names[m[1]+m[2]] = true
	}
}

// indent counts the blanks that a line begins with.
func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t-")) }
