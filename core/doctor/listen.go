package doctor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/kernel/wire"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// heardAdvert is an advert as far as doctor judges it.
type heardAdvert struct {
	device    string
	source    netip.Addr
	six       bool
	version   uint8
	vrid      uint8
	priority  uint8
	interval  time.Duration
	addresses []netip.Addr
	// count is how many there were, of which this is the last.
	count int
}

// mostHeard bounds the different adverts that are kept; further ones are not
// looked at.
const mostHeard = 1024

// ear keeps the last advert of each router and sender.
type ear struct {
	mu   sync.Mutex
	list []heardAdvert
}

func (e *ear) NewPacket() *node.Received { return &node.Received{} }

func (e *ear) Packets(list ...*node.Received) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range list {
		a, ok := advertOf(&p.Packet)
		if !ok {
			continue
		}
		same := func(b heardAdvert) bool {
			return a.device == b.device && a.source == b.source && a.vrid == b.vrid && a.six == b.six
		}
		switch at := slices.IndexFunc(e.list, same); {
		case at >= 0:
			was := &e.list[at]
			a.count = was.count + 1
			if a.version < was.version { // a router of both speaks the lesser one besides
				a = *was
				a.count++
			}
			*was = a
		case len(e.list) < mostHeard:
			a.count = 1
			e.list = append(e.list, a)
		}
	}
}

// advertOf reads an advert without judging it: what is authenticated, and how,
// is not known here.
func advertOf(p *vrrp.Packet) (a heardAdvert, ok bool) {
	m := p.Message()
	version, vrid, ok := vrrp.Peek(m)
	if !ok || len(m) < 8 {
		return a, false
	}
	a = heardAdvert{device: p.Interface, source: p.Source, six: p.Source.Is6(), version: uint8(version), vrid: vrid, priority: m[2]}
	if version == vrrp.V3 {
		const unit, mask = 10 * time.Millisecond, 0x0fff
		a.interval = unit * time.Duration(binary.BigEndian.Uint16(m[4:])&mask)
	} else {
		a.interval = time.Second * time.Duration(m[5])
	}
	size := 4
	if a.six {
		size = 16
	}
	for rest := m[8:]; len(a.addresses) < int(m[3]) && len(rest) >= size; rest = rest[size:] {
		address, _ := netip.AddrFromSlice(rest[:size])
		a.addresses = append(a.addresses, address)
	}
	return a, true
}

// failure is why a socket could not be listened with.
type failure struct {
	spec wire.Spec
	err  error
}

// everything reports whether the failures are those of all sockets.
func everything(failed []failure, specs []wire.Spec) bool {
	return len(failed) > 0 && len(failed) == len(specs)
}

// examineAdverts listens on the interfaces of the instances for adverts to the groups and
// to this host, and judges them. What could not be listened to keeps it from nothing else.
func examineAdverts(n *needs, long time.Duration) (heard []heardAdvert, list []Finding) {
	specs := ears(n)
	deaf := func(what string, err error) Finding {
		return Finding{Warning, what, "were not listened to: " + err.Error(), enabling(err, "make that possible: the daemon needs it, too")}
	}
	err := within(n.space, func() (err error) {
		var failed []failure
		if heard, failed, err = listen(specs, long); err != nil {
			return err
		}
		if everything(failed, specs) {
			return failed[0].err
		}
		for _, f := range failed {
			list = append(list, deaf("adverts on "+f.spec.Interface, f.err))
		}
		list = append(list, examineHeard(n, heard, failed, long)...)
		return nil
	})
	if err != nil {
		return nil, []Finding{deaf("adverts", err)}
	}
	return heard, list
}

// enabling is what to do about an error: to have the rights, or otherwise.
func enabling(err error, otherwise string) string {
	if errors.Is(err, fs.ErrPermission) {
		return "run doctor as root"
	}
	return otherwise
}

// listen listens with sockets on interfaces, of which those that are not there are passed
// over. It joins the groups and sends nothing but that. Failed are those that could not
// be.
func listen(specs []wire.Spec, long time.Duration) (heard []heardAdvert, failed []failure, err error) {
	e := &ear{}
	w, err := wire.Open(e, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, fmt.Errorf("listen for adverts: %w", err)
	}
	for _, spec := range specs {
		i, err := net.InterfaceByName(spec.Interface)
		if err != nil {
			continue // it was said of the interface
		}
		spec.Index = i.Index
		if _, err := w.Listen(spec); err != nil {
			failed = append(failed, failure{spec, err})
		}
	}
	if len(failed) < len(specs) {
		time.Sleep(long)
	}
	if err := w.Close(); err != nil {
		return nil, failed, fmt.Errorf("listen for adverts: %w", err)
	}
	return e.list, failed, nil
}

