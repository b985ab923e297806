package engine

import (
	"context"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/core/node"
)

// spareAfter is how long the checks of a batch wait for one of them before
// another goroutine goes on with the rest.
const spareAfter = 2 * time.Millisecond

// check runs scripts that are due together. Those that wait for something, as
// programs do, run beside each other; the quick ones one after another, which
// takes less than to change between them.
func (e *Engine) check(due []node.Action) {
	checks := e.plan.Checks
	quick, some := checks.(QuickChecks)
	if !some {
		for i := range due {
			e.runCheck(checks, due[i].Script)
		}
		return
	}
	b := &batch{e: e, checks: quick, scripts: make([]string, len(due))}
	for i := range due {
		b.scripts[i] = due[i].Script
	}
	e.runs.Go(b.work)
}

func (e *Engine) runCheck(checks Checks, script string) {
	e.runs.Go(func() { e.Event(checked(e.runCtx, checks, script)) })
}

func checked(ctx context.Context, c Checks, script string) *node.Checked {
	r := c.Run(ctx, script)
	r.Script = script
	return &r
}

// batch is checks that are due together. One goroutine makes them in turn, and
// tells what came of them together. When one takes its time, what is known is
// told, and another goroutine goes on with the rest.
type batch struct {
	e       *Engine
	checks  QuickChecks
	scripts []string

	mu    sync.Mutex
	next  int // of scripts
	known []*node.Checked
	spare *time.Timer // nil before the first
	// late is true when results are told as they come.
	late bool
}

func (b *batch) work() {
	for {
		script, ok := b.take()
		if !ok {
			b.tell()
			return
		}
		if !b.checks.Quick(b.e.runCtx, script, func(c node.Checked) { b.answer(script, c) }) {
			b.e.runCheck(b.checks, script)
		}
	}
}

// take returns the next script.
func (b *batch) take() (script string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == len(b.scripts) {
		b.spare.Stop()
		return "", false
	}
	script = b.scripts[b.next]
	b.next++
	if b.spare == nil {
		b.spare = time.AfterFunc(spareAfter, b.help)
	}
	return script, true
}

// help has another goroutine go on while a script takes its time.
func (b *batch) help() {
	b.mu.Lock()
	if b.next < len(b.scripts) {
		// While the lock is held one that works cannot find that it was the
		// last, so that e.runs is not over.
		b.e.runs.Go(b.work)
		b.spare.Reset(spareAfter)
	}
	b.mu.Unlock()
	b.tell()
}

func (b *batch) answer(script string, c node.Checked) {
	c.Script = script
	b.mu.Lock()
	late := b.late
	if !late {
		b.known = append(b.known, &c)
	}
	b.mu.Unlock()
	if late {
		b.e.Event(&c)
	}
}

// tell tells what is known.
func (b *batch) tell() {
	b.mu.Lock()
	known := b.known
	b.known, b.late = nil, true
	b.mu.Unlock()
	if len(known) > 0 {
		b.e.Event(&node.CheckedMany{List: known})
	}
}
