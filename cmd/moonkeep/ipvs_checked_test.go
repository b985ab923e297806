package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// mailer answers as a mail server does until it is closed, to who is called as
// the configuration says.
func mailer(t *testing.T, h *netnstest.Host) net.Listener {
	t.Helper()
	var l net.Listener
	h.Run(t, func() (err error) {
		l, err = net.Listen("tcp", ":25")
		return err
	})
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, "220 mail\r\n")
			for lines := bufio.NewScanner(c); lines.Scan(); {
				answer := "250 well"
				switch line := lines.Text(); {
				case line == "QUIT":
					answer = "221 bye"
				case strings.HasPrefix(line, "HELO") && line != "HELO lvs.firewall.loc":
					answer = "550 who are you"
				}
				fmt.Fprint(c, answer+"\r\n")
			}
			c.Close()
		}
	}()
	return l
}

// TestGuestChecked: the table follows web servers and a mail server that live,
// die, and tell their load.
func TestGuestChecked(t *testing.T) {
	needIPVS(t)
	s := newSwitch(t)
	d := s.host(t, "192.168.1.1/24")
	d.give(t, "192.168.1.2/24")
	web := map[string]*page{}
	for _, last := range []string{"11", "12", "13"} {
		h := s.host(t, "192.168.1."+last+"/24")
		web[last] = &page{h: h.Host, body: "front page\n"}
		web[last].start(t)
	}
	mail := s.host(t, "192.168.1.21/24").Host
	listening := mailer(t, mail)

	load := func(status string) { d.write(t, "load", status, 0o600) }
	load("0")
	d.write(t, "load.sh", "#!/bin/sh\n[ \"$1\" = 192.168.1.13 ] || exit 1\nexit $(cat "+d.dir+"/load)\n", 0o700)
	text, err := os.ReadFile("testdata/checked.conf")
	netnstest.Must(t, err)
	d.moonkeep(t, d.write(t, "checked.conf", strings.ReplaceAll(string(text), "DIR", d.dir), 0o600))

	became := func(what string, want ...string) {
		t.Helper()
		for i, line := range want {
			want[i] = "-a -t 192.168.1.2:" + line
		}
		want = append(want, "-A -t 192.168.1.2:25 -s rr", "-A -t 192.168.1.2:80 -s wrr -p 120")
		slices.Sort(want)
		var got []string
		for began := time.Now(); time.Since(began) < 60*time.Second; time.Sleep(200 * time.Millisecond) {
			if got = d.saved(t); slices.Equal(got, want) {
				return
			}
		}
		t.Errorf("%s: %s", what, cmp.Diff(want, got))
	}
	one, two, three := "80 -r 192.168.1.11:80 -g -w 1", "80 -r 192.168.1.12:80 -g -w 1", "80 -r 192.168.1.13:80 -g -w 1"
	kept, post := "80 -r 192.168.1.11:80 -g -w 0", "25 -r 192.168.1.21:25 -m -w 1"
	became("all live", one, two, three, post)
	load("12")
	became("the third is idle", one, two, "80 -r 192.168.1.13:80 -g -w 10", post)
	load("255")
	became("idler still", one, two, "80 -r 192.168.1.13:80 -g -w 253", post)
	web["11"].stop()
	became("the first refuses", kept, two, "80 -r 192.168.1.13:80 -g -w 253", post)
	told := func(name string) {
		t.Helper()
		for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
			_, err := os.Stat(filepath.Join(d.dir, name))
			if err == nil {
				return
			}
			if time.Since(began) > 20*time.Second {
				t.Errorf("notify_%s: %v", name, err)
				return
			}
		}
	}
	told("down")
	web["11"].body = "another page\n"
	web["11"].start(t)
	load("0")
	became("the third as it is configured", kept, two, three, post)
	web["11"].stop()
	web["11"].body = "front page\n"
	web["11"].start(t)
	became("the first has its page", one, two, three, post)
	told("up")
	listening.Close()
	web["12"].stop()
	load("1")
	became("only the first lives", one)
	web["11"].stop()
	became("none lives", kept, "80 -r 127.0.0.1:80 -g -w 1")
	for _, p := range web {
		p.stop()
		p.start(t)
	}
	load("2")
	mailer(t, mail)
	became("all live again, one of them tired", one, two, "80 -r 192.168.1.13:80 -g -w 0", post)
}
