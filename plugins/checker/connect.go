//go:build linux

package checker

import (
	"context"
	"net"
)

// Connect connects to a target by TCP, as Dialer does. The connection ends with the
// context of the probe, in whatever is waited for on it: what is read or written then
// fails with the context's error, of which Failure makes what it should.
func Connect(ctx context.Context, t Target) (net.Conn, error) {
	c, err := Dialer(t).DialContext(ctx, "tcp", t.Address.String())
	if err != nil {
		return nil, err
	}
	return &lent{Conn: c, ctx: ctx, stop: context.AfterFunc(ctx, func() { c.Close() })}, nil
}

// lent is a connection for as long as a context lasts.
type lent struct {
	net.Conn
	ctx  context.Context
	stop func() bool
}

// why is the end of the context where that is what an error comes of.
func (c *lent) why(err error) error {
	if err != nil && c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	return err
}

// Read reads what is there.
func (c *lent) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, c.why(err)
}

// Write writes all of b.
func (c *lent) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, c.why(err)
}

// Close closes it; that it is closed already is no fault.
func (c *lent) Close() error {
	if !c.stop() {
		return nil // the context has
	}
	return c.Conn.Close()
}
