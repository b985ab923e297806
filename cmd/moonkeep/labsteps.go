package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/moonkeep/moonkeep/core/lab"
)

// errDaemonEnded is in the error of a wait that is in vain because a daemon
// ended by itself.
var errDaemonEnded = errors.New("the wait is in vain")

// labEnds lets no step wait for a daemon that ended by itself. The zero value
// is ready.
type labEnds struct {
	mu   sync.Mutex              // guards what follows
	end  error                   // the first since forget
	stop context.CancelCauseFunc // of the step that waits, or nil
}

// happened says that a daemon ended and that no step is the cause.
func (e *labEnds) happened(end error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end == nil {
		e.end = fmt.Errorf("%w: %w", errDaemonEnded, end)
	}
	if e.stop != nil {
		e.stop(e.end)
	}
}

// forget lets steps wait again.
func (e *labEnds) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.end = nil
}

// do carries a step out. One that waits for the nodes fails at once when a
// daemon ends meanwhile, or has ended.
func (e *labEnds) do(ctx context.Context, l *lab.Lab, s lab.Step) error {
	if s.Verb != lab.Settle && s.Verb != lab.Await {
		return l.Do(ctx, s)
	}
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	e.mu.Lock()
	e.stop = stop
	if e.end != nil {
		stop(e.end)
	}
	e.mu.Unlock()
	err := l.Do(waiting, s)
	e.mu.Lock()
	e.stop = nil
	e.mu.Unlock()
	if errors.Is(err, errDaemonEnded) {
		return fmt.Errorf("%s: %s: %w", s.At, s, err)
	}
	return err
}

// scriptLab carries the steps out until one fails.
func scriptLab(ctx context.Context, l *lab.Lab, ends *labEnds, steps []lab.Step) error {
	for _, s := range steps {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := ends.do(ctx, l, s); err != nil {
			return err
		}
	}
	return nil
}

// promptLab carries out what is typed until the input ends or quit. A step
// that fails is reported, no more.
func promptLab(ctx context.Context, l *lab.Lab, ends *labEnds, stdin io.Reader, out *promptWriter) error {
	// A read from a terminal cannot be called off, so this goroutine lives
	// until the process ends when a signal is what ends the prompt.
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(stdin); in.Scan(); {
			select {
			case lines <- in.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	fmt.Fprintln(out, `Type steps, for example "crash a"; "help" lists them, "quit" ends.`)
	for {
		var line string
		var more bool
		out.ask()
		select {
		case line, more = <-lines:
		case <-ctx.Done():
		}
		out.answered()
		switch word := strings.TrimSpace(line); {
		case !more || word == "quit" || word == "exit":
			fmt.Fprintln(out)
			return nil
		case word == "help" || word == "?":
			fmt.Fprintln(out, labHelp())
			continue
		}
		steps, findings := lab.Parse("", line)
		for _, f := range append(findings, l.Plan().Resolve(steps)...) {
			fmt.Fprintln(out, f.Text)
			steps = nil
		}
		ends.forget() // who types saw it
		for _, s := range steps {
			err := ends.do(ctx, l, s)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil && !errors.Is(err, lab.ErrExpect) && !errors.Is(err, errDaemonEnded) {
				return err
			}
		}
	}
}

// promptWriter writes the timeline around a prompt: what happens while the
// lab waits for a line goes over the prompt, which is then shown again. What
// was typed so far stays with the terminal.
type promptWriter struct {
	mu      sync.Mutex
	w       io.Writer
	waiting bool
}

const labPrompt = "lab> "

func (p *promptWriter) ask() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = true
	fmt.Fprint(p.w, labPrompt)
}

func (p *promptWriter) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = false
}

// Write implements io.Writer.
func (p *promptWriter) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.waiting {
		return p.w.Write(b)
	}
	_, err := fmt.Fprintf(p.w, "\r%s%s", b, labPrompt)
	return len(b), err
}
