//go:build linux

package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

const (
	// watchGap is the least time between two calls of a Watcher, so that whoever
	// removes a table over and over costs little. The first call is not delayed.
	watchGap = 20 * time.Millisecond
	// watchRetry is the time until a lost subscription is opened again.
	watchRetry = 100 * time.Millisecond
	// watchBuffer holds the notifications of one message of the kernel, which
	// fills a page at most; what is longer counts as a change.
	watchBuffer = 64 << 10
	// tableAttribute is the number of the attribute with a table's name. It is
	// the same in notifications of tables, chains, rules, sets and elements.
	tableAttribute = unix.NFTA_TABLE_NAME
)

// Watcher calls a function when one of some tables of nftables was changed by
// anybody, this process included. It does not say what changed. Any number of
// changes in a row may be one call; after the last there is always a call that
// began later.
// Changes of other tables cost a look at the notification, and no call.
//
// It owns two goroutines: one empties the socket and waits for nothing else,
// one makes the calls. Between them is one bit, so that no burst takes memory,
// and a notification that the kernel had to drop counts as a change.
type Watcher struct {
	ns      *netns.NS
	tables  []string
	changed func()

	dirty chan struct{} // capacity 1: the bit
	done  chan struct{}
	wg    sync.WaitGroup

	mu     sync.Mutex
	socket *os.File
	closed bool
}

// Watch subscribes to changes of tables with these names in the namespace, which
// must stay open until Close. Calls of changed never overlap. A subscription that is
// lost later is opened again, with a call for what was missed.
func Watch(ns *netns.NS, tables []string, changed func()) (*Watcher, error) {
	w := &Watcher{ns: ns, tables: tables, changed: changed, dirty: make(chan struct{}, 1), done: make(chan struct{})}
	if err := w.subscribe(); err != nil {
		return nil, explain(err)
	}
	w.wg.Add(2)
	go w.read()
	go w.run()
	return w, nil
}

// Close ends the watcher. After it no call is running or will follow, so that it
// must not be called from changed. It may be called again.
func (w *Watcher) Close() error {
	w.mu.Lock()
	var err error
	if !w.closed {
		w.closed = true
		close(w.done)
		err = w.socket.Close()
		if errors.Is(err, os.ErrClosed) {
			err = nil // it was lost
		}
	}
	w.mu.Unlock()
	w.wg.Wait()
	return err
}

// run makes the calls.
func (w *Watcher) run() {
	defer w.wg.Done()
	for {
		select {
		case <-w.done:
			return
		case <-w.dirty:
		}
		start := time.Now()
		w.changed()
		// A call may take at most a fifth of the time of one processor.
		if !w.sleep(max(watchGap, 4*time.Since(start))) {
			return
		}
	}
}

// read empties the socket and sets the bit.
func (w *Watcher) read() {
	defer w.wg.Done()
	for {
		w.drain()
		for {
			if !w.sleep(watchRetry) {
				return
			}
			// The caller looks from time to time, too, and hears of it if the
			// kernel refuses that as well.
			if w.subscribe() == nil {
				break
			}
		}
		w.poke()
	}
}

// drain reads until the socket fails, or is closed, and closes it.
func (w *Watcher) drain() {
	w.mu.Lock()
	socket := w.socket
	w.mu.Unlock()
	defer socket.Close()
	raw, err := socket.SyscallConn()
	if err != nil {
		return
	}
	buffer := make([]byte, watchBuffer)
	var n int
	next := func(fd uintptr) bool {
		// MSG_TRUNC has the kernel tell the full length.
		n, _, err = unix.Recvfrom(int(fd), buffer, unix.MSG_TRUNC)
		return err != unix.EAGAIN
	}
	for {
		if raw.Read(next) != nil {
			return
		}
		switch {
		case err == nil && n <= len(buffer):
			if names(buffer[:n], w.tables) {
				w.poke()
			}
		case err == nil, errors.Is(err, unix.ENOBUFS):
			// Something was lost, it does not matter what. The socket goes on.
			w.poke()
		case errors.Is(err, unix.EINTR):
		default:
			return
		}
	}
}

func (w *Watcher) poke() {
	select {
	case w.dirty <- struct{}{}:
	default:
	}
}

// subscribe opens the socket in the namespace.
func (w *Watcher) subscribe() error {
	return w.ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
		if err != nil {
			return fmt.Errorf("open a netlink socket for changes of nftables: %w", err)
		}
		if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (unix.NFNLGRP_NFTABLES - 1)}); err != nil {
			return errors.Join(fmt.Errorf("subscribe to changes of nftables: %w", err), unix.Close(fd))
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		socket := os.NewFile(uintptr(fd), "nftables monitor")
		if w.closed {
			return socket.Close()
		}
		w.socket = socket
		return nil
	})
}

// sleep waits and reports whether the watcher is still open.
func (w *Watcher) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-w.done:
		return false
	case <-t.C:
		return true
	}
}

// names reports whether one of the notifications of nftables is about one
// of the tables, or cannot be read. That which ends each batch names no table.
func names(b []byte, tables []string) bool {
	const nfgenmsg = 4
	for len(b) > 0 {
		if len(b) < unix.SizeofNlMsghdr {
			return true
		}
		length, kind := int(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint16(b[4:])
		if length < unix.SizeofNlMsghdr || length > len(b) {
			return true
		}
		message := b[unix.SizeofNlMsghdr:length]
		b = b[min((length+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1), len(b)):]
		if kind == unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN || kind>>8 != unix.NFNL_SUBSYS_NFTABLES {
			continue
		}
		if len(message) < nfgenmsg {
			return true
		}
		name, ok := attribute(message[nfgenmsg:])
		if !ok || slices.Contains(tables, name) {
			return true
		}
	}
	return false
}

// attribute returns the name of the table among the attributes.
func attribute(b []byte) (name string, ok bool) {
	for len(b) >= unix.SizeofNlAttr {
		length, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if length < unix.SizeofNlAttr || length > len(b) {
			return "", false
		}
		if kind == tableAttribute && length > unix.SizeofNlAttr {
			return string(b[unix.SizeofNlAttr : length-1]), true // without the zero at its end
		}
		b = b[min((length+unix.NLA_ALIGNTO-1)&^(unix.NLA_ALIGNTO-1), len(b)):]
	}
	return "", false
}
