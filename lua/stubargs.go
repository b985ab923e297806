package lua

import (
	"context"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// accept raises the error that a function raises for its arguments before it looks at
// the world, so that a test does not pass what the daemon refuses. What the arguments
// of the configuration say is not known to a test.
func (c call) accept() {
	for i, p := range c.f.Params {
		if n := i + 1; !p.Optional || c.l.Get(n) != lua.LNil {
			switch p.Type {
			case "string":
				c.l.CheckString(n)
			case "integer", "number":
				c.l.CheckNumber(n)
			}
		}
	}
	if len(c.f.Options) > 0 {
		c.acceptOptions(c.options())
	}
	if strings.HasPrefix(c.name, "file.") {
		c.path(1)
	}
	switch c.name {
	case "http.get", "http.head", "http.post":
		c.acceptRequest(strings.ToUpper(c.f.Name), c.l.CheckString(1), c.options())
	case "http.request":
		method, opts := c.l.CheckString(1), c.options()
		c.needToRequest(method, opts.text("body"))
		c.acceptRequest(method, c.l.CheckString(2), opts)
	case "webhook.post":
		c.acceptRequest(http.MethodPost, c.l.CheckString(1), c.options())
	case "tcp.connect":
		c.split(1, "tcp")
	case "tcp.accept", "udp.exchange", "udp.receive":
		c.split(1, "udp")
	case "dns.query":
		c.question(c.l.CheckString(1), strings.ToUpper(c.l.OptString(2, "A")))
		if server := c.options().text("server"); server != "" {
			_, _ = c.nameServer(server) // a wrong one raises
		}
	case "time.sleep":
		seconds(c.l, "time.sleep: the argument", float64(c.l.CheckNumber(1)))
	case "exec.run":
		c.argv(c.l.CheckTable(1))
	}
}

// acceptRequest is accept for what a request is made of.
func (c call) acceptRequest(method, target string, opts fields) {
	c.prepare(context.Background(), false, method, target, "", opts)
	c.connectTo(opts)
}

// acceptOptions is accept for what the options say.
func (c call) acceptOptions(opts fields) {
	for _, o := range c.f.Options {
		switch o.Type {
		case "string":
			opts.text(o.Name)
		case "boolean":
			opts.flag(o.Name, false)
		case "integer":
			opts.integer(o.Name, 0)
		case "number": // all are times
			opts.seconds(o.Name)
		case "table<string, string>":
			opts.words(o.Name)
		}
	}
}
