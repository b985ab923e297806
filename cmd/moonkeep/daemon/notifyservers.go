package daemon

import (
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/notify"
)

// notifyServers adds what is told of virtual and real servers, of those that
// have anything to be told.
func (e *edges) notifyServers(c *config.Config, all map[notify.Key]*notify.Target, files runners) (errs []error) {
	add := func(keyOf func() notify.Key, up, down *config.Program, function string, mail bool) {
		if up == nil && down == nil && !mail {
			return // as most of tens of thousands
		}
		key := keyOf()
		if all[key] != nil {
			return // of what is there twice the first counts
		}
		t := targetMaker{edges: e, config: c, who: key.String(), files: files}
		all[key] = &notify.Target{Up: t.program(up, function), Down: t.program(down, function), Mail: mail}
		errs = append(errs, t.errs...)
	}
	mails := c.Global.SMTPServer != nil && len(c.Global.Email) > 0
	for i := range c.VirtualServers {
		v := &c.VirtualServers[i]
		key := func() notify.Key { return notify.Key{Service: true, Name: v.Identity()} }
		add(key, v.QuorumUp, v.QuorumDown, "on_quorum", mails && build.MailsService(c, v))
	}
	build.EachServer(c, func(service string, v *config.VirtualServer, r *config.RealServer) {
		key := func() notify.Key {
			return notify.Key{Service: true, Name: service, Server: r.Endpoint(v).String()}
		}
		add(key, r.NotifyUp, r.NotifyDown, "on_real_server", mails && build.MailsServer(c, v, r))
	})
	return errs
}
