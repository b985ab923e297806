package vrrp

import (
	"net/netip"
	"reflect"
	"testing"
	"time"
)

// reconfigure changes a copy of the configuration in force.
func (d *driver) reconfigure(opts ...func(*Config)) {
	d.t.Helper()
	c := *d.r.Config()
	for _, o := range opts {
		o(&c)
	}
	d.r.Reconfigure(d.at(), new(c))
	d.armed()
}

func priority(p uint8) func(*Config) { return func(c *Config) { c.Priority = p } }

// S30: the next advert has the new priority, addresses and interval (the driver
// compares them), and is not later than a new interval from now.
func TestS30ReconfigureMaster(t *testing.T) {
	d := master(t, V3, 100, interval(10*time.Second))
	d.run(time.Second)
	d.reconfigure(priority(90), addresses("192.0.2.7 192.0.2.8"), interval(500*ms))
	d.run(2 * time.Second)
	d.want("1.5s send 90", "2s send 90")
	d.reconfigure(interval(10 * time.Second))
	d.run(13 * time.Second)
	d.want("2.5s send 90", "12.5s send 90") // a longer one begins after the advert that is due
	if v := d.r.View(); v.Role != Master || v.Since != epoch || v.Counts.BecameMaster != 1 {
		t.Errorf("view is %+v", v)
	}
}

// An advert that was handed out for sending is not changed afterwards.
func TestS30PayloadIsReplaced(t *testing.T) {
	d := master(t, V3, 100)
	d.run(time.Second)
	payload := d.buf[0].Payload
	before := string(payload)
	d.r.SetPriority(d.at(), 50)
	d.reconfigure(addresses("192.0.2.7"))
	d.r.SetSource(peerHigh)
	if string(payload) != before {
		t.Errorf("advert %x became %x", before, payload)
	}
	d.run(2 * time.Second)
	d.want("1s send 100", "2s send 100")
}

// A BACKUP stays one and listens anew with the new parameters.
func TestReconfigureBackup(t *testing.T) {
	d := backup(t, V3, 100)
	d.run(time.Second)
	d.reconfigure(priority(200), interval(100*ms))
	d.wantDown(time.Second + 321_875_000)
	d.want()
}

// An interval learned from the master is the master's, whatever ours becomes:
// with our new one we would give a living master up.
func TestReconfigureKeepsTheLearnedInterval(t *testing.T) {
	d := backup(t, V3, 100)
	d.hear(peerHigh, 200)
	d.reconfigure(interval(100 * ms))
	d.wantDown(3_609_375_000)

	d = backup(t, V3, 100)
	d.hear(peerHigh, 50) // discarded, so nothing was learned
	d.reconfigure(interval(100 * ms))
	d.wantDown(360_937_500)

	d = backup(t, V2, 100)
	d.hear(peerHigh, 200)
	d.reconfigure(interval(2 * time.Second))
	d.wantDown(6_609_375_000)
}

// Reloads that change nothing of the down interval do not put a take-over off,
// however many there are.
func TestReconfigureDoesNotPutTheTakeOverOff(t *testing.T) {
	d := backup(t, V3, 100)
	for i := range uint8(30) {
		d.run(time.Duration(i) * 100 * ms)
		d.reconfigure(priority(100 + i%2))
	}
	d.wantDown(3_605_468_750) // the last priority is 101
}

// Nor do they bring it forward, or put it off, where trackers have made another
// priority of the configured one: the timer ran with that, and does again when
// the caller has set it anew.
func TestReconfigureKeepsTheTimerOfTheEffectivePriority(t *testing.T) {
	for _, effective := range []uint8{254, 20} {
		d := backup(t, V3, 100)
		d.r.SetPriority(d.at(), effective)
		d.hear(peerHigh, 255)
		want := 3*time.Second + V3.Skew(effective, time.Second)
		d.wantDown(want)
		for i := range 20 {
			d.run(time.Duration(i+1) * 100 * ms)
			d.reconfigure(addresses("192.0.2.7"))
			d.r.SetPriority(d.at(), effective)
			d.wantDown(want)
		}
	}
}

// The delay before a preemption goes on.
func TestReconfigureKeepsThePreemptDelay(t *testing.T) {
	d := backup(t, V3, 100, preemptDelay(2*time.Second))
	d.hear(peerLow, 50)
	d.run(time.Second)
	d.reconfigure(priority(110))
	d.run(2 * time.Second)
	d.hear(peerLow, 50) // discarded now
	d.wantDown(3_570_312_500)
}

// A delay that a reload makes shorter or longer is over that much sooner or later, also
// when it was over before: then it begins anew.
func TestReconfigureChangesThePreemptDelay(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after time.Duration
		at, over      int // s after the first lower advert
	}{
		{"shorter", 600 * time.Second, 5 * time.Second, 1, 5},
		{"shorter than what has passed", 600 * time.Second, 5 * time.Second, 20, 20},
		{"longer", 5 * time.Second, 30 * time.Second, 3, 30},
		{"longer than one that is over", 3 * time.Second, 30 * time.Second, 5, 35},
		{"shorter than one that is over", 3 * time.Second, 2 * time.Second, 5, 5},
		{"none", 600 * time.Second, 0, 4, 4},
		{"one", 0, 30 * time.Second, 1, 31},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := backup(t, V3, 100, preemptDelay(tt.before))
			for at := range tt.over + 5 {
				d.run(time.Duration(at) * time.Second)
				if at == tt.at {
					d.reconfigure(preemptDelay(tt.after))
				}
				d.hear(peerLow, 50)
				if at == 0 || at < tt.at {
					continue
				}
				if delays := d.r.Obeying(d.at()); delays != (at < tt.over) {
					t.Fatalf("after %d s it obeys: %v", at, delays)
				}
				if at >= tt.over {
					break
				}
			}
		})
	}
}

