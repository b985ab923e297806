//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// watcher hears which addresses of a namespace come and go, and when.
type watcher struct {
	file  *os.File
	ended chan struct{}

	mu      sync.Mutex
	present map[netip.Addr]time.Time // since when
	changes map[netip.Addr]int
	changed chan struct{} // closed at the next change
	err     error
}

// watchBuffer holds the messages of some ten thousand addresses.
const watchBuffer = 16 << 20

func watch(ns *netns.NS) (*watcher, error) {
	var fd int
	err := ns.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
		return err
	})
	if err == nil {
		err = errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, watchBuffer),
			unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_IPV4_IFADDR}))
	}
	if err != nil {
		return nil, fmt.Errorf("watch the addresses: %w", err)
	}
	w := &watcher{
		file: os.NewFile(uintptr(fd), "netlink"), ended: make(chan struct{}),
		present: map[netip.Addr]time.Time{}, changes: map[netip.Addr]int{}, changed: make(chan struct{}),
	}
	go w.read()
	return w, nil
}

func (w *watcher) read() {
	defer close(w.ended)
	b := make([]byte, 64<<10)
	for {
		n, err := w.file.Read(b)
		now := time.Now()
		if err != nil {
			w.mu.Lock()
			if !errors.Is(err, os.ErrClosed) {
				w.err = fmt.Errorf("watch the addresses: %w", err)
			}
			close(w.changed)
			w.mu.Unlock()
			return
		}
		w.take(b[:n], now)
	}
}

// take reads the messages of one datagram.
func (w *watcher) take(b []byte, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(b) >= unix.SizeofNlMsghdr {
		h := header(b)
		if h.length < unix.SizeofNlMsghdr || int(h.length) > len(b) {
			break
		}
		body := b[unix.SizeofNlMsghdr:h.length]
		b = b[min(align(int(h.length)), len(b)):]
		a, ok := localAddress(body)
		if !ok {
			continue
		}
		switch h.kind {
		case unix.RTM_NEWADDR:
			if _, there := w.present[a]; !there {
				w.present[a] = now
				w.changes[a]++
			}
		case unix.RTM_DELADDR:
			delete(w.present, a)
			w.changes[a]++
		}
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// await waits until all addresses stand, and returns when the last came.
func (w *watcher) await(addresses []netip.Addr, limit time.Duration) (last time.Time, err error) {
	end := time.NewTimer(limit)
	defer end.Stop()
	for {
		w.mu.Lock()
		missing, changed, err := 0, w.changed, w.err
		last = time.Time{}
		for _, a := range addresses {
			since, there := w.present[a]
			if !there {
				missing++
			} else if since.After(last) {
				last = since
			}
		}
		w.mu.Unlock()
		if err != nil {
			return last, err
		}
		if missing == 0 {
			return last, nil
		}
		select {
		case <-changed:
		case <-end.C:
			return last, fmt.Errorf("%d of %d addresses do not stand after %v", missing, len(addresses), limit)
		}
	}
}

// moves is how often one of the addresses came or went since the watch began.
func (w *watcher) moves(addresses []netip.Addr) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range addresses {
		n += w.changes[a]
	}
	return n
}

func (w *watcher) close() error {
	err := w.file.Close()
	<-w.ended
	return errors.Join(err, w.err)
}
