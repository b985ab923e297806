package main

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
)

// keyring is an auth_hmac block with the keys of files.
func keyring(active int, files map[int]string) string {
	text := "auth_hmac {\n"
	for id := range 9 {
		if path := files[id]; path != "" {
			text += fmt.Sprintf("key %d file:%s\n", id, path)
		}
	}
	return text + fmt.Sprintf("active_key %d\n}\n", active)
}

// reloaded has a daemon take up its configuration, and waits until it did.
func (p *process) reloaded(t *testing.T) {
	t.Helper()
	before, err := p.status()
	if err != nil {
		t.Fatal(err)
	}
	p.signal(t, syscall.SIGHUP)
	eventually(t, "a reload", func() bool {
		s, err := p.status()
		return err == nil && s.Reloaded.After(before.Reloaded) && s.ReloadError == ""
	}, p.log.String)
}

// TestSigned takes a pair through a change of keys, in which nobody changes its
// role, and then gives one of them another key: both are masters, and the
// status says why.
func TestSigned(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	secret := func(h *host, name string, letter string) string {
		return h.write(t, name, strings.Repeat(letter, 40)+"\n", 0o600)
	}
	pair := []struct {
		*host
		priority int
		process  *process
		files    map[int]string
	}{{host: a, priority: 150}, {host: b, priority: 100}}
	for i := range pair {
		n := &pair[i]
		n.files = map[int]string{1: secret(n.host, "one", "x")}
		n.process = n.run(t, conf(n.priority, vip.String(), keyring(1, n.files)))
	}
	settled := func() {
		t.Helper()
		pair[0].process.awaitRole(t, "MASTER")
		pair[1].process.await(t, "a backup that hears its master", func(i *control.Instance) bool {
			return i.Role == "BACKUP" && i.HeardAge != nil && *i.HeardAge < 0.3
		})
	}
	settled()
	var changes [2]uint64
	for i := range pair {
		s := pair[i].process.await(t, "HMAC", func(i *control.Instance) bool {
			return i.Authentication == "HMAC" && i.ActiveKey == 1 && i.HMACMode == "enforce"
		})
		changes[i] = s.Instances[0].Counters.BecameMaster + s.Instances[0].Counters.LeftMaster
	}

	step := func(active int) {
		t.Helper()
		for i := range pair {
			n := &pair[i]
			n.write(t, "moonkeep.conf", conf(n.priority, vip.String(), keyring(active, n.files)), 0o644)
			n.process.reloaded(t)
			time.Sleep(500 * time.Millisecond) // some adverts with rings that differ
		}
	}
	for i := range pair {
		pair[i].files[2] = secret(pair[i].host, "two", "y")
	}
	step(1)
	step(2)
	for i := range pair {
		delete(pair[i].files, 1)
	}
	step(2)
	settled()
	for i := range pair {
		s := pair[i].process.await(t, "the new key", func(i *control.Instance) bool { return i.ActiveKey == 2 })
		c := s.Instances[0].Counters
		if got := c.BecameMaster + c.LeftMaster; got != changes[i] || len(c.Rejected) != 0 {
			t.Errorf("node %d changed its role %d times while keys changed, and rejected %v; want none\n%s", i, got-changes[i], c.Rejected, pair[i].process.log)
		}
	}

	// The file changes, the configuration does not.
	secret(b, "two", "z")
	pair[1].process.reloaded(t)
	pair[1].process.awaitRole(t, "MASTER")
	for i := range pair {
		s := pair[i].process.await(t, "a wrong HMAC", func(i *control.Instance) bool {
			return i.Role == "MASTER" && i.Counters.Rejected["auth_ext_invalid_hmac"] > 3
		})
		if why := s.Instances[0].Counters.RejectedWhy["auth_ext_invalid_hmac"]; why != "wrong HMAC" {
			t.Errorf("node %d: the status says %q, want wrong HMAC", i, why)
		}
		eventually(t, "a line about it", func() bool { return strings.Contains(pair[i].process.log.String(), "wrong HMAC") }, pair[i].process.log.String)
	}
	secret(b, "two", "y")
	pair[1].process.reloaded(t)
	settled()

	// What is no key any more is refused, and the ring that was there stays.
	secret(b, "two", "")
	pair[1].process.signal(t, syscall.SIGHUP)
	eventually(t, "a refused reload", func() bool {
		s, err := pair[1].process.status()
		return err == nil && s.ReloadError != ""
	}, pair[1].process.log.String)
	settled()
	for i := range pair {
		if log := pair[i].process.log.String(); strings.Contains(log, "xxxx") || strings.Contains(log, "yyyy") {
			t.Errorf("a key is in the log:\n%s", log)
		}
		pair[i].process.stop(t)
	}
}

// answered reports whether somebody takes packets to the address.
func (h *host) answered(t *testing.T) bool {
	t.Helper()
	err := error(nil)
	h.Run(t, func() error {
		var c net.Conn
		if c, err = net.DialTimeout("tcp", net.JoinHostPort(vip.Addr().String(), "9"), 300*time.Millisecond); err == nil {
			return c.Close()
		}
		return nil
	})
	return err != nil && strings.Contains(err.Error(), "refused")
}

// TestNoAccept takes a daemon through a start, two reloads, a kill and a stop:
// the address never answers while no_accept is in force, and nothing of the
// filter is left at the end.
func TestNoAccept(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	p := a.run(t, conf(150, vip.String(), "no_accept"))
	p.awaitRole(t, "MASTER")
	a.holds(t, vip, true)
	if b.answered(t) {
		t.Error("got an answer with no_accept, want none")
	}
	a.write(t, "moonkeep.conf", conf(150, vip.String(), ""), 0o644)
	p.reloaded(t)
	eventually(t, "an answer without no_accept", func() bool { return b.answered(t) }, p.log.String)
	a.write(t, "moonkeep.conf", conf(150, vip.String(), "strict_mode"), 0o644)
	p.reloaded(t)
	eventually(t, "silence in strict mode", func() bool { return !b.answered(t) }, p.log.String)
	if s, err := p.status(); err != nil || s.Instances[0].Counters.LeftMaster != 0 {
		t.Errorf("the reloads moved the master: %+v, %v", s, err)
	}
	p.kill(t)
	if !a.has(t, vip) || b.answered(t) {
		t.Errorf("after a kill the address stands %v and must not answer", a.has(t, vip))
	}
	p = a.run(t, conf(150, vip.String(), "accept\nstrict_mode"))
	p.awaitRole(t, "MASTER")
	eventually(t, "an answer from one that accepts", func() bool { return b.answered(t) }, p.log.String)
	p.stop(t)
	nft, err := exec.LookPath("nft")
	if err != nil {
		return // what is left is held by the tests of core/kernel, too
	}
	var out []byte
	a.Run(t, func() (err error) {
		out, err = exec.Command(nft, "list", "ruleset").CombinedOutput()
		return err
	})
	if len(out) > 0 {
		t.Errorf("left behind:\n%s", out)
	}
}
