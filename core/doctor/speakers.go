package doctor

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/wire"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Speaker is a master that was heard. Backups are silent, so that a virtual router shows
// by its master only.
type Speaker struct {
	Interface string     `json:"interface"`
	Address   netip.Addr `json:"address"`
	Version   int        `json:"version"`
	VRID      int        `json:"virtual_router_id"`
	// Priority and Interval are of the last advert, 0 while the master resigns.
	Priority int     `json:"priority"`
	Interval float64 `json:"advert_interval_s"`
	// Adverts is how many were heard, and Addresses what the last one carried.
	Adverts   int          `json:"adverts_heard"`
	Addresses []netip.Addr `json:"virtual_addresses"`
}

// Speakers listens so long for adverts on interfaces of this network namespace, to the
// groups of VRRP and to this host, and returns who was heard, by interface, family,
// virtual router and address. The host's own adverts do not come in. It joins the groups
// and sends nothing but that. Deaf says, by interface, why what could not be listened to
// could not; when that is everything it is the error.
func Speakers(interfaces []string, long time.Duration) (list []Speaker, deaf map[string][]string, err error) {
	var specs []wire.Spec
	for _, name := range interfaces {
		for _, s := range []wire.Spec{{}, {AH: true}, {Six: true}} {
			s.Interface, s.Groups = name, []netip.Addr{vrrp.Group(s.Six)}
			specs = append(specs, s)
		}
	}
	heard, failed, err := listen(specs, long)
	if err != nil {
		return nil, nil, err
	}
	if everything(failed, specs) {
		return nil, nil, fmt.Errorf("listen for adverts: %w", failed[0].err)
	}
	deaf = map[string][]string{}
	for _, f := range failed {
		deaf[f.spec.Interface] = append(deaf[f.spec.Interface], f.err.Error())
	}
	for i := range heard {
		a := &heard[i]
		list = append(list, Speaker{
			Interface: a.device, Address: a.source, Version: int(a.version), VRID: int(a.vrid), Priority: int(a.priority),
			Interval: a.interval.Seconds(), Adverts: a.count, Addresses: append([]netip.Addr{}, a.addresses...),
		})
	}
	slices.SortFunc(list, func(a, b Speaker) int {
		return cmp.Or(cmp.Compare(slices.Index(interfaces, a.Interface), slices.Index(interfaces, b.Interface)),
			cmp.Compare(a.Address.BitLen(), b.Address.BitLen()), cmp.Compare(a.VRID, b.VRID), a.Address.Compare(b.Address))
	})
	return list, deaf, nil
}

// Networks are the interfaces on which there may be adverts: up, with multicast, and not
// the loopback.
func Networks() (names []string, err error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the interfaces: %w", err)
	}
	const wanted = net.FlagUp | net.FlagRunning | net.FlagMulticast
	for _, i := range all {
		if i.Flags&wanted == wanted && i.Flags&net.FlagLoopback == 0 {
			names = append(names, i.Name)
		}
	}
	return names, nil
}

// Below maps those of interfaces that use_vmac and use_ipvlan made to the interface that
// each is on: a network is known by that one. The names are of this network namespace, and
// what stands on an interface of another one, such as a container's own, is left out.
func Below(names []string) (map[string]string, error) {
	c, err := link.Open()
	if err != nil {
		return nil, err
	}
	below := map[string]string{}
	for _, name := range names {
		i, err := c.Interface(name)
		if err != nil || i.Parent == 0 || i.Kind != link.MACVLAN && i.Kind != link.IPVLAN {
			continue // it is gone, or none of these
		}
		if parent, err := c.InterfaceAt(i.Parent); err == nil {
			below[name] = parent.Name
		}
	}
	return below, c.Close()
}

// Range are virtual router ids that follow each other.
type Range struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// Free returns the virtual router ids that are not taken.
func Free(taken []int) (free []Range) {
	from := 1
	for id := 1; id <= 256; id++ {
		if id < 256 && !slices.Contains(taken, id) {
			continue
		}
		if from < id {
			free = append(free, Range{from, id - 1})
		}
		from = id + 1
	}
	return free
}
