//go:build linux

package wire

import (
	"math"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Sample is how many packets of virtual routers that are not wanted one that
// is received stands for, on the average. It is received so that people can be
// told that there are others.
const Sample = 16

// vridSet has a bit for each virtual router.
type vridSet [8]uint32

func newVRIDSet(vrids []uint8) (s vridSet) {
	for _, v := range vrids {
		s[v/32] |= 1 << (v % 32)
	}
	return s
}

// wants reports whether the packet is of one of the virtual routers, as the
// filter would.
func (p Spec) wants(own *vridSet, payload []byte) bool {
	at := p.vridAt()
	if len(p.VRIDs) == 0 || len(payload) <= at {
		return true
	}
	v := payload[at]
	return own[v/32]&(1<<(v%32)) != 0
}

// ahLen is the length of the authentication header that VRRP uses: 12 octets
// and an integrity check value of 96 bits (RFC 2402, RFC 2403).
const ahLen = 24

// vridAt is where in the payload the number of the virtual router is.
func (p Spec) vridAt() int {
	if p.AH {
		return ahLen + 1
	}
	return 1
}

// Where a classic filter finds the IP header, and the kernel's extensions.
const (
	networkHeader = math.MaxUint32 - 0x100000 + 1 // SKF_NET_OFF, -0x100000
	random        = math.MaxUint32 - 0x1000 + 1 + 56
)

// Codes of classic BPF that the filter uses.
const (
	loadByte      = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
	loadByteX     = unix.BPF_LD | unix.BPF_B | unix.BPF_IND
	loadWord      = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	loadConstant  = unix.BPF_LD | unix.BPF_IMM
	loadHeaderLen = unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH
	loadMemory    = unix.BPF_LD | unix.BPF_MEM
	store         = unix.BPF_ST
	toX           = unix.BPF_MISC | unix.BPF_TAX
	and           = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	shiftRight    = unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K
	shiftRightX   = unix.BPF_ALU | unix.BPF_RSH | unix.BPF_X
	ifEqual       = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	jump          = unix.BPF_JMP | unix.BPF_JA
	answer        = unix.BPF_RET | unix.BPF_K
)

const (
	whole   = math.MaxUint32
	nothing = 0
)

// filter is the program that decides in the kernel whether a packet wakes us.
// A raw socket of IPv4 shows it the packet from the IP header on, one of IPv6
// from behind it. A packet that ends before what is looked at is dropped.
func filter(p Spec) []unix.SockFilter {
	var f []unix.SockFilter
	add := func(code uint16, k uint32) { f = append(f, unix.SockFilter{Code: code, K: k}) }
	// unless drops the packet unless what was loaded is k.
	unless := func(k uint32) {
		f = append(f, unix.SockFilter{Code: ifEqual, K: k, Jt: 1})
		add(answer, nothing)
	}
	if p.Six && len(p.Groups) == 0 {
		// The kernel gives a raw socket of IPv6 every group's packets.
		add(loadByte, networkHeader+24)
		f = append(f, unix.SockFilter{Code: ifEqual, K: 0xff, Jf: 1})
		add(answer, nothing)
	}
	load := func(at uint32) { add(loadByte, at) }
	if !p.Six {
		add(loadHeaderLen, 0)
		load = func(at uint32) { add(loadByteX, at) }
	}
	if p.AH {
		// Whatever else the host authenticates is not for us.
		load(0)
		unless(vrrp.Protocol)
	}
	if len(p.VRIDs) == 0 {
		add(answer, whole)
		return f
	}
	load(uint32(p.vridAt()))
	add(store, 0)
	add(and, 31)
	add(toX, 0)
	add(loadMemory, 0)
	add(shiftRight, 5)
	// The word of the set that has the bit, then the bit of that word. Each
	// word takes three instructions, and the last of them goes to what follows
	// the eighth.
	const each = 3
	own := newVRIDSet(p.VRIDs)
	for n, word := range own {
		f = append(f, unix.SockFilter{Code: ifEqual, K: uint32(n), Jf: each - 1})
		add(loadConstant, word)
		add(jump, uint32((len(own)-1-n)*each))
	}
	add(shiftRightX, 0)
	add(and, 1)
	f = append(f, unix.SockFilter{Code: ifEqual, K: 0, Jt: 1})
	add(answer, whole)
	add(loadWord, random)
	add(and, Sample-1)
	unless(0)
	add(answer, whole)
	return f
}
