//go:build linux

package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/wire"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// outlet is what of a channel makes up a socket; routers that share it share
// the socket.
type outlet struct {
	device  string
	six, ah bool
}

func compareOutlets(a, b outlet) int {
	number := func(o outlet) (n int) {
		if o.six {
			n++
		}
		if o.ah {
			n += 2
		}
		return n
	}
	return cmp.Or(cmp.Compare(a.device, b.device), cmp.Compare(number(a), number(b)))
}

// sockets says which sockets the channels need, without the indexes of their
// interfaces.
func sockets(channels []netspec.Channel) map[outlet]wire.Spec {
	specs := make(map[outlet]wire.Spec)
	for _, c := range channels {
		o := outlet{c.Interface, c.Six, c.AH}
		s := specs[o]
		s.Interface, s.Six, s.AH = c.Interface, c.Six, c.AH
		if c.Group.IsValid() {
			s.Groups = append(s.Groups, c.Group)
		}
		s.VRIDs = append(s.VRIDs, c.VRID)
		specs[o] = s
	}
	for o, s := range specs {
		slices.SortFunc(s.Groups, netip.Addr.Compare)
		slices.Sort(s.VRIDs)
		s.Groups, s.VRIDs = slices.Compact(s.Groups), slices.Compact(s.VRIDs)
		specs[o] = s
	}
	return specs
}

// fitSockets opens, changes and closes VRRP sockets so that there is one for
// each wanted outlet whose interface is there. Another index under a name is
// another interface: a socket stays bound to the one it was opened for, and its
// membership ended with that. An interface that goes down and up again keeps
// both. One that lost the protocol, as IPv6 ends below an MTU of 1280 octets,
// lost the membership; the socket does not know, and joins again.
//
// The log is told of each that could not be made fit, and each time for another reason.
// The error names only those that what is wanted since the last time is to blame for: they
// are wanted otherwise than then, and did fit. looking is held.
func (k *Kernel) fitSockets(state *link.State, wanted map[outlet]wire.Spec, devices map[string]netspec.Device) error {
	have := *k.sockets.Load()
	next := make(map[outlet]*wire.Socket, len(wanted))
	var failed []error
	failing, mute := make(map[outlet]string), make(map[outlet]bool)
	for _, o := range slices.SortedFunc(maps.Keys(wanted), compareOutlets) {
		spec := wanted[o]
		var i, below link.Interface
		if o.device != "" {
			var exists bool
			if i, exists = state.Find(o.device); !exists {
				continue
			}
			spec.Index = i.Index
			if d, own := devices[o.device]; own {
				below, _ = state.Find(d.Parent)
				spec.Below = below.Index
			}
		}
		s, err := k.fitSocket(have[o], spec)
		if s != nil {
			next[o] = s
			mute[o] = o.device != "" && !speaks(state, below, i, o.six)
			if s == have[o] && k.mute[o] && !mute[o] {
				if e := s.Rejoin(); e != nil {
					mute[o], err = true, errors.Join(err, e)
				}
			}
		}
		if err != nil {
			failing[o] = err.Error()
			if last, known := k.fitted[o]; k.failing[o] == "" && (!known || !wanted[o].Equal(last)) {
				failed = append(failed, err)
			}
			if k.failing[o] != err.Error() {
				k.log.Warn("cannot receive VRRP as configured, will try again", "err", err)
			}
		}
	}
	k.failing, k.mute, k.fitted = failing, mute, wanted
	k.sockets.Store(&next)
	for o, s := range have {
		if next[o] == s {
			continue
		}
		if err := s.Close(); err != nil {
			k.log.Warn("close VRRP socket", "err", err)
		}
	}
	return errors.Join(failed...)
}

// fitSocket makes the socket fit, or opens one where there is none for that
// interface. It may return a socket and an error: one that could not be changed
// is still good for what it was.
func (k *Kernel) fitSocket(s *wire.Socket, spec wire.Spec) (*wire.Socket, error) {
	var err error
	if s != nil {
		is := s.Spec()
		switch {
		case is.Index != spec.Index || is.Below != spec.Below:
			s = nil
		case is.Equal(spec):
			return s, nil
		default:
			if err = s.Tune(spec.Groups, spec.VRIDs); err != nil {
				return s, fmt.Errorf("receive VRRP: %w", err)
			}
			return s, nil
		}
	}
	err = k.ns.Do(func() error {
		s, err = k.wire.Listen(spec)
		return err
	})
	if err != nil && s != nil {
		// Only leaving the namespace failed.
		err = errors.Join(err, s.Close())
		s = nil
	}
	if err != nil {
		return nil, fmt.Errorf("receive VRRP: %w", err)
	}
	return s, nil
}

// speaks reports whether the kernel surely has the protocol of the family on an
// interface, and on the one below it if there is one. What it ended may have been
// for less time than there is between two looks; of IPv6 it is then a second until
// the link-local address is known to be unique again.
func speaks(state *link.State, below, i link.Interface, six bool) bool {
	least, speaker := 68, i // RFC 791
	if six {
		least = 1280 // RFC 8200 5
	}
	if below.Index != 0 {
		speaker = below
	}
	return i.MTU >= least && speaker.MTU >= least &&
		(!six || state.LinkLocal(speaker.Index, func(netip.Addr) bool { return false }).IsValid())
}