// A member that waits goes on waiting, unless it is no member any more: nobody
// would promote it.
func TestReconfigureWanting(t *testing.T) {
	d := backup(t, V3, 100, hold)
	d.run(4 * time.Second)
	d.reconfigure(priority(90))
	if !d.r.Wanting() {
		t.Error("a member of a group no longer waits after a reload")
	}
	d.reconfigure(priority(100), func(c *Config) { c.Hold = false })
	d.run(8 * time.Second)
	d.want("7.609375s send 100, claim, announce 5, BACKUP->MASTER")
}

// The periodic announcement begins, changes and ends with the configuration.
func TestReconfigureRefresh(t *testing.T) {
	refresh := func(every time.Duration) func(*Config) { return func(c *Config) { c.Announce.Refresh = every } }
	d := master(t, V3, 100, interval(40*time.Second))
	d.reconfigure(refresh(10 * time.Second))
	d.run(15 * time.Second)
	d.want("10s announce 1")
	d.reconfigure(refresh(2 * time.Second))
	d.run(18 * time.Second)
	d.want("17s announce 1")
	d.reconfigure(refresh(0))
	d.run(39 * time.Second)
	d.want()
}

// INIT and FAULT take the configuration and stay.
func TestReconfigureInitAndFault(t *testing.T) {
	d := made(t, V3, 100)
	d.reconfigure(priority(200))
	d.start()
	d.wantDown(3_218_750_000)
	d.fault()
	d.reconfigure(interval(2 * time.Second))
	d.run(time.Minute)
	d.clear()
	d.wantDown(time.Minute + 6_437_500_000)
	d.want("0s INIT->BACKUP", "0s BACKUP->FAULT", "1m0s FAULT->BACKUP")
}

// Equal notices every field, those of structs within and new ones included.
func TestConfigEqual(t *testing.T) {
	full := func() Config {
		c := Defaults()
		c.Addresses = parseAddrs("192.0.2.100 192.0.2.101")
		c.Unicast.Peers = []Peer{{Addr: peerLow}, {Addr: peerHigh}}
		c.HMAC.Keys = []Key{{ID: 1, Secret: Secret("one")}, {ID: 2, Secret: Secret("two")}}
		return c
	}
	base := full()
	if !base.Equal(full()) {
		t.Error("a copy is not equal")
	}
	// change changes one leaf and returns to it.
	leaves := 0
	var change func(name string, f reflect.Value, c *Config)
	change = func(name string, f reflect.Value, c *Config) {
		before := reflect.ValueOf(f.Interface())
		switch f.Kind() {
		case reflect.Bool:
			f.SetBool(!f.Bool())
		case reflect.Int, reflect.Int64:
			f.SetInt(f.Int() + 1)
		case reflect.Uint8:
			f.SetUint(f.Uint() + 1)
		case reflect.Array:
			f.Index(f.Len() - 1).SetUint(1)
		case reflect.Slice:
			if f.Type().Elem().Kind() == reflect.Struct && f.Type() != reflect.TypeFor[[]netip.Addr]() {
				last := f.Index(f.Len() - 1)
				for i := range last.NumField() {
					change(name+"[1]."+last.Type().Field(i).Name, last.Field(i), c)
				}
			}
			f.Set(f.Slice(0, f.Len()-1))
		case reflect.Struct:
			if f.Type() != reflect.TypeFor[netip.Addr]() {
				for i := range f.NumField() {
					change(name+"."+f.Type().Field(i).Name, f.Field(i), c)
				}
				return
			}
			f.Set(reflect.ValueOf(netip.MustParseAddr("ff02::13")))
		default:
			t.Fatalf("%s is of a kind that this test does not change: %v", name, f.Kind())
		}
		leaves++
		if base.Equal(*c) || c.Equal(base) {
			t.Errorf("Equal does not notice %s", name)
		}
		f.Set(before)
		if !base.Equal(*c) {
			t.Fatalf("%s was not put back", name)
		}
	}
	c := full()
	change("Config", reflect.ValueOf(&c).Elem(), &c)
	if leaves < 45 {
		t.Errorf("%d values changed: the test does not test", leaves)
	}
	other := base
	other.Addresses = parseAddrs("192.0.2.101 192.0.2.100")
	if base.Equal(other) {
		t.Error("Equal does not notice the order of the addresses, which is that of the advert")
	}
}

// TestReconfigureVersion: what a master of version 3 told does not outlive the
// version; version 2 would never learn another.
func TestReconfigureVersion(t *testing.T) {
	d := backup(t, V3, 100)
	d.hear(peerHigh, 200, interval(10*time.Second))
	d.wantDown(30*time.Second + V3.Skew(100, 10*time.Second))
	d.reconfigure(func(c *Config) { c.Version = V2 })
	d.wantDown(V2.MasterDown(100, time.Second, 3))
	d.hear(peerHigh, 200)
	d.wantDown(V2.MasterDown(100, time.Second, 3))
}
