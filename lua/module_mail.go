package lua

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func mailModule() Module {
	return Module{
		Name: "mail",
		Doc:  "Mail, through the SMTP server of the configuration (smtp_server).",
		Functions: []Function{{
			Name: "send", Doc: "sends a mail and returns when the server has it", Params: []Value{arg("subject", "string", "one line"), arg("body", "string", "the text, at most 64 KiB")},
			Options: []Value{timeoutOption(), opt("to", "string[]", "the recipients, at most 20; those of the configuration (notification_email) unless given")},
			Returns: []Value{ret("boolean", "true")}, Fails: true, Grant: GrantNet, Acts: true, call: mailSend, accept: func(c call) { c.mail() },
		}},
	}
}

// mailSend is mail.send(subject, body [, options]).
func mailSend(c call) int {
	subject, body, to := c.mail()
	if c.s.opts.Host.Mail == nil {
		return c.fail("no mail can be sent: the configuration names no smtp_server and notification_email, or there is no daemon")
	}
	ctx, cancel := c.within(c.options())
	defer cancel()
	c.s.meter.charge(c.l, 2*len(body)+4096)
	if err := c.s.opts.Host.Mail(ctx, to, subject, body); err != nil {
		return c.fail("%v", err)
	}
	return c.push(lua.LTrue)
}

// mail is the mail that the arguments are of, and raises an error when they are of
// none. to is nil when no recipients are given.
func (c call) mail() (subject, body string, to []string) {
	subject, body = oneLine(c.l.CheckString(1)), c.l.CheckString(2)
	if len(body) > 64<<10 {
		c.l.ArgError(2, "the text is longer than 64 KiB")
	}
	switch list := c.options().get("to").(type) {
	case *lua.LNilType:
	case *lua.LTable:
		for i := 1; i <= list.Len(); i++ {
			address, ok := list.RawGetInt(i).(lua.LString)
			if !ok || !strings.Contains(string(address), "@") || strings.ContainsAny(string(address), "\r\n") || i > 20 {
				c.l.RaiseError("%s: to must be a list of at most 20 addresses", c.name)
			}
			to = append(to, string(address))
		}
	default:
		c.l.RaiseError("%s: to must be a list of addresses, not a %s value", c.name, list.Type())
	}
	return subject, body, to
}
