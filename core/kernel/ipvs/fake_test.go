//go:build linux

package ipvs

import (
	"encoding/binary"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/balance"
)

const fakeFamily = 33

// fake is a kernel that speaks the messages: it keeps a table and answers what
// a Conn sends. It is also the library's half of a Conn on the same table.
type fake struct {
	t     *testing.T
	table balance.Table
	// full is how many destinations the table may have; 0 is no bound.
	full int
	// schedulers are those that there are; nil is all.
	schedulers []string
	// interrupt is how many dumps say that the table changed meanwhile.
	interrupt int
	// mute has it answer nothing, cut has it answer with messages cut short.
	mute, cut bool
	// refuse, unless nil, is what every question is answered with; blind has looks
	// fail. silentFlushes are those that are not answered.
	refuse        error
	blind         bool
	silentFlushes int
	limits        []Timeouts    // that were set
	zeroed        []balance.Key // whose counters were
	// links, unless nil, is the interface that there is, or none when it is empty.
	// With it daemons that synchronise connections can be started, one of each role,
	// and syncs are
	// those that run. asked is how often it was asked for the interface.
	links *iface
	// slow is how long it takes to read a service's destinations; reads is how many
	// were read since the services were, and most of these the most.
	slow        time.Duration
	reads, most int
	// onRead, unless nil, is called before a service's destinations are read.
	onRead func()
	// passes, unless nil, says which services a dump passes over.
	passes func(balance.Key) bool
	// stale has the library use a number that the kernel has forgotten.
	stale  bool
	syncs  []Sync
	starts int
	asked  int
	// piece is how many messages one Receive takes; 0 is all.
	piece int

	queue [][]byte // messages to be received
	sends int
	calls int // of the library
	heard int // operations that were sent as messages
	// answers are those to operations.
	answers int
}

func connected(t *testing.T) (*Conn, *fake) {
	f := &fake{t: t, table: balance.Table{}}
	return &Conn{socket: f, services: f, family: fakeFamily, in: make([]byte, 64<<10)}, f
}

func (f *fake) Send(b []byte) error {
	f.sends++
	for len(b) > 0 {
		r, rest, err := nextReply(b)
		if err != nil {
			f.t.Fatalf("sent: %v", err)
		}
		b = rest
		f.serve(r)
	}
	return nil
}

func (f *fake) Receive(b []byte) (int, error) {
	if f.mute || len(f.queue) == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	n := 0
	for i := 0; len(f.queue) > 0 && (f.piece == 0 || i < f.piece); i++ {
		n += copy(b[n:], f.queue[0])
		f.queue = f.queue[1:]
	}
	if f.cut {
		n -= 3
	}
	return n, nil
}

func (f *fake) Interface(string) (iface, error) {
	f.asked++
	if f.links != nil && f.links.index == 0 {
		return iface{}, unix.ENODEV
	}
	if f.links != nil {
		return *f.links, nil
	}
	return iface{index: 1}, nil
}

func (f *fake) Close() error { return nil }

// answer queues a message.
func (f *fake) answer(kind, flags uint16, seq uint32, put func(*message)) {
	var m message
	m.b = binary.NativeEndian.AppendUint32(m.b, 0)
	m.b = binary.NativeEndian.AppendUint16(m.b, kind)
	m.b = binary.NativeEndian.AppendUint16(m.b, flags)
	m.b = binary.NativeEndian.AppendUint32(m.b, seq)
	m.b = binary.NativeEndian.AppendUint32(m.b, 0)
	put(&m)
	m.end()
	f.queue = append(f.queue, m.b)
}

func (f *fake) acknowledge(seq uint32, err error) {
	code := int32(0)
	if err != nil {
		code = -int32(err.(unix.Errno))
	}
	f.answer(unix.NLMSG_ERROR, 0, seq, func(m *message) {
		m.b = binary.NativeEndian.AppendUint32(m.b, uint32(code))
		m.b = append(m.b, make([]byte, unix.NLMSG_HDRLEN)...)
	})
}

