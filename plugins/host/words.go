//go:build linux

package host

import (
	"strings"
	"sync"
)

// tail keeps the last words of a process: the lines on its standard error,
// and of a panic the first lines, which say what it was.
type tail struct {
	mu    sync.Mutex // guards what follows
	lines []string
	panic bool
}

const maxTail = 4

// add takes a line, and reports whether it is worth to be logged: of the
// hundreds of lines of a panic the first are.
func (t *tail) add(line string) (worth bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(line) > 300 {
		line = line[:300] + "..."
	}
	begins := strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")
	switch {
	case begins && !t.panic:
		t.panic, t.lines = true, nil
	case t.panic && len(t.lines) >= maxTail:
		return false
	}
	if len(t.lines) >= maxTail {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
	return true
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(strings.Join(t.lines, " / "), "?")
}
