package convert

import (
	"bytes"
	"regexp"

	"github.com/moonkeep/moonkeep/config"
)

// directive is a line that keepalived.conf acts on before it is statements.
var directive = regexp.MustCompile(`^[ \t]*(include[a-z]?[ \t]|@\^?[^ \t]|\$[A-Za-z_]\w*=|~SEQ|~LST)`)

// Flattened says what of a keepalived.conf's first file was decided while it
// was read and stands in the result as what came of it: included files,
// lines for one host, definitions, repetitions.
func Flattened(path string, data []byte) config.Findings {
	var found config.Findings
	said := map[string]bool{}
	number := 0
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		number++
		m := directive.FindSubmatchIndex(line)
		if m == nil {
			continue
		}
		name, text := "", ""
		switch line[m[2]] {
		case 'i':
			name, text = "include", "included files are written into this one"
		case '@':
			name, text = "@", "lines for one host are decided for the config id that was given"
		case '$':
			name, text = "$", "definitions are replaced by what they stand for"
		default:
			name, text = "~", "repetitions are written out"
		}
		if said[name] {
			continue
		}
		said[name] = true
		found.Add(config.NewPosition(path, number, m[2]+1), config.Warning, "not-carried", "%s", text)
	}
	return found
}

// Unread returns what the reader of a keepalived.conf found and passed over:
// it is in none of what is written.
func Unread(found config.Findings) config.Findings {
	var passed config.Findings
	for _, f := range found {
		switch f.Name {
		case "unknown-keyword", "wrong-block", "unknown-option", "surplus-words", "unexpected-brace", "unused-script":
			passed = append(passed, f)
		default:
			if f.Loses {
				passed = append(passed, f)
			}
		}
	}
	return passed
}
