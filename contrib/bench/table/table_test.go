//go:build linux

package main

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/config/load"
)

func TestFlags(t *testing.T) {
	s, err := parseFlags([]string{"-servers", "100,37000", "-programs", "keepalived", "-runs", "3"}, io.Discard)
	if err != nil || len(s.sizes) != 2 || s.sizes[1] != 37000 || s.programs[0] != theirs || s.runs != 3 {
		t.Errorf("got %+v, %v", s, err)
	}
	for _, args := range []string{"-servers 99", "-servers x", "-servers 99999", "-programs ipvsadm", "-runs 0", "-deaths 0", "-steps start", "-per 1", "more"} {
		var said strings.Builder
		if _, err := parseFlags(strings.Fields(args), &said); err == nil || said.Len() == 0 {
			t.Errorf("%s: %v, said %q; want an error and a word", args, err, &said)
		}
	}
}

// TestConfiguration: the reload changes what the measurement waits for.
func TestConfiguration(t *testing.T) {
	const n, per = 1003, 10
	count := func(changes bool) (servers int, heavy int) {
		path := filepath.Join(t.TempDir(), "keepalived.conf")
		if err := os.WriteFile(path, []byte(configuration(n, per, changes)), 0o600); err != nil {
			t.Fatal(err)
		}
		c, found, err := load.File(path)
		if err != nil || found.Errors() {
			t.Fatal(err, found)
		}
		for _, v := range c.VirtualServers {
			servers += len(v.RealServers)
			for _, r := range v.RealServers {
				if r.IPVSWeight(&v) == otherWeight {
					heavy++
				}
			}
		}
		return servers, heavy
	}
	if servers, heavy := count(false); servers != n+1 || heavy != 0 {
		t.Errorf("%d real servers, %d of another weight", servers, heavy)
	}
	if servers, heavy := count(true); servers != n+1-changes/2 || heavy != changes/2 {
		t.Errorf("after the changes %d real servers, %d of another weight", servers, heavy)
	}
}

// TestChanging counts a change among what only asks or answers.
func TestChanging(t *testing.T) {
	message := func(kind, flags uint16, cmd byte, length int) []byte {
		b := make([]byte, (length+3)&^3)
		binary.NativeEndian.PutUint32(b, uint32(length))
		binary.NativeEndian.PutUint16(b[4:], kind)
		binary.NativeEndian.PutUint16(b[6:], flags)
		b[unix.NLMSG_HDRLEN] = cmd
		return b
	}
	var all []byte
	all = append(all, message(0x1c, unix.NLM_F_REQUEST, 5, 33)...)  // add a destination
	all = append(all, message(0x1c, unix.NLM_F_REQUEST, 4, 20)...)  // ask for services
	all = append(all, message(0x1c, unix.NLM_F_REQUEST, 8, 20)...)  // for destinations
	all = append(all, message(0x1c, unix.NLM_F_MULTI, 1, 24)...)    // an answer
	all = append(all, message(0x10, unix.NLM_F_REQUEST, 3, 20)...)  // generic netlink itself
	all = append(all, message(0x1c, unix.NLM_F_REQUEST, 7, 20)...)  // remove a destination
	all = append(all, message(0x1c, unix.NLM_F_REQUEST, 12, 20)...) // what is no service
	if n := changing(all); n != 2 {
		t.Errorf("%d changes, want 2", n)
	}
	if n := changing(all[:30]) + changing(nil); n != 1 {
		t.Errorf("%d changes in what is cut off, want 1", n)
	}
}

func TestTable(t *testing.T) {
	var table table
	r := row{100, "start"}
	table.Add(r, ours, 1)
	table.Add(r, theirs, 2)
	table.Add(r, theirs, 4)
	var out strings.Builder
	table.print(&out, true)
	if want := "| 100 | start | 1 | 2 / 3 / 4 | 0.33 |"; !strings.Contains(out.String(), want) {
		t.Errorf("got\n%s\nwant %s", &out, want)
	}
}
