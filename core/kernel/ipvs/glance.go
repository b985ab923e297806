//go:build linux

package ipvs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/netip"
	"os"
	"strconv"

	"github.com/moonkeep/moonkeep/core/balance"
)

// Glance looks at the table as a whole in one cheap read, to see whether
// somebody else changed it: at 37,000 destinations some tens of milliseconds,
// where a Read asks the kernel once for each service. It sees services,
// schedulers, whether they are persistent, destinations, methods and weights;
// not for how long, nor thresholds or kinds of tunnels, for which a Keeper reads the
// table part by part.
//
// One goroutine may use it at a time.
type Glance struct {
	file *os.File
	seed maphash.Seed
	buf  []byte
}

// Sums has a number for each service that changes with what Glance sees of it.
// Services of one firewall mark and both families share one, under the key of
// IPv4: the kernel does not tell them apart there.
type Sums map[balance.Key]uint64

// OpenGlance opens the kernel's list for the network namespace of the calling
// thread.
func OpenGlance() (*Glance, error) {
	f, err := os.Open("/proc/thread-self/net/ip_vs")
	if err != nil {
		return nil, fmt.Errorf("open the kernel's list of IPVS: %w", err)
	}
	return &Glance{file: f, seed: maphash.MakeSeed()}, nil
}

// Close closes it.
func (g *Glance) Close() error { return g.file.Close() }

// Look reads the list.
func (g *Glance) Look() (Sums, error) {
	g.buf = g.buf[:0]
	if _, err := g.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read the kernel's list of IPVS: %w", err)
	}
	for {
		if cap(g.buf)-len(g.buf) < 64<<10 {
			g.buf = append(make([]byte, 0, 2*cap(g.buf)+256<<10), g.buf...)
		}
		n, err := g.file.Read(g.buf[len(g.buf):cap(g.buf)])
		g.buf = g.buf[:len(g.buf)+n]
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the kernel's list of IPVS: %w", err)
		}
	}
	return g.sums(g.buf)
}

// sums reads the text of /proc/net/ip_vs.
func (g *Glance) sums(text []byte) (Sums, error) {
	sums := Sums{}
	var k balance.Key
	for n := 0; len(text) > 0; n++ {
		line := text
		if end := bytes.IndexByte(text, '\n'); end >= 0 {
			line, text = text[:end], text[end+1:]
		} else {
			text = nil
		}
		if n < 3 {
			continue // the headings
		}
		words := bytes.Fields(line)
		if len(words) < 3 {
			return nil, fmt.Errorf("read the kernel's list of IPVS: line %d is %q", n+1, line)
		}
		var err error
		if string(words[0]) == "->" {
			err = g.addDestination(sums, k, words[1:])
		} else {
			k, err = g.addService(sums, words)
		}
		if err != nil {
			return nil, fmt.Errorf("read the kernel's list of IPVS: line %d is %q: %w", n+1, line, err)
		}
	}
	return sums, nil
}

func (g *Glance) addService(sums Sums, words [][]byte) (k balance.Key, err error) {
	switch string(words[0]) {
	case "TCP":
		k.Protocol = balance.TCP
	case "UDP":
		k.Protocol = balance.UDP
	case "SCTP":
		k.Protocol = balance.SCTP
	case "FWM":
		mark, err := strconv.ParseUint(string(words[1]), 16, 32)
		if err != nil {
			return k, err
		}
		k.Fwmark = uint32(mark)
	default:
		return k, errors.New("an unknown protocol")
	}
	if k.Fwmark == 0 {
		if k.Address, err = listedAddress(words[1]); err != nil {
			return k, err
		}
		k.IPv6 = k.Address.Addr().Is6()
	}
	o := balance.Options{Scheduler: string(words[2])}
	for _, w := range words[3:] {
		switch string(w) {
		case "ops":
			o.Flags |= balance.OnePacket
		case "persistent":
			// How long is behind it, in ticks of the kernel's clock, whose
			// rate nobody tells.
			o.Flags |= balance.Persistent
		}
	}
	sums[k] += g.service(k, o)
	return k, nil
}

func (g *Glance) addDestination(sums Sums, k balance.Key, words [][]byte) error {
	a, err := listedAddress(words[0])
	if err != nil {
		return err
	}
	if len(words) < 3 {
		return errShort
	}
	weight, err := strconv.ParseInt(string(words[2]), 10, 32)
	if err != nil {
		return err
	}
	var f balance.Forward
	switch string(words[1]) {
	case "Masq":
		f = balance.Masq
	case "Local":
		f = balance.Local
	case "Tunnel":
		f = balance.Tunnel
	case "Route":
		f = balance.Direct
	default:
		return errors.New("an unknown method")
	}
	sums[k] += g.destination(a, f, int32(weight))
	return nil
}

// listedAddress reads 0A000001:0050 or [2001:0db8:...:0001]:0050.
func listedAddress(b []byte) (netip.AddrPort, error) {
	colon := bytes.LastIndexByte(b, ':')
	if colon < 0 {
		return netip.AddrPort{}, errors.New("an address without a port")
	}
	port, err := strconv.ParseUint(string(b[colon+1:]), 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if b[0] == '[' {
		a, err := netip.ParseAddr(string(bytes.Trim(b[:colon], "[]")))
		return netip.AddrPortFrom(a, uint16(port)), err
	}
	var a [4]byte
	if n, err := hex.Decode(a[:], b[:colon]); err != nil || n != 4 {
		return netip.AddrPort{}, fmt.Errorf("an address %q", b)
	}
	return netip.AddrPortFrom(netip.AddrFrom4(a), uint16(port)), nil
}

// Expect returns what Look finds of a table.
func (g *Glance) Expect(t balance.Table) Sums {
	sums := make(Sums, len(t))
	for k, s := range t {
		at := Listed(k)
		sums[at] += g.service(at, s.Options)
		for i := range s.Destinations {
			d := &s.Destinations[i]
			sums[at] += g.destination(d.Address, d.Forward, d.Weight)
		}
	}
	return sums
}

// Listed is the key of a service in Sums.
func Listed(k balance.Key) balance.Key {
	if k.Fwmark != 0 {
		k.IPv6 = false
	}
	return k
}

// seen is what of a service's options the list shows.
type seen struct {
	scheduler  string
	onePacket  bool
	persistent bool
}

func (g *Glance) service(k balance.Key, o balance.Options) uint64 {
	s := seen{scheduler: o.Scheduler, onePacket: o.Flags&balance.OnePacket != 0, persistent: o.Flags&balance.Persistent != 0}
	if k.IPv6 || k.Fwmark != 0 {
		s.onePacket = false // not shown for all of these
	}
	return maphash.Comparable(g.seed, s)
}

func (g *Glance) destination(a netip.AddrPort, f balance.Forward, weight int32) uint64 {
	return maphash.Comparable(g.seed, struct {
		a netip.AddrPort
		f balance.Forward
		w int32
	}{a, f, weight})
}
