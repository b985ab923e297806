package node

import (
	"slices"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestBecomeMaster: advert, claim, announcement, in this order, and the
// excluded addresses with the others.
func TestBecomeMaster(t *testing.T) {
	in := instance3("V", 1, 100).with("10.0.1.1", "10.0.1.2")
	in.Excluded = []netspec.Address{address("10.9.9.9")}
	d := drive(t, Config{Instances: []Instance{in}})
	d.forget()
	d.pass(4 * second)
	d.want("V sends 100", "V claims 10.0.1.1 10.0.1.2 10.9.9.9", "V announces 10.0.1.1 10.0.1.2 10.9.9.9 x5", "V BACKUP>MASTER")
	d.hear("V", lower, 200)
	d.want("V sends 100", "V releases 10.0.1.1 10.0.1.2 10.9.9.9", "V MASTER>BACKUP")
}

// TestClaimed: a claim that fails is tried again twice; then the instance
// makes room for another, and tries once more after a rest.
func TestClaimed(t *testing.T) {
	d := drive(t, Config{Instances: []Instance{instance3("V", 1, 100)}})
	d.pass(4 * second)
	d.forget()
	refuse := func() { d.t.Helper(); d.step(&Claimed{Instance: "V", Failure: "file exists"}) }
	again := []string{"V claims 10.0.1.1", "V announces 10.0.1.1 x5"}

	refuse()
	d.want("note address")
	d.pass(claimPause - 1)
	d.want()
	d.pass(1)
	d.want(again...)
	refuse()
	d.want("note address")
	d.pass(claimPause)
	d.want(again...)
	refuse()
	d.want("V sends 0", "V releases 10.0.1.1", "V MASTER>FAULT")
	if f := d.status("V").Faults; len(f) != 1 || f[0] != "it cannot hold its addresses: file exists" {
		t.Errorf("faults %q", f)
	}
	d.pass(claimRest - time.Millisecond)
	d.want()
	d.pass(time.Millisecond)
	d.want("V FAULT>BACKUP")
	d.pass(4 * second)
	d.want("V sends 100", "V claims 10.0.1.1", "V announces 10.0.1.1 x5", "V BACKUP>MASTER")
	d.step(&Claimed{Instance: "V"})
	if !d.status("V").Claimed {
		t.Error("the claim is not seen")
	}
}

// TestClaimedStartsAnew: a claim that succeeds in between ends the row, and so
// does another master.
func TestClaimedStartsAnew(t *testing.T) {
	for _, between := range []func(*driver){
		func(d *driver) { d.step(&Claimed{Instance: "V"}) },
		func(d *driver) { d.hear("V", higher, 100); d.pass(4 * second) },
	} {
		d := drive(t, Config{Instances: []Instance{instance3("V", 1, 100)}})
		d.pass(4 * second)
		for range 2 {
			d.step(&Claimed{Instance: "V", Failure: "no"})
			d.pass(claimPause)
		}
		between(d)
		d.role("V", vrrp.Master)
		for range 2 {
			d.step(&Claimed{Instance: "V", Failure: "no"})
			d.role("V", vrrp.Master)
			d.pass(claimPause)
		}
		d.step(&Claimed{Instance: "V", Failure: "no"})
		d.role("V", vrrp.Fault)
	}
}

// TestClaimedLate: an answer that comes when the addresses were given up, and
// one for nobody, mean nothing.
func TestClaimedLate(t *testing.T) {
	d := master(t, Config{Instances: []Instance{instance3("V", 1, 100)}})
	d.hear("V", higher, 100)
	d.forget()
	for range 3 {
		d.step(&Claimed{Instance: "V", Failure: "no"})
		d.step(&Claimed{Instance: "nobody", Failure: "no"})
	}
	d.want()
	d.role("V", vrrp.Backup)
}

// TestOwnerRefused: an owner goes straight back to MASTER after the rest.
func TestOwnerRefused(t *testing.T) {
	d := drive(t, Config{Instances: []Instance{instance3("V", 1, 255)}})
	for range 3 {
		d.step(&Claimed{Instance: "V", Failure: "no"})
		d.pass(claimPause)
	}
	d.role("V", vrrp.Fault)
	d.forget()
	d.pass(claimRest)
	d.want("V FAULT>BACKUP", "V sends 255", "V claims 10.0.1.1", "V announces 10.0.1.1 x5", "V BACKUP>MASTER")
}

// TestRefusedRests: each trial takes the addresses from a node that could hold
// them, so the rests between trials grow. Other addresses are tried at once.
func TestRefusedRests(t *testing.T) {
	cfg := Config{Instances: []Instance{instance3("V", 1, 100)}}
	d := master(t, cfg)
	refuse := func() {
		for range claimTries {
			d.step(&Claimed{Instance: "V", Failure: "no"})
			d.pass(claimPause)
		}
		d.role("V", vrrp.Fault)
	}
	refuse()
	d.pass(claimRest)
	d.role("V", vrrp.Backup)
	d.pass(4 * second)
	d.role("V", vrrp.Master)
	refuse()
	d.pass(claimRest)
	d.role("V", vrrp.Fault)
	d.pass(claimRest)
	d.role("V", vrrp.Backup)
	d.pass(4 * second)
	refuse()
	cfg.Instances[0] = cfg.Instances[0].with("10.0.1.7")
	d.reload(cfg)
	d.role("V", vrrp.Backup)
}

// TestGone: what somebody removes comes back at once; people are told at
// intervals.
func TestGone(t *testing.T) {
	d := master(t, Config{Instances: []Instance{instance3("V", 1, 100)}})
	gone := &Gone{Instance: "V", Addresses: []netspec.Address{address("10.0.1.1")}}
	back := []string{"V claims 10.0.1.1", "V announces 10.0.1.1 x1"}
	d.step(gone)
	d.want(slices.Concat([]string{"note address"}, back)...)
	d.step(gone)
	d.want(back...)
	d.pass(quietFor)
	d.forget()
	d.step(gone)
	d.want(slices.Concat([]string{"note address"}, back)...)
	d.hear("V", higher, 100)
	d.forget()
	d.step(gone)
	d.want()
}

// TestSendFailed tells once that adverts do not leave, and once that they do.
func TestSendFailed(t *testing.T) {
	d := master(t, Config{Instances: []Instance{instance3("V", 1, 100)}})
	for range 2 {
		d.step(&SendFailed{Instance: "V", Failure: "network is unreachable"})
	}
	d.want("note send")
	for range 2 {
		d.step(&SendFailed{Instance: "V"})
	}
	d.want("note send")
}

// TestStrangers counts packets for nobody.
func TestStrangers(t *testing.T) {
	d := master(t, Config{Instances: []Instance{instance3("V", 1, 100)}})
	other := instance3("W", 2, 200)
	packet := vrrp.Packet{Interface: "eth0", Source: higher, Destination: vrrp.Group(false), TTL: vrrp.TTL,
		Payload: other.Router.Append(nil, 200, higher, vrrp.Group(false))}
	d.step(&Received{Packet: packet})
	packet.Payload = packet.Payload[:1]
	d.step(&Received{Packet: packet})
	packet.Payload, packet.Interface = d.node.byName["V"].cfg.Router.Append(nil, 200, higher, vrrp.Group(false)), "eth1"
	d.step(&Received{Packet: packet})
	d.step(&Received{Packet: packet, Sample: 16})
	d.want()
	if got, want := d.node.Status(d.now).Strangers, uint64(3+16); got != want {
		t.Errorf("%d strangers, want %d", got, want)
	}
}
