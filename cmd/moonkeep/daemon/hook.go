package daemon

import (
	"context"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/program"
)

// hookMargin is how much longer than the time limit of its program the rest of a start
// or of a stop may take: more than the program's end and what is waited for after it.
const hookMargin = 20 * time.Second

// hook runs a program and waits for it. What it comes to is logged and changes
// nothing, as in keepalived.
func (d *daemon) hook(ctx context.Context, what string, c *config.Config, p *config.Program, limit time.Duration) {
	if p == nil {
		return
	}
	d.manager.patience(limit + hookMargin)
	x := toldProgram(c, p)
	o := d.edges.starter.Run(ctx, program.Spec{Argv: x.Argv, User: x.User, Group: x.Group, Secure: x.Secure, Timeout: limit})
	if !o.OK() {
		d.log.Warn(what+" failed", "program", p.Argv[0], "result", o.String())
		return
	}
	d.log.Info(what+" has run", "program", p.Argv[0], "took", o.Took)
}
