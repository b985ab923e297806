package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// held is what a journal may hold: two addresses, a route and a rule.
func held() owned {
	route := netspec.Route{Destination: netip.MustParsePrefix("203.0.113.0/24"), Hop: netspec.NextHop{Via: netip.MustParseAddr("192.0.2.9"), Device: "eth0"}, Table: 100}
	route.Metrics.Set(netspec.MetricMTU, 1400, true)
	return owned{
		[]netspec.Address{
			{Prefix: netip.MustParsePrefix("192.0.2.100/24"), Device: "eth0"},
			{Prefix: netip.MustParsePrefix("192.0.2.101/32"), Device: "eth1.20"},
		},
		netspec.Routing{
			Routes: []netspec.Route{route, {Destination: netip.MustParsePrefix("::/0"), NextHops: []netspec.NextHop{{Device: "eth0", Weight: 2}, {Device: "eth1"}}}},
			Rules:  []netspec.Rule{{Preference: 100, From: netip.MustParsePrefix("192.0.2.0/24"), Table: 100}, {Six: true, Preference: 7, L3MDev: true}},
		},
	}
}

func TestJournal(t *testing.T) {
	d := openDir(t, t.TempDir())
	if got, err := d.readJournal(); err != nil || got.addresses != nil || !got.routing.Empty() {
		t.Errorf("without a journal: %v, %v", got, err)
	}
	want := held()
	for _, o := range []owned{want, {}, want} {
		if err := d.writeJournal(o); err != nil {
			t.Fatal(err)
		}
		got, err := d.readJournal()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.addresses, o.addresses) || !got.routing.Equal(o.routing) {
			t.Errorf("got %+v, want %+v", got, o)
		}
	}
	for _, text := range []string{"", "{", `[{"address":"192.0.2.100/24"}]`, `{"addresses":[{"address":"rubbish"}]}`, "\x00\x00\x00"} {
		if err := os.WriteFile(d.journalPath(), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := d.readJournal(); err == nil || !strings.Contains(err.Error(), d.journalPath()) || got.addresses != nil {
			t.Errorf("journal %q: %v, %v; want an error that names the file", text, got, err)
		}
	}
	if err := d.writeJournal(want); err != nil {
		t.Errorf("a broken journal is not replaced: %v", err)
	}
}

// TestJournalRenamed: what stood on an interface is found under the name that
// it has now, unless the journal is of another namespace or boot.
func TestJournalRenamed(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "peer0")
	netnstest.Connect(t, h, "eth1", peer, "peer1")
	d := openDir(t, t.TempDir())
	names := func(o owned) (list []string) {
		for _, a := range o.addresses {
			list = append(list, a.Device)
		}
		for i := range o.routing.Routes {
			list = append(list, o.routing.Routes[i].Devices()...)
		}
		return list
	}
	o := held()
	o.addresses, o.routing.Routes = o.addresses[:1], o.routing.Routes[:1]
	read := func() (got owned) {
		h.Run(t, func() (err error) { got, err = d.readJournal(); return err })
		return got
	}
	h.Run(t, func() error { return d.writeJournal(o) })
	netnstest.Must(t, h.Link.SetDown("eth0"))
	netnstest.Must(t, h.Link.Rename("eth0", "lan0"))
	if got, want := names(read()), []string{"eth0", "lan0", "eth0", "lan0"}; !slices.Equal(got, want) {
		t.Errorf("got devices %v, want %v", got, want)
	}
	// A name that is another interface's now adds to what is known of it.
	netnstest.Must(t, h.Link.SetDown("eth1"))
	netnstest.Must(t, h.Link.Rename("eth1", "eth0"))
	h.Run(t, func() error { return d.writeJournal(o) })
	if got, want := names(read()), []string{"eth0", "lan0", "eth0", "lan0"}; !slices.Equal(got, want) {
		t.Errorf("got devices %v, want %v", got, want)
	}
	got, err := d.readJournal() // outside of the namespace
	if !errors.Is(err, errElsewhere) || len(names(got)) > 0 {
		t.Errorf("got devices %v and error %v, want none and %v", names(got), err, errElsewhere)
	}
}