// ears are the sockets to listen with.
func ears(n *needs) (list []wire.Spec) {
	for _, l := range n.links {
		if !l.instance {
			continue
		}
		for _, six := range []bool{false, true} {
			if six && len(l.vrids6) == 0 || !six && len(l.vrids4) == 0 {
				continue
			}
			group := vrrp.Group(six)
			for _, in := range n.instances {
				if in.Interface == l.device && in.Six() == six && in.Destination.IsValid() {
					group = in.Destination
				}
			}
			s := wire.Spec{Interface: l.device, Six: six, Groups: []netip.Addr{group}}
			list = append(list, s)
			if l.ah && !six {
				s.AH = true
				list = append(list, s)
			}
		}
	}
	return list
}

// examineHeard judges what was heard of the virtual routers of the file, but for what
// failed to be listened to. The host's own adverts do not come in.
func examineHeard(n *needs, heard []heardAdvert, failed []failure, long time.Duration) (list []Finding) {
	deaf := func(in *config.Instance) bool {
		return slices.ContainsFunc(failed, func(f failure) bool {
			return f.spec.Interface == in.Interface && f.spec.Six == in.Six() && f.spec.AH == (in.AuthType == "AH")
		})
	}
	own := func(in *config.Instance, a heardAdvert) bool {
		return in.Interface == a.device && uint8(in.VRID) == a.vrid && in.Six() == a.six
	}
	others := map[string][]uint8{}
	for _, a := range heard {
		if !slices.ContainsFunc(n.instances, func(in *config.Instance) bool { return own(in, a) }) {
			others[a.device] = append(others[a.device], a.vrid)
		}
	}
	for _, in := range n.instances {
		what := "instance " + in.Name
		var from []netip.Addr
		odd := false
		for _, a := range heard {
			if !own(in, a) {
				continue
			}
			from = append(from, a.source)
			if why := clashing(in, a); why != "" {
				odd = true
				list = append(list, Finding{Problem, what, fmt.Sprintf("%s of %v on %s is used otherwise: %s", vridText(a.vrid), a.source, a.device, why),
					fmt.Sprintf("if it is another cluster's, take another virtual_router_id, such as %d, which nobody was heard to use; if it is a node of this one, make the files agree", unheard(n, heard, a))})
			}
		}
		switch {
		case odd:
		case len(from) > 1:
			list = append(list, Finding{Problem, what, fmt.Sprintf("%s on %s has several masters: %s", vridText(uint8(in.VRID)), in.Interface, joinAddrs(from)),
				"they do not hear each other: look for a switch or firewall that drops VRRP (protocol 112) between them"})
		case len(from) == 1:
			list = append(list, Finding{OK, what, fmt.Sprintf("%v is its master", from[0]), ""})
		case lookAt(in.Interface).err == nil && !deaf(in):
			list = append(list, Finding{OK, what, fmt.Sprintf("no master was heard in %v", long), ""})
		}
	}
	for _, l := range n.links {
		if vrids := others[l.device]; len(vrids) > 0 {
			slices.Sort(vrids)
			list = append(list, Finding{OK, "interface " + l.device, fmt.Sprintf("other virtual routers are on it: %v", slices.Compact(vrids)), ""})
		}
	}
	return list
}

// unheard is the next virtual router id after an advert's that neither the file nor
// anybody who was heard uses on its interface for its family, as far as there is one.
func unheard(n *needs, heard []heardAdvert, a heardAdvert) uint8 {
	taken := map[uint8]bool{0: true}
	for _, b := range heard {
		taken[b.vrid] = taken[b.vrid] || b.device == a.device && b.six == a.six
	}
	for _, in := range n.instances {
		taken[uint8(in.VRID)] = taken[uint8(in.VRID)] || in.Interface == a.device && in.Six() == a.six
	}
	id := a.vrid + 1
	for taken[id] && id != a.vrid {
		id++
	}
	return id
}

// joinAddrs lists addresses for people.
func joinAddrs(list []netip.Addr) string {
	text := make([]string, 0, len(list))
	for _, a := range list {
		text = append(text, a.String())
	}
	return strings.Join(text, ", ")
}

// vridText names a virtual router.
func vridText(vrid uint8) string { return "virtual router " + strconv.Itoa(int(vrid)) }
