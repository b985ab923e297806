//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// network is the director's namespace and that of the real servers, where an
// nginx answers on every address of 10.2.0.0/16.
type network struct {
	director, servers *netns.NS
	web               *exec.Cmd
}

// webConf is nginx's. %s is a folder.
const webConf = `worker_processes 1; daemon off; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 8192; }
http {
    access_log off; keepalive_timeout 0;
    client_body_temp_path %[1]s/1; proxy_temp_path %[1]s/2; fastcgi_temp_path %[1]s/3; uwsgi_temp_path %[1]s/4; scgi_temp_path %[1]s/5;
    server { listen 80 backlog=8192; location / { return 200 'ok'; } }
}
`

func newNetwork(dir string) (_ *network, err error) {
	w := &network{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.director, err = netns.New(); err != nil {
		return nil, err
	}
	if w.servers, err = netns.New(); err != nil {
		return nil, err
	}
	if err := ip(w.director, "link set lo up", "link add dr type veth peer name rd netns /proc/"+strconv.Itoa(os.Getpid())+"/fd/"+strconv.Itoa(w.servers.FD()),
		"addr add 10.1.0.1/30 dev dr", "link set dr up"); err != nil {
		return nil, err
	}
	if err := ip(w.servers, "link set lo up", "addr add 10.1.0.2/30 dev rd", "link set rd up", "route add local 10.2.0.0/16 dev lo"); err != nil {
		return nil, err
	}
	if err := ip(w.director, "route add 10.2.0.0/16 via 10.1.0.2"); err != nil {
		return nil, err
	}
	for _, ns := range []*netns.NS{w.director, w.servers} {
		err := ns.Do(func() (err error) {
			for name, value := range map[string]string{"core/somaxconn": "8192", "ipv4/tcp_max_syn_backlog": "8192", "ipv4/tcp_tw_reuse": "1"} {
				err = errors.Join(err, os.WriteFile("/proc/sys/net/"+name, []byte(value), 0))
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("let the network take many connections: %w", err)
		}
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, webConf, dir), 0o644); err != nil {
		return nil, err
	}
	web := exec.Command("/usr/sbin/nginx", "-c", conf, "-p", dir)
	web.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := w.servers.Start(web); err != nil {
		return nil, fmt.Errorf("start nginx: %w", err)
	}
	w.web = web
	return w, nil
}

// ip runs commands of ip(8) in a namespace.
func ip(ns *netns.NS, lines ...string) error {
	for _, line := range lines {
		err := ns.Do(func() error {
			if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
				return fmt.Errorf("ip %s: %w: %s", line, err, strings.TrimSpace(string(out)))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// server is the address of real server i.
func server(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 2, byte(i / 250), byte(i%250 + 1)})
}

// connections is how many the real servers have taken.
func (w *network) connections() (int, error) {
	text, err := w.read(w.servers, "/proc/thread-self/net/snmp")
	if err != nil {
		return 0, err
	}
	var names []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != "Tcp:" {
			continue
		}
		if names == nil {
			names = f
			continue
		}
		for i, name := range names {
			if name == "PassiveOpens" && i < len(f) {
				return strconv.Atoi(f[i])
			}
		}
	}
	return 0, errors.New("the kernel does not count connections")
}

// entries is how many real servers stand in the director's table of IPVS.
func (w *network) entries() (int, error) {
	text, err := w.read(w.director, "/proc/thread-self/net/ip_vs")
	return max(0, strings.Count(text, "  -> ")-1), err // the first line explains
}

func (w *network) read(ns *netns.NS, path string) (string, error) {
	var text []byte
	err := ns.Do(func() (err error) {
		text, err = os.ReadFile(path)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("ask the kernel about a network: %w", err)
	}
	return string(text), nil
}

func (w *network) close() (err error) {
	if w.web != nil {
		err = w.web.Process.Signal(syscall.SIGTERM)
		_ = w.web.Wait() // it was killed, which is its status
	}
	for _, ns := range []*netns.NS{w.director, w.servers} {
		if ns != nil {
			err = errors.Join(err, ns.Close())
		}
	}
	return err
}
