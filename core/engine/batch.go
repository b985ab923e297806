package engine

import (
	"context"

	"github.com/moonkeep/moonkeep/core/engine/turns"
	"github.com/moonkeep/moonkeep/core/node"
)

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
	scripts := make([]string, 0, len(due))
	for i := range due {
		if name := due[i].Script; quick.IsQuick(name) {
			scripts = append(scripts, name)
		} else {
			e.runCheck(checks, name) // which waits for no quick one
		}
	}
	if len(scripts) == 0 {
		return
	}
	call := func(i int, tell func(*node.Checked)) {
		name := scripts[i]
		quick.Quick(e.runCtx, name, func(c node.Checked) { c.Script = name; tell(&c) })
	}
	turns.Run(len(scripts), func(work func()) { e.runs.Go(work) }, call, func(list []*node.Checked) {
		e.Event(&node.CheckedMany{List: list})
	})
}

func (e *Engine) runCheck(checks Checks, script string) {
	e.runs.Go(func() { e.Event(checked(e.runCtx, checks, script)) })
}

func checked(ctx context.Context, c Checks, script string) *node.Checked {
	r := c.Run(ctx, script)
	r.Script = script
	return &r
}
