package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestSole: what one daemon does another cannot, until that does it no more; and who
// serves something else on the same host may.
func TestSole(t *testing.T) {
	dir := openDir(t, t.TempDir())
	const own = "/proc/self/ns/net" // the daemon's namespace by another name than none
	router := func(device string, vrid uint8, change ...func(*node.Instance)) *node.Config {
		in := node.Instance{Name: "VI", Interface: device, Router: vrrp.Config{VRID: vrid}}
		for _, f := range change {
			f(&in)
		}
		return &node.Config{Instances: []node.Instance{in}}
	}
	unicast := func(peer string) func(*node.Instance) {
		return func(in *node.Instance) {
			in.Router.Unicast = vrrp.Unicast{On: true, Peers: []vrrp.Peer{{Addr: netip.MustParseAddr(peer)}}}
		}
	}
	services := func(first, n int) *node.Config {
		v := node.Service{Name: "web"}
		for i := range n {
			v.Layout.Keys = append(v.Layout.Keys, balance.Key{Fwmark: uint32(first + i)})
		}
		return &node.Config{Services: []node.Service{v}}
	}
	type pair struct {
		first, second *node.Config
		space         string // of the second's services
		refused       string
	}
	all := []pair{
		{first: router("sole0", 51), second: router("sole0", 51), refused: "virtual router 51 on sole0 (VI)"},
		{first: router(own+"/sole0", 51), second: router("sole0", 51), refused: "virtual router 51 on sole0 (VI)"},
		{first: router("sole0", 51), second: router("sole0", 52)},
		{first: router("sole0", 51), second: router("sole1", 51)},
		{first: router("sole0", 51), second: router("sole0", 51, func(in *node.Instance) { in.Router.IPv6 = true })},
		{first: router("sole0", 51, unicast("192.0.2.2")), second: router("sole0", 51, unicast("192.0.2.3"))},
		{first: router("sole0", 51, unicast("192.0.2.2")), second: router("sole0", 51, unicast("192.0.2.2")), refused: "virtual router 51 on sole0 (VI)"},
		{first: router("", 51), second: router("", 51)},
		{first: services(1, 5), second: services(5, 1), refused: "virtual server web"},
		{first: services(1, 5), second: services(6, 5)},
		{first: services(1, 5), second: services(1, 5), space: own, refused: "virtual server web"},
		{first: services(1, 1000), second: services(1, 1000), refused: "virtual server web"},
	}
	if os.Geteuid() == 0 { // else no namespace can be had
		ns, err := netns.New()
		if err != nil {
			t.Fatal(err)
		}
		defer ns.Close()
		red := fmt.Sprintf("/proc/self/fd/%d", ns.FD())
		all = append(all,
			pair{first: router(red+"/sole0", 51), second: router(red+"/sole0", 51), refused: "virtual router 51 on sole0 (VI)"},
			pair{first: router(red+"/sole0", 51), second: router("sole0", 51)},
			pair{first: services(1, 5), second: services(1, 5), space: red},
		)
	}
	for i, tt := range all {
		var a, b sole
		claim := func(s *sole, n *node.Config, space string) error {
			return s.claim(&config.Config{Global: config.Global{NetNamespaceIPVS: space}}, n, slog.New(slog.DiscardHandler))
		}
		if err := claim(&a, tt.first, ""); err != nil {
			t.Fatal(err)
		}
		if len(a.held) > mostRouterNames+mostServiceNames {
			t.Errorf("%d: %d names are held", i, len(a.held))
		}
		if err := claim(&a, tt.first, ""); err != nil {
			t.Errorf("%d: the same daemon: %v", i, err)
		}
		err := claim(&b, tt.second, tt.space)
		want := fmt.Sprintf("another moonkeep of this host (pid %d, run directory %s) has %s already, and each would undo what the other does: stop it, or take that out of one configuration", os.Getpid(), dir.path, tt.refused)
		var other *otherDaemonError
		if (tt.refused != "") != errors.As(err, &other) || other != nil && err.Error() != want {
			t.Errorf("%d: %v\nwant %q", i, err, tt.refused)
		}
		a.settle(new(config.Config), new(node.Config))
		if err := claim(&b, tt.second, tt.space); err != nil {
			t.Errorf("%d: after the first does it no more: %v", i, err)
		}
		a.close()
		b.close()
	}
}

// nameOf is the name for virtual router 51 on a device.
func nameOf(t *testing.T, device string) string {
	t.Helper()
	var ns unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &ns); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("moonkeep:%d:router %s IPv4 51", ns.Ino, device)
}

// routersOn is a node with virtual router 51 on each device.
func routersOn(devices ...string) *node.Config {
	n := new(node.Config)
	for _, device := range devices {
		n.Instances = append(n.Instances, node.Instance{Name: "VI", Interface: device, Router: vrrp.Config{VRID: 51}})
	}
	return n
}

