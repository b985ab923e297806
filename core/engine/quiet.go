package engine

import (
	"context"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
)

const (
	// perServer is how long the node takes in a reload for a real server with
	// a check, or for one that is gone: half a microsecond, and as much again for a slow machine.
	perServer = time.Microsecond
	// shortWork is not waited for: less is how late adverts are anyhow.
	shortWork = 2 * time.Millisecond
	// quietLimit is how long a quiet moment is waited for. With hundreds of
	// virtual routers there may be none.
	quietLimit = time.Second
)

// takes is how long a reload of a configuration may keep the loop: of servers that
// it removes there is as much to tell.
func takes(old, c *node.Config) time.Duration {
	servers := func(c *node.Config) (n int) {
		for i := range c.Services {
			n += len(c.Services[i].Servers)
		}
		return n
	}
	return time.Duration(max(servers(old), servers(c))) * perServer
}

// quietly is ask for what takes a while: it waits for a moment in which no
// advert and no timer of VRRP is due meanwhile.
func (e *Engine) quietly(ctx context.Context, takes time.Duration, f func(mono.Instant)) error {
	for end := time.Now().Add(quietLimit); takes > shortWork && time.Now().Before(end); {
		var due time.Duration
		done := false
		err := e.ask(ctx, func(now mono.Instant) {
			if due = e.node.Urgent().Sub(now); due > takes {
				f(now)
				done = true
			}
		})
		if done || err != nil {
			return err
		}
		select {
		case <-time.After(max(due, shortWork/4)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return e.ask(ctx, f)
}
