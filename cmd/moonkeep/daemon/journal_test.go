package daemon

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
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
	got, err := d.readJournal() // outside the namespace
	if want := []string{"eth0", "eth0"}; err != nil || !slices.Equal(names(got), want) {
		t.Errorf("got devices %v and error %v, want %v", names(got), err, want)
	}
}
