package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// hand is what is remembered of a real server that people have a hand in.
type hand struct {
	Service, Server, Wish string
	Weight                int
}

// remembered reads what a daemon with that state directory remembers.
func remembered(dir string) (list []hand, err error) {
	data, err := os.ReadFile(filepath.Join(dir, "servers.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return list, json.Unmarshal(data, &list)
}

// TestHandsFollowServers: a server that people took out wherever it is stays out
// when a reload or a restart gives its virtual server another address or
// another name, and what they take back is taken back.
func TestHandsFollowServers(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	text := func(services ...string) string {
		all := conf(150, vip.String(), "") + "virtual_server_group g {\n10.9.0.3 80\n}\n"
		for _, s := range services {
			all += "virtual_server " + s + " {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\nreal_server 10.0.0.1 80 { }\nreal_server 10.0.0.2 80 { }\n}\n"
		}
		return all
	}
	p := a.run(t, text("10.9.0.1 80"))
	p.awaitRole(t, "MASTER")
	wishes := func(want string) {
		t.Helper()
		s, err := p.status()
		netnstest.Must(t, err)
		var got []string
		for _, v := range s.Services {
			for _, r := range v.Servers {
				if r.Wish != "" || r.ByHand != nil {
					word := v.Name + " " + r.Name + " " + r.Wish
					if r.ByHand != nil {
						word += fmt.Sprint(" ", *r.ByHand)
					}
					got = append(got, word)
				}
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("people have a hand in %q, want %q", strings.Join(got, ", "), want)
		}
	}
	reload := func(services ...string) {
		t.Helper()
		a.write(t, "moonkeep.conf", text(services...), 0o644)
		p.asks(t, 0, "reload")
	}
	p.asks(t, 0, "server", "maintenance", "10.0.0.1")
	p.asks(t, 0, "weight", "10.0.0.2", "7")
	p.asks(t, 0, "server", "down", "10.0.0.2", "--service", "10.9.0.1:80") // of this one only
	wishes("TCP 10.9.0.1:80 10.0.0.1:80 maintenance, TCP 10.9.0.1:80 10.0.0.2:80 down 7")
	reload("10.9.0.2 80", "group g")
	wishes("TCP 10.9.0.2:80 10.0.0.1:80 maintenance, group g 10.0.0.1:80 maintenance")
	mentions(t, "log", p.log.String(), "real server 10.0.0.1:80 of virtual server group g is to be in maintenance, as was said of 10.0.0.1 everywhere")
	p.kill(t)
	a.write(t, "moonkeep.conf", text("10.9.0.4 80", "10.9.0.1 80"), 0o644)
	p = a.start(t, "run", filepath.Join(a.dir, "moonkeep.conf"))
	p.awaitRole(t, "MASTER")
	wishes("TCP 10.9.0.4:80 10.0.0.1:80 maintenance, TCP 10.9.0.1:80 10.0.0.1:80 maintenance, TCP 10.9.0.1:80 10.0.0.2:80 down 7")

	// What is taken back in one service does not come again.
	p.asks(t, 0, "server", "up", "10.0.0.1", "--service", "10.9.0.4:80")
	reload("10.9.0.4 80", "10.9.0.5 80")
	wishes("")
	reload("10.9.0.1 80")
	wishes("TCP 10.9.0.1:80 10.0.0.1:80 maintenance, TCP 10.9.0.1:80 10.0.0.2:80 down 7")
	// And so it is of a server that is gone, or whose service is.
	reload("10.9.0.5 80")
	p.asks(t, 0, "server", "up", "10.0.0.1")
	p.asks(t, 0, "weight", "10.0.0.2", "auto")
	p.asks(t, 0, "server", "up", "10.0.0.2", "--service", "10.9.0.1:80")
	reload("10.9.0.1 80")
	wishes("")
	if list, err := remembered(filepath.Join(a.dir, "run")); len(list) > 0 || err != nil {
		t.Errorf("remembered are %+v, %v", list, err)
	}
	mentions(t, "an unknown one", p.asks(t, 1, "server", "up", "10.0.0.3"), "there is no real server 10.0.0.3")
	// What cannot be written, as on a full disk, is done all the same, and said so.
	netnstest.Must(t, os.Mkdir(filepath.Join(a.dir, "run", "servers.json.new"), 0o700))
	told := func() int { return strings.Count(p.log.String(), "cannot be counted") }
	before := told() // of those that were drained above
	mentions(t, "a full disk", p.asks(t, 1, "drain", "10.0.0.1"), "it is done, but a restart will not know of it: ")
	wishes("TCP 10.9.0.1:80 10.0.0.1:80 drain")
	// It was drained for some seconds; without IPVS that could not be looked at.
	if n := told() - before; n > 1 {
		t.Errorf("it was told %d times that connections cannot be counted", n)
	}
}

// TestHandsTogether: servers that are named together are taken in hand at once, or none is
// when one is not there.
func TestHandsTogether(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	p := a.run(t, conf(150, vip.String(), "")+"virtual_server 10.9.0.1 80 {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\nreal_server 10.0.0.1 80 { }\nreal_server 10.0.0.2 80 { }\n}\n")
	p.awaitRole(t, "MASTER")
	mentions(t, "with an unknown one", p.asks(t, 1, "drain", "10.0.0.1", "10.0.0.3"), "there is no real server 10.0.0.3")
	if list, err := remembered(filepath.Join(a.dir, "run")); len(list) > 0 || err != nil {
		t.Errorf("remembered are %+v, %v", list, err)
	}
	text := p.asks(t, 0, "drain", "10.0.0.1", "10.0.0.2:80", "10.0.0.2")
	if want := "10.0.0.1:80 of TCP 10.9.0.1:80: drain\n10.0.0.2:80 of TCP 10.9.0.1:80: drain\n"; text != want {
		t.Errorf("it answers %q, want %q", text, want)
	}
	const told = `msg="real servers changed by hand" of="10.0.0.1, 10.0.0.2:80, 10.0.0.2"`
	eventually(t, "one request", func() bool { return strings.Contains(p.log.String(), told) }, p.log.String)
	list, err := remembered(filepath.Join(a.dir, "run"))
	if want := []hand{{"TCP 10.9.0.1:80", "10.0.0.1:80", "drain", -1}, {"TCP 10.9.0.1:80", "10.0.0.2:80", "drain", -1}}; err != nil || cmp.Diff(want, list) != "" {
		t.Errorf("remembered are %+v, %v", list, err)
	}
	p.stop(t)
}

// TestHandsEverywhere: an address is the same however it is typed, and a weight for
// one virtual server leaves what is wanted everywhere as it is, and comes into
// no other.
func TestHandsEverywhere(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	text := func(services ...string) string {
		all := conf(150, vip.String(), "")
		for _, s := range services {
			all += "virtual_server " + s + " {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\nreal_server 2001:db8::1 80 { }\nreal_server 2001:db8::2 80 { }\nreal_server 2001:db8::3 80 { }\n}\n"
		}
		return all
	}
	p := a.run(t, text("fd00:9::1 80"))
	p.awaitRole(t, "MASTER")
	p.asks(t, 0, "server", "maintenance", "[2001:0db8::1]:80")
	p.asks(t, 0, "server", "drain", "2001:db8:0::2")
	p.asks(t, 0, "weight", "2001:db8::2", "5", "--service", "[fd00:9::1]:80")
	hands := func(want ...string) {
		t.Helper()
		list, err := remembered(filepath.Join(a.dir, "run"))
		netnstest.Must(t, err)
		var got []string
		for _, h := range list {
			got = append(got, fmt.Sprintf("%s %s %v %d", strings.TrimPrefix(h.Service, "TCP "), strings.TrimPrefix(h.Server, "[2001:db8::"), h.Wish, h.Weight))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	hands("[fd00:9::1]:80 1]:80 maintenance -1", "[fd00:9::1]:80 2]:80 drain 5")
	reload := func(services ...string) {
		t.Helper()
		a.write(t, "moonkeep.conf", text(services...), 0o644)
		p.asks(t, 0, "reload")
		// What came by the reload is on disk with the next that is wanted.
		p.asks(t, 0, "weight", "2001:db8::3", "auto")
	}
	reload("fd00:9::1 80", "fd00:9::2 80")
	hands("[fd00:9::1]:80 1]:80 maintenance -1", "[fd00:9::1]:80 2]:80 drain 5", "[fd00:9::2]:80 1]:80 maintenance -1", "[fd00:9::2]:80 2]:80 drain -1")

	// A weight that was meant for one stays there when something is wanted of all.
	p.asks(t, 0, "server", "up", "2001:db8::2")
	reload("fd00:9::1 80", "fd00:9::3 80")
	hands("[fd00:9::1]:80 1]:80 maintenance -1", "[fd00:9::1]:80 2]:80 auto 5", "[fd00:9::2]:80 1]:80 maintenance -1", "[fd00:9::3]:80 1]:80 maintenance -1")
}
