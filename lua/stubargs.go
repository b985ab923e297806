package lua

import lua "github.com/yuin/gopher-lua"

// accept raises the error that a function raises for its arguments before it looks at
// the world, so that a test does not pass what the daemon refuses. first is where the
// arguments begin: 1, and of a method 2.
func (c call) accept(first int) {
	for i, p := range c.f.Params {
		n := first + i
		if p.Optional && c.l.Get(n) == lua.LNil {
			continue
		}
		switch p.Type {
		case "string":
			c.l.CheckString(n)
		case "integer", "number":
			c.l.CheckNumber(n)
		case "boolean":
			c.l.CheckBool(n)
		}
	}
	if len(c.f.Options) > 0 {
		c.acceptOptions(c.optionsAt(first + len(c.f.Params)))
	}
	if c.f.accept != nil {
		c.f.accept(c)
	}
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
