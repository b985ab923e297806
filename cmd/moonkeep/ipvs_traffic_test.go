package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// traffic is a client and the servers that answer it, all in one thread: dozens of
// connections are begun, then accepted, then read from, and nobody waits for one of
// them. A guest forwards packets as fast as any machine; what it is slow at are system
// calls and switches between processes.
//
// Each request is eight octets, of which the first says whether the connection
// goes on, and the answer has the others behind the server's name.
type traffic struct {
	// rate is how many connections for one request are begun each second. Beside
	// them there are so many sessions, connections of many requests: each asks
	// again after every, and ends when its life is over.
	rate, sessions int
	every, life    time.Duration

	client    *netnstest.Host
	to        unix.RawSockaddrInet4
	ring      *ring
	listeners []int // one a server
	exchanges []*exchange
	served    []*served
	// free are those that are over, under how many are not, and live the sessions among
	// them.
	free        []int
	freeServed  []int
	under, live int
	// listening is how many servers accept connections.
	listening int
	now       time.Time
	// ending is when nothing more is begun; hushed, when servers accept no more.
	ending, hushed bool
	tally
}

// tally is what came of requests.
type tally struct {
	// opened are connections for one request.
	opened, answered int
	by               map[byte]int
	// late are those that were answered after a packet was sent again.
	late, failed []failure
	longest      time.Duration
	took         time.Duration
}

func (t *tally) String() string {
	return fmt.Sprintf("%d requests answered, %.0f a second, with %d new connections; %d late without a reason, the longest %v; by %v; %d failed",
		t.answered, float64(t.answered)/t.took.Seconds(), t.opened, len(t.late), t.longest.Round(time.Millisecond), t.by, len(t.failed))
}

// failure is a request that was not answered, or, without a reason, late.
type failure struct {
	// opened is when its connection was begun, began when it was.
	opened, began, ended time.Time
	server               byte // 0 for a connection that reached none
	session              bool
	why                  error
}

func (f failure) String() string {
	kind := "connection"
	if f.session {
		kind = "session"
	}
	return fmt.Sprintf("%s to %q, begun at %s, failed %s later: %v", kind, f.server, f.began.Format("05.000"), f.ended.Sub(f.began).Round(time.Millisecond), f.why)
}

const (
	once  = 'o'
	again = 'a'
	// clientPatience is how long a client waits for an answer. What comes after resent
	// has waited for a packet that was lost.
	clientPatience = 10 * time.Second
	resent         = 900 * time.Millisecond
	// So many connections are begun at once, at least and at most, and so many are under
	// way.
	least, most, all = 16, 64, 512
)

// exchange is a connection of the client.
type exchange struct {
	file          int
	session, over bool
	// asks says that an answer is awaited; otherwise it rests until then. It is given up
	// when it was found to have waited too long.
	asks, givenUp bool
	server        byte
	number        uint32
	out, in       [8]byte
	// opened is when it was begun, began when its last request was, and ends when it
	// asks no more.
	opened, began, then, ends time.Time
}

// served is a connection that a server accepted.
type served struct {
	file   int
	server byte
	b      [8]byte
}

// who is an operation's object and what it does.
type who uint64

func of(op uint8, server bool, index int) who {
	w := who(op)<<32 | who(index)
	if server {
		w |= 1 << 63
	}
	return w
}

