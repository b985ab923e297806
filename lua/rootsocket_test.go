package lua

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A script that may not run programs has nobody else run them: over D-Bus, whatever
// the way to its socket, or over a socket of Docker's, which it only reads.
func TestSocketsThatRunPrograms(t *testing.T) {
	const want = "not allowed; the configuration must grant it: allow: [exec]"
	dir := t.TempDir()
	file := filepath.Join(dir, "docker.sock")
	l, err := net.Listen("unix", file)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Method) })}
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	type row struct{ body, path, want string }
	rows := []row{
		{`return true, http.get("http://docker/", {connect = "unix:" .. path}).body`, file, "GET"},
		{`return true, http.get("http://docker/", {connect = "unix:" .. path}).body`, link, "GET"},
		{`return true, http.request("OPTIONS", "http://docker/", {connect = "unix:" .. path}).body`, file, "OPTIONS"},
		{`return true, http.post("http://docker/", "x", {connect = "unix:" .. path}).body`, file, "http.post: " + want},
		{`return true, http.request("PUT", "http://docker/", {connect = "unix:" .. path}).body`, link, "http.request: " + want},
		{`return true, tostring(webhook.post("http://docker/", {}, {connect = "unix:" .. path}))`, file, "webhook.post: " + want},
		{`return true, tostring(tcp.connect("unix:" .. path))`, file, "tcp.connect: " + want},
		{`return true, tostring(tcp.connect("unix:" .. path))`, link, "tcp.connect: " + want},
		{`return true, tostring(select(2, pcall(tcp.connect, "unix:" .. path, {timeout = 1})))`, link, "tcp.connect: " + want},
	}
	host := &Host{}
	if bus := fakeSystemd(t); bus == "" {
		t.Log("without dbus-daemon: not over D-Bus")
	} else {
		host.SystemBus = bus
		path := busNames(bus)[0]
		toBus := filepath.Join(dir, "bus")
		if err := os.Symlink(path, toBus); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{path, toBus, "/proc/self/root" + path} {
			rows = append(rows, row{`return true, tostring(tcp.connect("unix:" .. path))`, path, "tcp.connect: " + want},
				row{`return true, tostring(http.get("http://docker/", {connect = "unix:" .. path}))`, path, "http.get: " + want})
		}
	}
	prelude := `local http, tcp, webhook, path = require "http", require "tcp", require "webhook", ctx.args.path `
	for _, r := range rows {
		o := Options{Allow: []string{GrantNet}, Args: map[string]any{"path": r.path}, Host: host}
		got, err := says(t, prelude+r.body, o)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasSuffix(got, r.want) {
			t.Errorf("%s of %s\n got %q\nwant %q", r.body, r.path, got, r.want)
		}
		o.Allow = append(o.Allow, GrantExec)
		// What else goes wrong is of no interest here.
		if got, err := says(t, prelude+r.body, o); strings.Contains(fmt.Sprint(got, err), want) {
			t.Errorf("%s of %s with the grant: %q, %v", r.body, r.path, got, err)
		}
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != http.ErrServerClosed {
		t.Error(err)
	}
}

func TestOrdersBySocket(t *testing.T) {
	h := &Host{SystemBus: "unix:path=/tmp/my%20bus,guid=1;unix:abstract=my-bus;tcp:host=localhost,port=1"}
	for name, want := range map[string]orders{
		"/run/dbus/system_bus_socket": anyOrders, "/var/run/dbus/system_bus_socket": anyOrders, "/run/../run/dbus//system_bus_socket": anyOrders,
		"/run/systemd/private": anyOrders, "/run/systemd/io.systemd.Manager": anyOrders, "/run/user/1000/bus": anyOrders, "/run/user/1000/systemd/private": anyOrders,
		"/tmp/my bus": anyOrders, "@my-bus": anyOrders, "@/tmp/dbus-AbCd": anyOrders,
		"/run/docker.sock": ordersByHTTP, "/var/run/docker.sock": ordersByHTTP, "/srv/docker.sock": ordersByHTTP, "/run/user/1000/podman/podman.sock": ordersByHTTP,
		"/run/containerd/containerd.sock.ttrpc": ordersByHTTP, "/run/libvirt/libvirt-sock": ordersByHTTP, "/run/snapd.socket": ordersByHTTP, "/var/lib/incus/unix.socket": ordersByHTTP,
		"/var/snap/lxd/common/lxd/unix.socket": ordersByHTTP, "/run/incus/unix.socket": ordersByHTTP, "/run/cri-dockerd.sock": ordersByHTTP,
		"/run/systemd/resolve/io.systemd.Resolve": noOrders, "/run/systemd/userdb/io.systemd.DynamicUser": noOrders, "/run/systemd/resolve/../private": anyOrders,
		"/run/mysqld/mysqld.sock": noOrders, "/run/haproxy/admin.sock": noOrders, "/run/php/php8.2-fpm.sock": noOrders, "/run/gunicorn.sock": noOrders, "/run/dbusy": noOrders,
		"/run/user/1000/app.sock": noOrders, "@app": noOrders, "": noOrders,
	} {
		if got := h.ordersAt(name); got != want {
			t.Errorf("%q: %d, want %d", name, got, want)
		}
	}
}