func (f *fake) serve(r reply) {
	if r.kind == unix.GENL_ID_CTRL {
		f.answer(unix.GENL_ID_CTRL, 0, r.seq, func(m *message) {
			m.b = append(m.b, unix.CTRL_CMD_NEWFAMILY, 2, 0, 0)
			m.text(unix.CTRL_ATTR_FAMILY_NAME, familyName)
			m.u16(unix.CTRL_ATTR_FAMILY_ID, fakeFamily)
		})
		f.acknowledge(r.seq, nil)
		return
	}
	if r.kind != fakeFamily {
		f.acknowledge(r.seq, unix.ENOENT)
		return
	}
	if f.refuse != nil {
		f.acknowledge(r.seq, f.refuse)
		return
	}
	switch cmd := r.body[0]; cmd {
	case cmdGetDaemon:
		f.list(r.seq, len(f.syncs), func(m *message, i int) {
			m.b = append(m.b, cmdGetDaemon, version, 0, 0)
			at := m.open(attrDaemon | nestedAttr)
			m.u32(daemonState, uint32(f.syncs[i].Role))
			m.text(daemonInterface, f.syncs[i].Interface)
			m.u32(daemonID, uint32(f.syncs[i].ID))
			m.close(at)
		})
	case cmdNewDaemon:
		f.acknowledge(r.seq, f.startSync(f.daemon(r)))
	case cmdDelDaemon:
		f.acknowledge(r.seq, f.stopSync(f.daemon(r).Role))
	case cmdGetSvc:
		if r.flags&unix.NLM_F_DUMP == 0 {
			s, err := readService(r.body)
			if have := f.table[s.Key]; err == nil && have != nil {
				f.answer(fakeFamily, 0, r.seq, func(m *message) { f.putService(m, s.Key, have.Options) })
			} else if err == nil {
				err = unix.ESRCH
			}
			f.acknowledge(r.seq, err)
			return
		}
		f.reads = 0
		keys := f.table.Keys()
		if f.passes != nil {
			keys = slices.DeleteFunc(keys, f.passes)
		}
		f.list(r.seq, len(keys), func(m *message, i int) { f.putService(m, keys[i], f.table[keys[i]].Options) })
	case cmdGetDest:
		if f.onRead != nil {
			f.onRead()
		}
		if f.slow > 0 {
			for began := time.Now(); time.Since(began) < f.slow; {
			}
		}
		f.reads++
		f.most = max(f.most, f.reads)
		s, err := readService(r.body)
		if err != nil || f.table[s.Key] == nil {
			f.list(r.seq, 0, nil) // as the kernel, which says no more of a service that is gone
			return
		}
		list := f.table[s.Key].Destinations
		f.list(r.seq, len(list), func(m *message, i int) {
			m.b = append(m.b, cmdGetDest, version, 0, 0)
			m.putDestination(list[i], true)
		})
	case cmdSetSvc:
		s, err := readService(r.body)
		if err == nil {
			err = f.edit(balance.EditService, s.Key, s.Options, unix.ESRCH)
		}
		f.acknowledge(r.seq, err)
	case cmdZero:
		s, err := readService(r.body)
		if err == nil && f.table[s.Key] == nil {
			err = unix.ESRCH
		}
		if err == nil {
			f.zeroed = append(f.zeroed, s.Key)
		}
		f.acknowledge(r.seq, err)
	case cmdFlush:
		clear(f.table)
		f.acknowledge(r.seq, nil)
	case cmdGetConfig:
		now := usual
		for _, t := range f.limits {
			now = t.over(now)
		}
		f.answer(fakeFamily, 0, r.seq, func(m *message) {
			m.b = append(m.b, cmdSetConfig, version, 0, 0)
			for kind, d := range map[uint16]time.Duration{attrTCP: now.TCP, attrTCPFin: now.TCPFin, attrUDP: now.UDP} {
				m.u32(kind, uint32(d/time.Second))
			}
		})
		f.acknowledge(r.seq, nil)
	case cmdSetConfig:
		t, err := readTimeouts(r.body[genlHeader:])
		if err != nil {
			f.t.Error(err)
		}
		f.limits = append(f.limits, t)
		f.acknowledge(r.seq, nil)
	case cmdNewSvc, cmdDelSvc, cmdNewDest, cmdSetDest, cmdDelDest:
		f.heard++
		change := f.change
		if cmd == cmdNewSvc || cmd == cmdDelSvc {
			change = f.changeService
		}
		if err := change(cmd, r.body); err != nil || r.flags&unix.NLM_F_ACK != 0 {
			f.answers++
			f.acknowledge(r.seq, err)
		}
	default:
		f.acknowledge(r.seq, unix.EOPNOTSUPP)
	}
}

// daemon reads which one a message is about.
func (f *fake) daemon(r reply) (s Sync) {
	err := within(r.body, attrDaemon, func(kind uint16, v []byte) error {
		if kind == daemonInterface {
			s.Interface = word(v)
			return nil
		}
		n, err := number(v)
		switch kind {
		case daemonState:
			s.Role = Role(n)
		case daemonID:
			s.ID = uint8(n)
		}
		return err
	})
	if err != nil {
		f.t.Error(err)
	}
	return s
}