// bound has the name of an abstract socket until the test ends, and does not listen yet.
func bound(t *testing.T, name string) (fd int) {
	t.Helper()
	fd = bind(t, name)
	t.Cleanup(func() { _ = unix.Close(fd) }) // nothing is written
	return fd
}

// bind is bound for who closes it.
func bind(t *testing.T, name string) (fd int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: "@" + name}); err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestSoleBesideStrangers: who may be no moonkeep keeps none from starting by a name, nor
// from holding the other ones.
func TestSoleBesideStrangers(t *testing.T) {
	t.Parallel()
	who := map[string]func(name string){
		"somebody who does not say who it is holds the name": func(name string) { bound(t, name) },
	}
	if os.Geteuid() == 0 { // else one cannot be another user too
		who["user 65534 holds the name"] = func(name string) {
			l := listenAs(t, 65534, name)
			t.Cleanup(func() { _ = l.Close() }) // nothing is written
		}
	}
	for says, hold := range who {
		device := fmt.Sprintf("str%d", len(says))
		hold(nameOf(t, device))
		var log bytes.Buffer
		var s sole
		if err := s.claim(new(config.Config), routersOn(device, device+"x", "a"+device), slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Errorf("it is refused: %v", err)
		}
		if len(s.held) != 2 || !strings.Contains(log.String(), says) || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%d names are held, want 2, and it is told %q, want one line with %q", len(s.held), &log, says)
		}
		s.close()
	}
}

// TestSoleBesideOneThatBegins: who has a name listens a moment later.
func TestSoleBesideOneThatBegins(t *testing.T) {
	t.Parallel()
	fd := bound(t, nameOf(t, "begins0"))
	ended := make(chan error)
	go func() {
		var s sole
		defer s.close()
		ended <- s.claim(new(config.Config), routersOn("begins0"), slog.New(slog.DiscardHandler))
	}()
	time.Sleep(5 * namePause) // it has asked by then, mostly
	if err := unix.Listen(fd, 1); err != nil {
		t.Error(err)
	}
	var other *otherDaemonError
	if err := <-ended; !errors.As(err, &other) {
		t.Errorf("it ends with %v, want that another daemon has it", err)
	}
}

// TestSoleSquatted: a user without rights who keeps names busy costs a start no time, also
// one who does not listen, and many names no more than one.
func TestSoleSquatted(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: to be another user too")
	}
	const names = 20
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var devices []string
	for i := range names {
		devices = append(devices, fmt.Sprint("squat", i))
		cmd.ExtraFiles = append(cmd.ExtraFiles, os.NewFile(uintptr(bind(t, nameOf(t, devices[i]))), devices[i]))
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	var log bytes.Buffer
	var s sole
	defer s.close()
	began := time.Now()
	if err := s.claim(new(config.Config), routersOn(devices...), slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Errorf("it is refused: %v", err)
	}
	if took := time.Since(began); took >= namePatience {
		t.Errorf("it took %v", took)
	}
	if !strings.Contains(log.String(), "user 65534 holds the name") {
		t.Errorf("it is told %q", &log)
	}
}

// TestSoleAskedByMore: a name whose holder is asked by more than it can answer is its
// holder's all the same.
func TestSoleAskedByMore(t *testing.T) {
	t.Parallel()
	name := nameOf(t, "more0")
	if err := unix.Listen(bound(t, name), 1); err != nil {
		t.Fatal(err)
	}
	var err error
	for i := 0; i < 100 && err == nil; i++ {
		var fd int
		if fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: "@" + name})
	}
	if !errors.Is(err, unix.EAGAIN) {
		t.Fatalf("the queue is not full, but %v: nothing is tested", err)
	}
	var s sole
	defer s.close()
	var other *otherDaemonError
	if err := s.claim(new(config.Config), routersOn("more0"), slog.New(slog.DiscardHandler)); !errors.As(err, &other) || other.pid != int32(os.Getpid()) {
		t.Errorf("it is told %v, want that process %d has it", err, os.Getpid())
	}
}

// TestSoleAskedWithoutEnd: a name that was asked for until nobody had room to ask is its
// holder's all the same.
func TestSoleAskedWithoutEnd(t *testing.T) {
	t.Parallel()
	var a, b sole
	defer a.close()
	defer b.close()
	claim := func(s *sole) error {
		return s.claim(new(config.Config), routersOn("asked0"), slog.New(slog.DiscardHandler))
	}
	if err := claim(&a); err != nil {
		t.Fatal(err)
	}
	var err error
	for i := 0; i < 1<<17 && err == nil; i++ {
		_, err = holder(nameOf(t, "asked0"))
	}
	if !errors.Is(err, unix.EAGAIN) {
		t.Fatalf("the queue is not full, but %v: nothing is tested", err)
	}
	var other *otherDaemonError
	if err := claim(&b); !errors.As(err, &other) {
		t.Errorf("the second is told %v, want that another daemon has it", err)
	}
}