// TestJournalElsewhere: what journals have of a network namespace that has a name is
// read there, of namespaces with names of their own everywhere, and nothing after a
// reboot.
func TestJournalElsewhere(t *testing.T) {
	was, here := netnstest.New(t), netnstest.New(t)
	d := openDir(t, t.TempDir())
	d.netNamespace = fmt.Sprintf("/proc/self/fd/%d", was.FD())
	o := held()
	o.addresses = append(o.addresses, netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.102/24"), Device: "red/eth0"})
	change := func(name string) []sysctl.Change { return []sysctl.Change{{Name: name, Before: "0", Value: "1"}} }
	s := &changedSettings{dir: d, spaces: []string{"", "red"}, of: map[string][]sysctl.Change{"": change("own"), "red": change("red")}}
	was.Run(t, func() error { return errors.Join(d.writeJournal(o), s.write()) })
	type found struct {
		owned                 owned
		spaces                []string
		settings              map[string][]sysctl.Change
		ofJournal, ofSettings error
	}
	read := func() (f found) {
		here.Run(t, func() error {
			f.owned, f.ofJournal = d.readJournal()
			f.spaces, f.settings, f.ofSettings = d.readSettings()
			return nil
		})
		return f
	}

	f := read()
	want := append(addressesIn(d.netNamespace, o.addresses[:2]), o.addresses[2])
	if !slices.Equal(f.owned.addresses, want) || !f.owned.routing.Equal(o.routing.Within(d.netNamespace)) || f.ofJournal != nil {
		t.Errorf("got %+v, %v; want %+v and all in that namespace", f.owned, f.ofJournal, want)
	}
	settings := map[string][]sysctl.Change{d.netNamespace: change("own"), "red": change("red")}
	if !slices.Equal(f.spaces, []string{d.netNamespace, "red"}) || !reflect.DeepEqual(f.settings, settings) || f.ofSettings != nil {
		t.Errorf("got %q and %v, %v; want %v", f.spaces, f.settings, f.ofSettings, settings)
	}

	// One that has the name and is another, or that has none.
	for _, name := range []string{fmt.Sprintf("/proc/self/fd/%d", here.FD()), ""} {
		d.netNamespace = name
		was.Run(t, func() error { return errors.Join(d.writeJournal(o), s.write()) })
		f = read()
		if !slices.Equal(f.owned.addresses, o.addresses[2:]) || !f.owned.routing.Empty() || !errors.Is(f.ofJournal, errElsewhere) {
			t.Errorf("%q: got %+v, %v; want what is in red alone", name, f.owned, f.ofJournal)
		}
		if !reflect.DeepEqual(f.settings, map[string][]sysctl.Change{"red": change("red")}) || !errors.Is(f.ofSettings, errElsewhere) {
			t.Errorf("%q: got %v, %v; want what is in red alone", name, f.settings, f.ofSettings)
		}
	}

	// The namespace of the host's first process needs no name.
	first, err := os.Readlink(startedIn)
	if err != nil {
		t.Skip("needs " + startedIn + ": to read another process's namespace")
	}
	boot, _, _ := strings.Cut(origin(), " ")
	here.Run(t, func() error {
		if space, err := (site{Place: boot + " " + first}).reach(); space != startedIn || err != nil {
			t.Errorf("that of process 1: got %q, %v", space, err)
		}
		return nil
	})

	for _, file := range []string{d.journalPath(), d.settingsPath()} {
		text, err := os.ReadFile(file)
		netnstest.Must(t, err)
		netnstest.Must(t, os.WriteFile(file, bytes.ReplaceAll(text, []byte(boot), []byte("another")), 0o644))
	}
	if f := read(); len(f.owned.addresses)+len(f.spaces)+len(f.settings) > 0 || !f.owned.routing.Empty() || f.ofJournal != nil || f.ofSettings != nil {
		t.Errorf("after a reboot: got %+v", f)
	}
}
