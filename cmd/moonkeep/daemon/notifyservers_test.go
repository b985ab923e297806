package daemon

import (
	"log/slog"
	"testing"

	"github.com/moonkeep/moonkeep/config/keepalived"
	"github.com/moonkeep/moonkeep/core/notify"
	"github.com/moonkeep/moonkeep/lua"
)

// TestNobodyIsToldOfADroppedServer: a real server that is left out, since one before it is
// written the same, tells nobody in the place of another.
func TestNobodyIsToldOfADroppedServer(t *testing.T) {
	c, found := keepalived.Read("f", []byte(`
virtual_server 192.0.2.1 443 {
  protocol TCP
  lb_algo rr
  lb_kind NAT
  delay_loop 6
  real_server 192.0.2.11 80 {
    notify_down "/bin/echo first"
  }
  real_server 192.0.2.11 80 {
    lvs_method TUN
    notify_down "/bin/echo dropped"
  }
  real_server 192.0.2.11 443 {
    notify_down "/bin/echo third"
  }
}
`))
	if found.Errors() {
		t.Fatal(found)
	}
	e := &edges{log: slog.New(slog.DiscardHandler), lost: new(lua.Lost)}
	all := map[notify.Key]*notify.Target{}
	if errs := e.notifyServers(c, all, nil); len(errs) > 0 {
		t.Fatal(errs)
	}
	for server, want := range map[string]string{"192.0.2.11:80": "first", "192.0.2.11:443": "third"} {
		told := all[notify.Key{Service: true, Name: "TCP 192.0.2.1:443", Server: server}]
		if told == nil || told.Down == nil || told.Down.Argv[len(told.Down.Argv)-1] != want {
			t.Errorf("%s: %+v, want %s", server, told, want)
		}
	}
}
