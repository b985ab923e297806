package daemon

import (
	"context"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/program"
)

// hook runs a program and waits for it. What it comes to is logged and changes
// nothing, as in keepalived.
func (d *daemon) hook(ctx context.Context, what string, c *config.Config, p *config.Program, limit time.Duration) {
	if p == nil {
		return
	}
	x := toldProgram(c, p)
	o := d.edges.starter.Run(ctx, program.Spec{Argv: x.Argv, User: x.User, Group: x.Group, Secure: x.Secure, Timeout: limit})
	if !o.OK() {
		d.log.Warn(what+" failed", "program", p.Argv[0], "result", o.String())
		return
	}
	d.log.Info(what+" has run", "program", p.Argv[0], "took", o.Took)
}
