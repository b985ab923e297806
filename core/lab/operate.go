//go:build linux

package lab

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

// operate asks the node's daemon for a planned move and tells what it answers.
// That it says no is an expectation that did not come true.
func (l *Lab) operate(ctx context.Context, s Step, n *machine) error {
	if n.proc == nil || !n.proc.running() {
		l.note("%s: no daemon is running", n.Name)
		return nil
	}
	d, can := n.daemon.(Operated)
	if !can {
		l.note("%s: its daemon cannot be asked for that", n.Name)
		return nil
	}
	cmd := d.Operate(n.site, s.Verb)
	if cmd == nil {
		return fmt.Errorf("%s: there is no such command", s.Verb)
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil { // the socket is a file: any namespace will do
		return fmt.Errorf("ask the daemon: %w", err)
	}
	// What takes long is the hand-over, and the program's own start.
	l.mark(s, n.number)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		_ = cmd.Process.Kill() // it may have ended meanwhile
		<-ended
		return context.Cause(ctx)
	}
	text := strings.Join(strings.Split(strings.TrimSpace(said.String()), "\n"), "; ")
	if err != nil {
		return l.judge(s, false, text)
	}
	l.note("%s: %s", n.Name, text)
	return nil
}
