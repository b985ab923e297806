package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// namePatience is how long one waits for who has a name to be known: it listens a
	// moment after it has the name.
	namePatience = time.Second
	// namePause is between two that ask for a name, so that it costs little to be asked
	// without end.
	namePause = 10 * time.Millisecond
)

// heldName is the name of an abstract socket that this process holds, which the kernel
// frees when the process ends. It listens, so that others see whose it is; nobody talks
// over it.
type heldName struct {
	listener    net.Listener
	over, ended chan struct{}
}

// takeName holds a name, or says which moonkeep has it. It is an error when neither can
// be: anybody may take any name, and must not be able to keep a daemon from starting by
// it. What is not known yet is asked for again as long as the asker has patience.
func takeName(name string, a *asker) (*heldName, *unix.Ucred, error) {
	for {
		h, err := bindName(name)
		if !errors.Is(err, unix.EADDRINUSE) {
			return h, nil, err
		}
		peer, err := holder(name)
		known := err == nil
		if !known {
			peer, known = a.owner(name)
		}
		switch {
		case known && trusted(peer):
			return nil, peer, nil
		case peer != nil && !trusted(peer):
			return nil, nil, &strangerError{fmt.Sprintf("user %d", peer.Uid), name}
		case time.Now().After(a.until):
			return nil, nil, &strangerError{"somebody who does not say who it is", name}
		}
		time.Sleep(namePause)
	}
}

// strangerError says that somebody who may be no moonkeep holds a name.
type strangerError struct{ who, name string }

func (e *strangerError) Error() string { return fmt.Sprintf("%s holds the name @%s", e.who, e.name) }

// trusted reports whether a process may be a moonkeep.
func trusted(peer *unix.Ucred) bool { return peer.Uid == 0 || peer.Uid == uint32(os.Geteuid()) }

// bindName holds a name; the error is EADDRINUSE when somebody does.
func bindName(name string) (*heldName, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "@" + name, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("hold a name: %w", err)
	}
	h := &heldName{listener: l, over: make(chan struct{}), ended: make(chan struct{})}
	go h.answer()
	return h, nil
}

// answer takes those who ask from the queue, which would be full some time; after that
// nobody could see whose the name is.
func (h *heldName) answer() {
	defer close(h.ended)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-h.over:
			return
		case <-pause.C:
		}
		if c, err := h.listener.Accept(); err == nil {
			_ = c.Close() // nothing was said
		}
		pause.Reset(namePause)
	}
}

// Close gives the name back, once.
func (h *heldName) Close() error {
	err := h.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return err
	}
	close(h.over)
	<-h.ended
	return err
}

// holder returns who listens on the abstract socket of a name.
func holder(name string) (*unix.Ucred, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("ask whose the name @%s is: %w", name, err)
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: "@" + name}); err != nil {
		return nil, fmt.Errorf("ask whose the name @%s is: %w", name, err)
	}
	return unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
}

// namePrefix is what names of the calling thread's network namespace begin with, for those
// who read /proc/net/unix.
func namePrefix() (string, error) {
	var ns unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &ns); err != nil {
		return "", fmt.Errorf("name what the daemon does: read /proc/thread-self/ns/net: %w", err)
	}
	return "moonkeep:" + strconv.FormatUint(ns.Ino, 10) + ":", nil
}
