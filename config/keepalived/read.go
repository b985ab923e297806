package keepalived

import (
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// Read reads the text of one keepalived.conf. The path is for messages only;
// nothing is opened. The Config is nil or incomplete only if the findings
// hold an Error; what it holds is valid in any case. The findings are sorted
// and bounded, and contain no password. Data is not kept.
func Read(path string, data []byte) (*config.Config, config.Findings) {
	if len(data) > mostBytes {
		var findings config.Findings
		findings.Add(config.Position{File: path, Line: 1, Column: 1}, config.Error, "file-too-large",
			"the file has %d MiB, and at most %d are read: was another file meant?", len(data)>>20, mostBytes>>20)
		return nil, findings
	}
	f := newFile(path, string(data), 0)
	out := &report{file: f, perName: map[string]int{}}
	if at, binary := notText(f.text); binary {
		out.error(pos(at), "not-text", "this is not a text file: was another file meant?")
		return nil, out.findings()
	}
	r := newReader(f, out)
	r.walkFile()
	cfg := r.complete()
	return cfg, out.findings()
}

// notText reports whether the beginning of a text has more control characters
// than a text has, and where the first one is.
func notText(text string) (int, bool) {
	const sample, most = 8192, 16
	head := text[:min(len(text), sample)]
	at, n := 0, 0
	for i := range len(head) {
		if c := head[i]; c < ' ' && !strings.ContainsRune("\t\n\v\f\r\x1b", rune(c)) {
			if n == 0 {
				at = i
			}
			n++
		}
	}
	return at, n*most > len(head)
}
