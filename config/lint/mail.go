package lint

import (
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

// mail looks for what keeps mails from being sent: they need recipients, a
// server, and something that asks for them.
func mail(c *config.Config, found *config.Findings) {
	g := &c.Global
	to, server := len(g.Email) > 0, g.SMTPServer != nil
	place := func(key string) config.Position {
		return g.Written.At(key, at(g.At, config.NewPosition(file(c), 0, 0)))
	}
	asks, where := asked(c)
	switch {
	case to && !server:
		found.Add(place("notification_email"), config.Warning, "no-mail", "notification_email without smtp_server: no mail is sent; name the server")
	case server && !to:
		found.Add(place("smtp_server"), config.Warning, "no-mail", "smtp_server without notification_email: no mail is sent; say who gets it")
	case asks && !to:
		found.Add(where, config.Warning, "no-mail", "smtp_alert without notification_email and smtp_server: no mail is sent; write both into the global part")
	case to && !asks && len(c.VirtualServers) == 0 && !mayMail(c):
		found.Add(place("notification_email"), config.Warning, "no-mail", "notification_email and smtp_server, and no smtp_alert anywhere: no mail is sent, since instances and groups send none unless they are asked to; write smtp_alert into the global part, or where it is wanted")
	}
}

func file(c *config.Config) string {
	if len(c.Files) == 0 {
		return ""
	}
	return c.Files[0]
}

// mayMail reports whether a Lua file may do what sending a mail needs.
func mayMail(c *config.Config) bool {
	return slices.ContainsFunc(c.LuaUses(), func(l config.Lua) bool { return slices.Contains(l.Allow, "net") })
}

// asked reports whether something asks for mails, and where.
func asked(c *config.Config) (bool, config.Position) {
	g := &c.Global
	for _, x := range [...]struct {
		value *bool
		key   string
	}{{g.SMTPAlert, "smtp_alert"}, {g.SMTPAlertVRRP, "smtp_alert_vrrp"}, {g.SMTPAlertChecker, "smtp_alert_checker"}} {
		if x.value != nil && *x.value {
			return true, g.Written.At(x.key, at(g.At, config.NewPosition(file(c), 0, 0)))
		}
	}
	for i := range c.Instances {
		if in := &c.Instances[i]; in.SMTPAlert {
			return true, place(in, "smtp_alert")
		}
	}
	for i := range c.Groups {
		if s := &c.Groups[i]; s.SMTPAlert {
			return true, s.Written.At("smtp_alert", s.At)
		}
	}
	for i := range c.VirtualServers {
		if v := &c.VirtualServers[i]; v.SMTPAlert != nil && *v.SMTPAlert {
			return true, v.Written.At("smtp_alert", v.At)
		}
	}
	return false, config.Position{}
}
