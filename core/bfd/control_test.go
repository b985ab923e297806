package bfd

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// text draws a packet as testdata does.
func text(c *Control) string {
	var b strings.Builder
	b.WriteString(c.State.String())
	if c.Diag != 0 {
		fmt.Fprintf(&b, " diag %d", c.Diag)
	}
	for _, f := range []struct {
		set  bool
		name string
	}{{c.Poll, "P"}, {c.Final, "F"}, {c.Demand, "D"}} {
		if f.set {
			b.WriteString(" " + f.name)
		}
	}
	fmt.Fprintf(&b, " mult %d my %08x your %08x tx %v rx %v", c.Mult, c.My, c.Your, c.MinTx, c.MinRx)
	return b.String()
}

// TestKeepalived reads packets of a real keepalived and writes them again.
func TestKeepalived(t *testing.T) {
	file, err := os.ReadFile("testdata/keepalived.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(file)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		n++
		octets, want, _ := strings.Cut(strings.TrimSpace(line), " | ")
		b, err := hex.DecodeString(octets)
		if err != nil {
			t.Fatal(err)
		}
		c, rule := Decode(b)
		if rule != Accepted {
			t.Errorf("%s: %v", octets, rule)
			continue
		}
		if got := text(&c); got != want {
			t.Errorf("%s: got %s, want %s", octets, got, want)
		}
		if got := hex.EncodeToString(c.Append(nil)); got != octets {
			t.Errorf("%s: written again as %s", octets, got)
		}
	}
	if n < 10 {
		t.Errorf("%d packets, want at least 10", n)
	}
}

// sound is a packet that every rule accepts.
func sound() Control {
	return Control{State: Down, Mult: 3, My: 7, MinTx: time.Second, MinRx: 10 * time.Millisecond}
}

// TestDecodeRules breaks one rule of RFC 5880 6.8.6 at a time, and several: the
// first in the order of the RFC decides.
func TestDecodeRules(t *testing.T) {
	tests := []struct {
		rule string
		mend func(b []byte) []byte
		want Rejection
	}{
		{"a sound packet", func(b []byte) []byte { return b }, Accepted},
		{"6.8.6 version is not 1: 0", func(b []byte) []byte { b[0] = 0; return b }, RejectVersion},
		{"6.8.6 version is not 1: 2", func(b []byte) []byte { b[0] = 2 << 5; return b }, RejectVersion},
		{"6.8.6 length below 24", func(b []byte) []byte { b[3] = 23; return b }, RejectLength},
		{"6.8.6 length zero", func(b []byte) []byte { b[3] = 0; return b }, RejectLength},
		{"6.8.6 length below 26 with A", func(b []byte) []byte { b[1] |= flagAuth; b[3] = 25; return append(b, 0, 0) }, RejectLength},
		{"6.8.6 length beyond the payload", func(b []byte) []byte { b[3] = 25; return b }, RejectTruncated},
		{"6.8.6 payload cut off", func(b []byte) []byte { return b[:23] }, RejectTruncated},
		{"6.8.6 payload without length field", func(b []byte) []byte { return b[:3] }, RejectTruncated},
		{"6.8.6 empty payload", func([]byte) []byte { return nil }, RejectTruncated},
		{"6.8.6 payload longer than length is none of our business", func(b []byte) []byte { return append(b, 1, 2, 3) }, Accepted},
		{"6.8.6 detection multiplier zero", func(b []byte) []byte { b[2] = 0; return b }, RejectMult},
		{"6.8.6 multipoint bit", func(b []byte) []byte { b[1] |= flagMultipoint; return b }, RejectMultipoint},
		{"6.8.6 my discriminator zero", func(b []byte) []byte { b[7] = 0; return b }, RejectMyDiscr},
		{"6.8.6 your discriminator zero in Init", func(b []byte) []byte { b[1] = byte(Init) << 6; return b }, RejectState},
		{"6.8.6 your discriminator zero in Up", func(b []byte) []byte { b[1] = byte(Up) << 6; return b }, RejectState},
		{"6.8.6 your discriminator zero in AdminDown", func(b []byte) []byte { b[1] = byte(AdminDown) << 6; return b }, Accepted},
		{"6.8.6 your discriminator given in Up", func(b []byte) []byte { b[1] = byte(Up) << 6; b[11] = 1; return b }, Accepted},
		{"6.8.6 A without a key", func(b []byte) []byte { b[1] |= flagAuth; b[3] = 26; return append(b, 1, 2) }, RejectAuth},
		{"4.1 control plane independent bit is ignored", func(b []byte) []byte { b[1] |= 0x08; return b }, Accepted},
		{"4.1 a reserved diagnostic is accepted", func(b []byte) []byte { b[0] |= 31; return b }, Accepted},
		{"version before length", func(b []byte) []byte { b[0], b[3] = 0, 0; return b }, RejectVersion},
		{"length before multiplier", func(b []byte) []byte { b[2], b[3] = 0, 0; return b }, RejectLength},
		{"multiplier before multipoint", func(b []byte) []byte { b[1] |= flagMultipoint; b[2] = 0; return b }, RejectMult},
		{"multipoint before discriminator", func(b []byte) []byte { b[1] |= flagMultipoint; b[7] = 0; return b }, RejectMultipoint},
		{"discriminator before state", func(b []byte) []byte { b[1] = byte(Up) << 6; b[7] = 0; return b }, RejectMyDiscr},
		{"state before authentication", func(b []byte) []byte {
			b[1], b[3] = byte(Up)<<6|flagAuth, 26
			return append(b, 1, 2)
		}, RejectState},
	}
	for _, tt := range tests {
		c := sound()
		if _, got := Decode(tt.mend(c.Append(nil))); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.rule, got, tt.want)
		}
	}
}

func TestStrings(t *testing.T) {
	seen := map[string]bool{}
	for r := Accepted; r < rejections; r++ {
		if s := r.String(); s == "" || s == "?" || seen[s] {
			t.Errorf("rejection %d reads %q", r, s)
		}
		seen[r.String()] = true
	}
	for _, tt := range []struct{ got, want string }{
		{rejections.String(), "?"}, {Init.String(), "Init"}, {State(9).String(), "?"},
		{DiagNeighbor.String(), "neighbor signaled session down"}, {DiagAdminDown.String(), "administratively down"},
		{Diag(31).String(), "reserved diagnostic"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

// FuzzDecode: no octets make the decoder panic, and what it accepts, written
// and read again, is the same.
func FuzzDecode(f *testing.F) {
	c := sound()
	f.Add(c.Append(nil))
	c.State, c.Your, c.Poll = Up, 9, true
	f.Add(c.Append(nil))
	f.Add([]byte{})
	f.Add([]byte{0x20, 0xc4, 3, 28, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, rule := Decode(b)
		if rule != Accepted {
			return
		}
		again, rule := Decode(c.Append(nil))
		if rule != Accepted || again != c {
			t.Errorf("read %+v, written and read again %+v, %v", c, again, rule)
		}
	})
}
