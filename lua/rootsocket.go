package lua

import (
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// orders is what a unix socket takes from the daemon's user, who may be root.
type orders int

const (
	noOrders orders = iota
	// ordersByHTTP runs programs, and is read by HTTP (GET, HEAD and OPTIONS).
	ordersByHTTP
	// anyOrders runs programs, by whatever is said.
	anyOrders
)

// busPaths and the following are where servers listen that run programs for root: the
// buses, systemd itself, and what runs containers, machines and packages. One that
// listens elsewhere is not known. That the peer is process 1 says nothing: systemd
// listens for every service that it starts by its socket.
var (
	busPaths       = [...]string{"/run/dbus/", "/run/systemd/"}
	askedPaths     = [...]string{"/run/systemd/resolve/", "/run/systemd/userdb/"} // run nothing
	userBusPaths   = [...]string{"/run/user/*/bus", "/run/user/*/systemd/*"}
	containerPaths = [...]string{"/run/containerd/", "/run/crio/", "/run/podman/", "/run/libvirt/", "/var/lib/lxd/", "/var/snap/lxd/", "/var/lib/incus/", "/run/incus/", "/run/buildkit/"}
	containerNames = [...]string{"docker.sock", "podman.sock", "containerd.sock", "crio.sock", "cri-dockerd.sock", "snapd.socket"}
)

// ordersOf finds out what a socket takes, by the name that it was bound to and the
// one that was asked for: the first is right whatever links lead to it, the second
// whatever it was mounted from.
func (h *Host) ordersOf(conn net.Conn, asked string) orders {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return noOrders
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return anyOrders // nobody knows; the safe answer
	}
	bound, known := "", false
	_ = raw.Control(func(fd uintptr) {
		peer, err := syscall.Getpeername(int(fd))
		if unix, ok := peer.(*syscall.SockaddrUnix); ok && err == nil {
			bound, known = unix.Name, true
		}
	})
	if !known {
		return anyOrders
	}
	names := []string{bound, asked}
	if real, err := filepath.EvalSymlinks(asked); err == nil {
		names = append(names, real)
	}
	takes := noOrders
	for _, name := range names {
		takes = max(takes, h.ordersAt(name))
	}
	return takes
}

// ordersAt is what a socket of this name takes.
func (h *Host) ordersAt(name string) orders {
	if strings.HasPrefix(name, "@") { // the abstract ones of D-Bus
		if strings.HasPrefix(name, "@/tmp/dbus-") || slices.Contains(busNames(h.SystemBus), name) {
			return anyOrders
		}
		return noOrders
	}
	name = clean(name)
	under := func(dir string) bool { return strings.HasPrefix(name, dir) }
	like := func(pattern string) bool {
		matched, err := filepath.Match(pattern, name)
		return matched && err == nil
	}
	switch {
	case slices.ContainsFunc(askedPaths[:], under):
		return noOrders
	case slices.ContainsFunc(busPaths[:], under), slices.ContainsFunc(userBusPaths[:], like), slices.Contains(busNames(h.SystemBus), name):
		return anyOrders
	case slices.ContainsFunc(containerPaths[:], under), slices.Contains(containerNames[:], filepath.Base(name)):
		return ordersByHTTP
	}
	return noOrders
}

// clean writes a path without what leads nowhere, and /var/run as the link that it is.
func clean(path string) string {
	path = filepath.Clean(path)
	if rest, ok := strings.CutPrefix(path, "/var/run/"); ok {
		return "/run/" + rest
	}
	return path
}

// busNames are the unix sockets of an address of D-Bus, which may have several.
func busNames(address string) []string {
	var names []string
	for _, one := range strings.Split(address, ";") {
		transport, parameters, _ := strings.Cut(one, ":")
		for _, p := range strings.Split(parameters, ",") {
			key, value, _ := strings.Cut(p, "=")
			value, err := url.PathUnescape(value)
			switch {
			case transport != "unix" || err != nil:
			case key == "path":
				names = append(names, clean(value))
				if real, err := filepath.EvalSymlinks(value); err == nil {
					names = append(names, real)
				}
			case key == "abstract":
				names = append(names, "@"+value)
			}
		}
	}
	return names
}
