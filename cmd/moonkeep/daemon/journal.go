package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// owned is what a run may have put into the kernel.
type owned struct {
	addresses []netspec.Address
	routing   netspec.Routing
}

// journal is that on disk.
type journal struct {
	site
	Addresses []journalAddress `json:"addresses"`
	Routes    []netspec.Route  `json:"routes,omitempty"`
	Rules     []netspec.Rule   `json:"rules,omitempty"`
	// Indexes are those of the interfaces that are named above: what stands on
	// an interface stays there when another gets its name.
	Indexes map[string][]int `json:"indexes"`
}

// journalAddress is one address on disk.
type journalAddress struct {
	Prefix netip.Prefix `json:"address"`
	Device string       `json:"dev"`
	// Peer is part of what the kernel knows the address by.
	Peer netip.Prefix `json:"peer,omitzero"`
}

func (d *runDir) journalPath() string { return filepath.Join(d.path, "owned.json") }

// writeJournal replaces the journal: a reader sees the old or the new one,
// never half of one. It makes the directory again when somebody deleted it,
// for without a journal the next start would not know what to remove.
func (d *runDir) writeJournal(o owned) error {
	j := journal{site: d.site(), Addresses: make([]journalAddress, 0, len(o.addresses)), Routes: o.routing.Routes, Rules: o.routing.Rules}
	used := make(map[string]bool)
	for _, a := range o.addresses {
		j.Addresses = append(j.Addresses, journalAddress{a.Prefix, a.Device, a.Peer})
		used[a.Device] = true
	}
	for i := range o.routing.Routes {
		for _, name := range o.routing.Routes[i].Devices() {
			used[name] = true
		}
	}
	d.index(used)
	j.Indexes = d.indexes
	data, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("encode the journal: %w", err)
	}
	return d.replace(d.journalPath(), data)
}

// replace writes a journal in the place of the one that was there: a reader
// sees the old or the new one, never half of one. It makes the directory again
// when somebody deleted it.
func (d *runDir) replace(file string, data []byte) error {
	next := file + ".new"
	err := os.WriteFile(next, data, 0o644)
	if errors.Is(err, os.ErrNotExist) {
		if err = os.MkdirAll(d.path, 0o755); err == nil {
			err = os.WriteFile(next, data, 0o644)
		}
	}
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if err := os.Rename(next, file); err != nil {
		return fmt.Errorf("replace the journal: %w", err)
	}
	return nil
}

// index adds the present indexes of the interfaces, and forgets those of
// others. An interface that is not there has none.
func (d *runDir) index(used map[string]bool) {
	for name := range d.indexes {
		if !used[name] {
			delete(d.indexes, name)
		}
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return // the names are there
	}
	defer unix.Close(fd)
	for name := range used {
		r, err := unix.NewIfreq(name)
		if err == nil {
			err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, r)
		}
		if err != nil {
			continue
		}
		if index := int(r.Uint32()); !slices.Contains(d.indexes[name], index) {
			d.indexes[name] = append(d.indexes[name], index)
		}
	}
}

// readJournal returns what an earlier run owned when it ended, by the names
// that its interfaces had then and, where these differ, by those that they have
// now. A journal that cannot be read is an error that does not keep the daemon
// from starting: what is configured is cleared anyway. With errElsewhere comes what
// it has of namespaces that have names of their own.
func (d *runDir) readJournal() (o owned, err error) {
	data, err := os.ReadFile(d.journalPath())
	if errors.Is(err, os.ErrNotExist) {
		return o, nil
	}
	if err != nil {
		return o, fmt.Errorf("read the journal: %w", err)
	}
	var j journal
	if err := json.Unmarshal(data, &j); err != nil {
		return o, fmt.Errorf("read the journal %s: %w", d.journalPath(), err)
	}
	space, nowhere := j.reach()
	if errors.Is(nowhere, errGone) {
		return o, nil
	}
	renamed := make(map[string][]string)
	if j.Place != "" && nowhere == nil {
		if err := within(space, func() error { renamed = presentNames(j.Indexes); return nil }); err != nil {
			return o, fmt.Errorf("use the journal %s: %w", d.journalPath(), err)
		}
	}
	// reached is the namespace of an entry, and whether it can be found.
	reached := func(in string) (string, bool) {
		if in != "" {
			return in, true
		}
		if nowhere != nil {
			err = fmt.Errorf("use the journal %s: %w", d.journalPath(), nowhere)
		}
		return space, nowhere == nil
	}
	for _, a := range j.Addresses {
		in, device := netspec.Split(a.Device)
		in, found := reached(in)
		if !found {
			continue
		}
		for _, name := range append([]string{device}, renamed[a.Device]...) {
			o.addresses = append(o.addresses, netspec.Address{Prefix: a.Prefix, Device: netspec.Within(in, name), Peer: a.Peer})
		}
	}
	for _, r := range renamedRoutes(j.Routes, renamed) {
		if in, found := reached(r.Space); found {
			o.routing.Routes = append(o.routing.Routes, r.Bare().Within(in))
		}
	}
	for _, r := range j.Rules {
		if in, found := reached(r.Space); found {
			o.routing.Rules = append(o.routing.Rules, r.Bare().Within(in))
		}
	}
	return o, err
}

// renamedRoutes returns the routes, and behind them those with interfaces that have
// other names now.
func renamedRoutes(routes []netspec.Route, renamed map[string][]string) []netspec.Route {
	all := slices.Clone(routes)
	for _, r := range routes {
		for _, was := range r.Devices() {
			for _, now := range renamed[was] {
				all = append(all, r.Renamed(func(name string) string {
					if name == was {
						return now
					}
					return name
				}))
			}
		}
	}
	return all
}

// presentNames returns, for each name, the other names that interfaces with its
// indexes have now.
func presentNames(indexes map[string][]int) map[string][]string {
	present := make(map[int]string)
	all, _ := net.Interfaces() // none are known without them
	for _, i := range all {
		present[i.Index] = i.Name
	}
	names := make(map[string][]string)
	for name, list := range indexes {
		for _, index := range list {
			if now := present[index]; now != "" && now != name {
				names[name] = append(names[name], now)
			}
		}
	}
	return names
}
