package vrrp

import (
	"testing"
	"time"
)

func interopOpt(c *Config) { c.Interop = true }

func v2Only(interval time.Duration) func(*Config) {
	return func(c *Config) { c.Version, c.Interop, c.Interval = V2, false, interval }
}

func v3Only(c *Config) { c.Interop = false }

// TestX2SendBoth: RFC 9568 8.4.2: both versions at the configured rate, also a
// rate that version 2 cannot name.
func TestX2SendBoth(t *testing.T) {
	d := master(t, V3, 100, interopOpt, interval(300*ms))
	d.run(900 * ms)
	d.want("300ms send 100, send 100", "600ms send 100, send 100", "900ms send 100, send 100")
	a, b := d.buf[0].Payload, d.buf[1].Payload
	if a[0] != 0x31 || b[0] != 0x21 || b[5] != 1 || len(b) != 20 {
		t.Errorf("sent %x and %x", a, b)
	}
	for _, tt := range []struct {
		interval time.Duration
		want     uint8
	}{{cs, 1}, {time.Second, 1}, {1010 * ms, 2}, {40950 * ms, 41}, {255 * time.Second, 255}, {time.Hour, 255}} {
		if got := seconds(tt.interval); got != tt.want {
			t.Errorf("seconds(%v) = %d, want %d", tt.interval, got, tt.want)
		}
	}
}

// TestX2Signed: with HMAC each version is signed for itself.
func TestX2Signed(t *testing.T) {
	d := master(t, V3, 100, interopOpt, hmacs(HMACEnforce), unicast())
	d.run(time.Second)
	d.want("1s send 100, send 100, send 100, send 100") // the driver verifies each
	list := []uint64{}
	for _, a := range d.buf {
		list = append(list, sequenceOf(a.Payload))
	}
	if list[0] != list[1] || list[2] != list[3] || list[2] <= list[0] {
		t.Errorf("sequences %x, want one for each version", list)
	}
}

// TestX3Backup: the rate of a master of version 2 is learned, in seconds.
func TestX3Backup(t *testing.T) {
	d := backup(t, V3, 100, interopOpt, interval(100*ms))
	d.hear(peerHigh, 200, v2Only(2*time.Second))
	if got := d.r.View().Interval; got != 2*time.Second {
		t.Errorf("interval %v, want 2s", got)
	}
	d.wantDown(6*time.Second + V3.Skew(100, 2*time.Second))
	d.hear(peerHigh, 0, v2Only(2*time.Second))
	d.wantDown(V3.Skew(100, 2*time.Second))
}

// TestX3Zero: an interval of zero is no rate.
func TestX3Zero(t *testing.T) {
	d := backup(t, V3, 100, interopOpt)
	d.hear(peerHigh, 200, v2Only(0))
	if got := d.r.View().Counts.Rejected[RejectInterval0]; got != 1 {
		t.Errorf("%d refused, want 1", got)
	}
}

// TestX4Echo: version 2 of a master that is heard in version 3 does nothing, and
// counts again when version 3 has been silent.
func TestX4Echo(t *testing.T) {
	d := backup(t, V3, 100, interopOpt, interval(100*ms))
	d.hear(peerHigh, 200, v3Only)
	down := V3.MasterDown(100, 100*ms, 3)
	d.wantDown(down)
	d.now = 50 * ms
	d.hear(peerHigh, 200, v2Only(time.Second))
	d.wantDown(down)
	if v := d.r.View(); v.Counts.Echoes != 1 || v.Interval != 100*ms {
		t.Errorf("%d echoes and interval %v, want 1 and 100ms", v.Counts.Echoes, v.Interval)
	}
	d.hear(peerLow, 200, v2Only(time.Second)) // another router's is no echo
	if v := d.r.View(); v.Counts.Echoes != 1 || v.Interval != time.Second {
		t.Errorf("%d echoes and interval %v, want 1 and 1s", v.Counts.Echoes, v.Interval)
	}
	d.now = 10 * time.Second
	d.hear(peerHigh, 200, v2Only(time.Second))
	if got := d.r.View().Counts.Echoes; got != 1 {
		t.Errorf("%d echoes, want 1: version 3 is silent for long", got)
	}
}

// TestX5Report: a master that sends version 3 only is told of once.
func TestX5Report(t *testing.T) {
	d := backup(t, V3, 100, interopOpt)
	for range 3 {
		d.hear(peerHigh, 200, v3Only)
	}
	d.want()
	for range 5 {
		d.hear(peerHigh, 200, v3Only)
	}
	d.want("0s note interop")
	d = backup(t, V3, 100, interopOpt)
	for range 9 {
		d.hear(peerHigh, 200, v3Only)
		d.hear(peerHigh, 200, v2Only(time.Second))
	}
	d.want()
}

// TestX1Flag: without it a version is another protocol (RFC 9568 8.4.1), and
// over IPv6 there is no version 2.
func TestX1Flag(t *testing.T) {
	d := backup(t, V3, 100)
	d.hear(peerHigh, 200, v2Only(time.Second))
	if got := d.r.View().Counts.Rejected[RejectVersion]; got != 1 {
		t.Errorf("%d refused, want 1", got)
	}
	d = backup(t, V2, 100)
	d.hear(peerHigh, 200, func(c *Config) { c.Version = V3 })
	if got := d.r.View().Counts.Rejected[RejectVersion]; got != 1 {
		t.Errorf("%d refused, want 1", got)
	}
	c, p := sample(V3, true)
	c.Interop = true
	p.Payload[0] = 0x21
	if _, rule := c.Verify(&p); rule != RejectVRID {
		t.Errorf("version 2 over IPv6: %v, want %v", rule, RejectVRID)
	}
}

// TestX2Election: a router of both versions yields to one of version 2, and one
// of version 2 to it.
func TestX2Election(t *testing.T) {
	both, old := master(t, V3, 100, interopOpt), master(t, V2, 100)
	both.hear(peerHigh, 200, v2Only(time.Second))
	if both.r.Role() != Backup {
		t.Errorf("role is %v, want BACKUP", both.r.Role())
	}
	sender := made(t, V3, 200, interopOpt)
	sender.r.SetSource(peerHigh)
	sender.start()
	sender.promote()
	old.receive(sentPacket(peerHigh, &sender.buf[1]))
	if old.r.Role() != Backup {
		t.Errorf("role is %v, want BACKUP: %v", old.r.Role(), old.r.View().Counts.Rejected)
	}
}