// newTraffic has servers listen on port 80; the client's requests go to an address.
// They are called A, B and so on.
func newTraffic(t *testing.T, client *netnstest.Host, to netip.AddrPort, servers ...*netnstest.Host) *traffic {
	t.Helper()
	f := &traffic{
		client: client,
		to:     unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4(), Port: to.Port()>>8 | to.Port()<<8},
	}
	for _, h := range servers {
		var l int
		h.Run(t, func() (err error) {
			l, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			return err
		})
		t.Cleanup(func() { unix.Close(l) })
		netnstest.Must(t, unix.SetsockoptInt(l, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
		netnstest.Must(t, unix.Bind(l, &unix.SockaddrInet4{Port: 80}))
		netnstest.Must(t, unix.Listen(l, 4096))
		f.listeners = append(f.listeners, l)
	}
	return f
}

// run makes requests until ctx ends, and returns when the last ones were answered or
// failed. Sessions that are not over by then are ended.
func (f *traffic) run(ctx context.Context) (tally, error) {
	// Whoever else has something to do in this process does not wait for this thread.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1))
	f.tally, f.listening, f.hushed = tally{by: map[byte]int{}}, 0, false
	began := time.Now()
	err := f.client.Do(func() (err error) {
		if f.ring, err = newRing(); err != nil {
			return err
		}
		defer f.shut()
		for i := range f.listeners {
			if err := f.accept(i); err != nil {
				return err
			}
		}
		for {
			f.now = time.Now()
			f.ending = ctx.Err() != nil
			if !f.ending {
				f.took = f.now.Sub(began)
				if err := f.begin(); err != nil {
					return err
				}
			}
			if err := f.look(); err != nil {
				return err
			}
			if f.ending && f.under == 0 {
				if f.listening == 0 {
					return nil
				}
				if err := f.hush(); err != nil {
					return err
				}
			}
			limit := 2 * time.Millisecond
			if f.ring.queued > 0 {
				limit = 0
			}
			if err := f.ring.enter(limit); err != nil {
				return err
			}
			if err := f.ring.take(f.done); err != nil {
				return err
			}
		}
	})
	return f.tally, err
}

// hush has servers accept no more. What an io_uring that is closed accepts yet would be
// reset.
func (f *traffic) hush() error {
	if f.hushed {
		return nil
	}
	f.hushed = true
	for i := range f.listeners {
		if err := f.ring.put(sqe{op: opCancel, address: uintptr(of(opAccept, true, i)), user: uint64(of(opCancel, true, i))}); err != nil {
			return err
		}
	}
	return nil
}

// shut closes what is open.
func (f *traffic) shut() {
	_ = f.ring.close() // which ends what it does
	for _, s := range f.served {
		if s.file >= 0 {
			unix.Close(s.file)
		}
	}
	f.served, f.freeServed = nil, nil
}

// begin begins the connections that are due.
func (f *traffic) begin() error {
	for ; f.live < f.sessions; f.live++ {
		// One after the other, so that they do not all end at once.
		life := f.life/2 + f.life*time.Duration(f.live)/time.Duration(2*f.sessions)
		if err := f.open(life); err != nil {
			return err
		}
	}
	due := int(f.took.Seconds()*float64(f.rate)) - f.opened
	if due < least {
		return nil
	}
	for range min(due, most, all-f.under) {
		f.opened++
		if err := f.open(0); err != nil {
			return err
		}
	}
	return nil
}

// open begins a connection: a session if it has a life.
func (f *traffic) open(life time.Duration) error {
	if len(f.free) == 0 {
		f.free = append(f.free, len(f.exchanges))
		f.exchanges = append(f.exchanges, new(exchange))
	}
	i := f.free[len(f.free)-1]
	f.free = f.free[:len(f.free)-1]
	x := f.exchanges[i]
	*x = exchange{file: -1, session: life > 0, asks: true, number: x.number, opened: f.now, began: f.now, ends: f.now.Add(life)}
	f.under++
	return f.ring.put(sqe{op: opSocket, file: unix.AF_INET, offset: unix.SOCK_STREAM | unix.SOCK_CLOEXEC, user: uint64(of(opSocket, false, i))})
}

// ask sends a request and awaits the answer, on a new connection behind its beginning.
func (f *traffic) ask(i int, begin ...sqe) error {
	x := f.exchanges[i]
	x.asks, x.began = true, f.now
	x.number++
	binary.BigEndian.PutUint64(x.out[:], uint64(i)<<32|uint64(x.number))
	x.out[0] = once
	if x.session {
		x.out[0] = again
	}
	return f.ring.put(append(begin,
		sending(x.file, &x.out, of(opSend, false, i)),
		receiving(x.file, &x.in, of(opRecv, false, i)))...)
}

func sending(file int, b *[8]byte, w who) sqe {
	return sqe{op: opSend, flags: linked | quiet, file: int32(file), address: uintptr(unsafe.Pointer(b)), length: 8, more: unix.MSG_NOSIGNAL, user: uint64(w)}
}

func receiving(file int, b *[8]byte, w who) sqe {
	return sqe{op: opRecv, file: int32(file), address: uintptr(unsafe.Pointer(b)), length: 8, user: uint64(w)}
}

// look has sessions ask again whose time has come, ends those that are over, and gives
// up what waits for too long.
func (f *traffic) look() error {
	if f.under == 0 {
		return nil
	}
	for i, x := range f.exchanges {
		var err error
		switch {
		case x.over || x.file < 0:
		case x.asks:
			if !x.givenUp && f.now.Sub(x.began) > clientPatience {
				x.givenUp = true
				_ = unix.Shutdown(x.file, unix.SHUT_RDWR) // it may be closed by the other side
			}
		case f.ending || f.now.After(x.ends):
			err = f.close(i)
		case f.now.After(x.then):
			err = f.ask(i)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// close ends a connection of the client.
func (f *traffic) close(i int) error {
	x := f.exchanges[i]
	x.over = true
	f.under--
	if x.session {
		f.live--
	}
	return f.ring.put(sqe{op: opClose, file: int32(x.file), user: uint64(of(opClose, false, i))})
}

// done goes on with what an operation was for.
func (f *traffic) done(e cqe) error {
	op, i, server := uint8(e.user>>32), int(e.user&0xffff_ffff), e.user>>63 != 0
	if server {
		return f.doneServing(op, i, e)
	}
	x := f.exchanges[i]
	switch {
	case op == opClose:
		f.free = append(f.free, i)
		return nil
	case op == opSocket && e.result >= 0:
		x.file = int(e.result)
		return f.ask(i, sqe{op: opConnect, flags: linked | quiet, file: int32(x.file), address: uintptr(unsafe.Pointer(&f.to)), offset: uint64(unsafe.Sizeof(f.to)), user: uint64(of(opConnect, false, i))})
	case op == opSocket:
		return fmt.Errorf("make a socket: %w", unix.Errno(-e.result))
	case op == opRecv && e.result == 8 && binary.BigEndian.Uint64(x.in[:])<<8>>8 == uint64(i)<<32|uint64(x.number):
		return f.count(i)
	}
	var why error
	switch {
	case x.givenUp:
		why = errors.New("no answer")
	case e.result < 0:
		why = unix.Errno(-e.result)
	default:
		why = fmt.Errorf("an answer of %d octets: %q", e.result, x.in[:])
	}
	f.failed = append(f.failed, failure{x.opened, x.began, f.now, x.server, x.session, why})
	return f.close(i)
}

// count counts an answer.
func (f *traffic) count(i int) error {
	x := f.exchanges[i]
	f.answered++
	f.by[x.in[0]]++
	took := f.now.Sub(x.began)
	f.longest = max(f.longest, took)
	if took > resent {
		f.late = append(f.late, failure{x.opened, x.began, f.now, x.in[0], x.session, nil})
	}
	x.server = x.in[0]
	if !x.session {
		return f.close(i)
	}
	x.asks, x.then = false, f.now.Add(f.every)
	return nil
}

// accept has a server accept connections.
func (f *traffic) accept(server int) error {
	f.listening++
	return f.ring.put(sqe{op: opAccept, options: acceptMany, file: int32(f.listeners[server]), more: unix.SOCK_CLOEXEC, user: uint64(of(opAccept, true, server))})
}

func (f *traffic) doneServing(op uint8, i int, e cqe) error {
	switch op {
	case opAccept:
		return f.accepted(i, e)
	case opCancel:
		return nil
	}
	s := f.served[i]
	w := func(op uint8) who { return of(op, true, i) }
	end := sqe{op: opClose, file: int32(s.file), user: uint64(w(opClose))}
	switch {
	case op == opClose:
		s.file = -1
		f.freeServed = append(f.freeServed, i)
		return nil
	case op != opRecv || e.result != 8: // it is over, or a check that asked nothing
		return f.ring.put(end)
	}
	kind, number := s.b[0], binary.BigEndian.Uint64(s.b[:])
	if x := int(number << 8 >> 40); x < len(f.exchanges) && f.exchanges[x].number == uint32(number) {
		f.exchanges[x].server = s.server
	}
	s.b[0] = s.server
	answer := sending(s.file, &s.b, w(opSend))
	if kind == again {
		return f.ring.put(answer, receiving(s.file, &s.b, w(opRecv)))
	}
	answer.more |= unix.MSG_MORE // the end goes with it
	return f.ring.put(answer, end)
}

func (f *traffic) accepted(server int, e cqe) error {
	if e.flags&moreComes == 0 {
		if f.listening--; f.hushed && e.result == -int32(unix.ECANCELED) {
			return nil
		}
		if err := f.accept(server); err != nil {
			return err
		}
	}
	if e.result < 0 {
		return fmt.Errorf("accept: %w", unix.Errno(-e.result))
	}
	if len(f.freeServed) == 0 {
		f.freeServed = append(f.freeServed, len(f.served))
		f.served = append(f.served, new(served))
	}
	i := f.freeServed[len(f.freeServed)-1]
	f.freeServed = f.freeServed[:len(f.freeServed)-1]
	s := f.served[i]
	s.file, s.server = int(e.result), 'A'+byte(server)
	return f.ring.put(receiving(s.file, &s.b, of(opRecv, true, i)))
}
