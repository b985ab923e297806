package keepalived

import (
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// Read reads the text of one keepalived.conf by itself: nothing is opened,
// and an include is an error. The path is for messages only. The Config is
// nil or incomplete only if the findings hold an Error; what it holds is valid
// in any case. The findings are sorted and bounded, and contain no password.
// Data is not kept.
func Read(path string, data []byte) (*config.Config, config.Findings) {
	return read(path, string(data), nil, Files{}, Options{})
}

// unreadable returns what keeps the text of a file from being read at all.
func unreadable(path, text string) (config.Finding, bool) {
	var found config.Findings
	if len(text) > mostBytes {
		found.Add(config.NewPosition(path, 1, 1), config.Error, "file-too-large",
			"the file has %d MiB, and at most %d are read: was another file meant?", len(text)>>20, mostBytes>>20)
		return found[0], true
	}
	begin := text[:min(len(text), sample)]
	if at, binary := notText(begin); binary {
		found.Add(newFile(path, begin).position(at), config.Error, "not-text", "this is not a text file: was another file meant?")
		return found[0], true
	}
	return config.Finding{}, false
}

// sample is how much of a file tells whether it is text.
const sample = 8192

// notText reports whether a text has more control characters
// than a text has, and where the first one is.
func notText(text string) (int, bool) {
	const most = 16
	at, n := 0, 0
	for i := range len(text) {
		if c := text[i]; c < ' ' && !strings.ContainsRune("\t\n\v\f\r\x1b", rune(c)) {
			if n == 0 {
				at = i
			}
			n++
		}
	}
	return at, n*most > len(text)
}