// startSync starts a daemon of a role that none has.
func (f *fake) startSync(s Sync) error {
	has := slices.ContainsFunc(f.syncs, func(r Sync) bool { return r.Role == s.Role })
	switch {
	case s.Role != SyncMaster && s.Role != SyncBackup:
		return unix.EINVAL
	case f.links == nil || f.links.index == 0:
		return unix.ENODEV
	case has:
		return unix.EEXIST
	}
	f.syncs = append(f.syncs, s)
	f.starts++
	return nil
}

func (f *fake) stopSync(role Role) error {
	before := len(f.syncs)
	f.syncs = slices.DeleteFunc(f.syncs, func(s Sync) bool { return s.Role == role })
	if len(f.syncs) == before {
		return unix.ESRCH
	}
	return nil
}

// list answers a dump.
func (f *fake) list(seq uint32, n int, put func(*message, int)) {
	var flags uint16 = unix.NLM_F_MULTI
	if f.interrupt > 0 {
		f.interrupt--
		flags |= unix.NLM_F_DUMP_INTR
	}
	for i := range n {
		f.answer(fakeFamily, flags, seq, func(m *message) { put(m, i) })
	}
	f.answer(unix.NLMSG_DONE, flags, seq, func(m *message) { m.b = append(m.b, 0, 0, 0, 0) })
}

// putService writes what the kernel says of a service: what it was told, and a
// flag of its own.
func (f *fake) putService(m *message, k balance.Key, o balance.Options) {
	m.b = append(m.b, cmdGetSvc, version, 0, 0)
	o.Flags |= balance.Hashed
	m.putService(k, o)
}

func (f *fake) changeService(cmd uint8, body []byte) error {
	s, err := readService(body)
	switch {
	case err != nil:
		return unix.EINVAL
	case cmd == cmdDelSvc:
		return f.edit(balance.RemoveService, s.Key, s.Options, unix.ESRCH)
	case s.Options.Scheduler == "":
		return unix.EINVAL
	}
	return f.edit(balance.AddService, s.Key, s.Options, unix.EEXIST)
}

func (f *fake) change(cmd uint8, body []byte) error {
	s, err := readService(body)
	if err != nil {
		return unix.EINVAL
	}
	d, err := readDestination(body, s.Key)
	if err != nil {
		return unix.EINVAL
	}
	if f.table[s.Key] == nil {
		return unix.ESRCH
	}
	op, missing := balance.Op{Kind: balance.AddDestination, Key: s.Key, Destination: d.Destination}, unix.EEXIST
	switch cmd {
	case cmdNewDest:
		total := 0
		for _, s := range f.table {
			total += len(s.Destinations)
		}
		if f.full > 0 && total >= f.full {
			return unix.ENOMEM
		}
	case cmdSetDest:
		op.Kind, missing = balance.EditDestination, unix.ENOENT
	case cmdDelDest:
		op.Kind, missing = balance.RemoveDestination, unix.ENOENT
	}
	if !f.table.Apply(op) {
		return missing
	}
	return nil
}

func (f *fake) Edit(k balance.Key, o balance.Options) error {
	f.calls++
	if f.stale {
		return unix.ENOENT
	}
	return f.edit(balance.EditService, k, o, unix.ESRCH)
}

func (f *fake) edit(kind balance.OpKind, k balance.Key, o balance.Options, missing error) error {
	known := f.schedulers == nil || kind == balance.RemoveService
	for _, s := range f.schedulers {
		known = known || s == o.Scheduler
	}
	if !known {
		return unix.ENOENT
	}
	if !f.table.Apply(balance.Op{Kind: kind, Key: k, Options: o}) {
		return missing
	}
	return nil
}

func (f *fake) Flush() error {
	if f.silentFlushes > 0 {
		f.silentFlushes--
		return errSilent
	}
	if f.stale {
		return unix.ENOENT
	}
	clear(f.table)
	return nil
}

// usual are the time limits of a fake at the start.
var usual = Timeouts{TCP: 15 * time.Minute, TCPFin: 2 * time.Minute, UDP: 5 * time.Minute}

func (f *fake) SetTimeouts(t Timeouts) error {
	if f.stale {
		return unix.ENOENT
	}
	f.limits = append(f.limits, t)
	return nil
}
