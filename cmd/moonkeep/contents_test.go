package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/plugins/tlsclient/tlstest"
)

// TestReloadTellsOfFiles: a reload takes what is in the files that checks name, where no
// line of the configuration differs, and says so; so does the plan before.
func TestReloadTellsOfFiles(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	right, wrong := tlstest.New(t), tlstest.New(t)
	var at net.Listener
	b.Run(t, func() (err error) {
		at, err = net.Listen("tcp", "192.0.2.2:443")
		return err
	})
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	web.Listener.Close()
	web.Listener, web.TLS = at, &tls.Config{Certificates: []tls.Certificate{right.Issue(t, "192.0.2.2", time.Hour)}}
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.StartTLS()
	t.Cleanup(web.Close)

	ca := a.write(t, "ca.pem", wrong.PEM, 0o644)
	script := a.write(t, "check.lua", `local says = require "says" return { check = function() return true, "one " .. says.what end }`, 0o644)
	says := a.write(t, "says.lua", `return { what = "three" }`, 0o644)
	path := a.write(t, "moonkeep.yaml", fmt.Sprintf(`
vrrp_instances:
  - {name: VI_1, interface: eth0, virtual_router_id: 51, virtual_ipaddresses: [192.0.2.100/24]}
virtual_servers:
  - address: "192.0.2.100:443"
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    delay_loop: 200ms
    rise: 1
    real_servers:
      - {address: "192.0.2.2:443", checks: [{SSL_GET: {verify: true, ca: %s, urls: [{path: /}]}}, {LUA_CHECK: {path: %s}}]}
`, ca, script), 0o644)
	p := a.start(t, "run", path)
	results := func(what ...string) {
		t.Helper()
		eventually(t, fmt.Sprintf("results %q", what), func() bool {
			s, err := p.status()
			if err != nil || len(s.Services) != 1 {
				return false
			}
			for i, c := range s.Services[0].Servers[0].Checks {
				if !strings.Contains(c.Verdict+": "+c.Message, what[i]) {
					return false
				}
			}
			return true
		}, p.log.String)
	}
	results("failed: ", "one three")
	for _, change := range []struct{ file, text, tls, lua string }{
		{ca, right.PEM, "ok: ", "one three"},
		{script, `local says = require "says" return { check = function() return true, "two " .. says.what end }`, "ok: ", "two three"},
		{says, `return { what = "four" }`, "ok: ", "two four"},
	} {
		mentions(t, "the plan before", p.asks(t, 0, "plan", path), "nothing would change")
		netnstest.Must(t, os.WriteFile(change.file, []byte(change.text), 0o644))
		said := fmt.Sprintf("~ file %s: changed\n    no interruption: ", change.file)
		for _, text := range []string{p.asks(t, 0, "plan", path), p.asks(t, 0, "reload")} {
			mentions(t, filepath.Base(change.file), text, said, "1 change, 1 no interruption")
		}
		results(change.tls, change.lua)
		mentions(t, "the log", p.log.String(), "files="+change.file+"\n")
	}
	mentions(t, "another reload", p.asks(t, 0, "reload"), "reloaded, nothing changed")
	for file, why := range map[string]string{ca: ca + ": no such file or directory", script: "there is no Lua file " + script} {
		netnstest.Must(t, os.Rename(file, file+".away"))
		planned := p.asks(t, 0, "plan", path)
		mentions(t, "the plan without it", planned, "A RELOAD IS REFUSED: ", why)
		if strings.Contains(planned, "nothing would change") {
			t.Errorf("a reload that is refused would change nothing: %s", planned)
		}
		mentions(t, "the reload without it", p.asks(t, 1, "reload"), why)
		netnstest.Must(t, os.Rename(file+".away", file))
	}
	p.stop(t)
}
