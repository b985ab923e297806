package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The kinds of LVSMethod.
const (
	NAT = "NAT"
	DR  = "DR"
	TUN = "TUN"
)

// LVSMethod is how packets of a service reach a real server. Its text is
// that of keepalived: NAT, DR, or TUN, with "type ipip", "type gue port N" or
// "type gre" and nocsum, csum or remcsum behind it.
type LVSMethod struct {
	// Kind is NAT, DR or TUN; empty is NAT.
	Kind string
	// Type is the tunnel's: ipip, gue or gre; empty is ipip.
	Type string
	// Checksum is csum or remcsum; empty is none.
	Checksum string
	// Port is a gue tunnel's.
	Port uint16
}

// String renders what UnmarshalText reads.
func (m LVSMethod) String() string {
	s := m.Kind
	if s == "" {
		s = NAT
	}
	if m.Type != "" {
		s += " type " + m.Type
	}
	if m.Port != 0 {
		s += " port " + strconv.Itoa(int(m.Port))
	}
	if m.Checksum != "" {
		s += " " + m.Checksum
	}
	return s
}

// MarshalText renders String.
func (m LVSMethod) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads the words of a forwarding method.
func (m *LVSMethod) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	if len(words) == 0 || !slices.Contains([]string{NAT, DR, TUN}, words[0]) {
		return fmt.Errorf("must be NAT, DR or TUN")
	}
	out := LVSMethod{Kind: words[0]}
	words = words[1:]
	if len(words) > 0 && out.Kind != TUN {
		return fmt.Errorf("must be %s alone: a type is for TUN", out.Kind)
	}
	for len(words) > 0 {
		n, err := out.option(words)
		if err != nil {
			return err
		}
		words = words[n:]
	}
	switch {
	case out.Type == "gue" && out.Port == 0:
		return fmt.Errorf("must give a tunnel of type gue a port: TUN type gue port N")
	case out.Type != "gue" && out.Port != 0:
		return fmt.Errorf("must have a port with type gue only")
	case out.Checksum != "" && (out.Type == "" || out.Type == "ipip"):
		return fmt.Errorf("must have no checksum with a tunnel of type ipip")
	case out.Checksum == "remcsum" && out.Type == "gre":
		return fmt.Errorf("must have no remcsum with a tunnel of type gre")
	}
	*m = out
	return nil
}

// option reads one option of a tunnel and returns how many words it took.
func (m *LVSMethod) option(words []string) (int, error) {
	value := ""
	if len(words) > 1 {
		value = words[1]
	}
	switch words[0] {
	case "type":
		if !slices.Contains([]string{"ipip", "gue", "gre"}, value) {
			return 0, fmt.Errorf("must have the type ipip, gue or gre")
		}
		m.Type = value
		return 2, nil
	case "port":
		n, err := strconv.ParseUint(value, 10, 16)
		if err != nil || n == 0 {
			return 0, fmt.Errorf("must have a port from 1 to 65535")
		}
		m.Port = uint16(n)
		return 2, nil
	case "nocsum":
		m.Checksum = ""
		return 1, nil
	case "csum", "remcsum":
		m.Checksum = words[0]
		return 1, nil
	}
	return 0, fmt.Errorf("must have type, port, nocsum, csum or remcsum behind TUN")
}

// Granularity is which clients persistence takes for one: all that share the
// bits of an IPv4 mask, or a prefix of a length. The zero value is each client
// by itself.
type Granularity struct {
	// Mask is set for IPv4.
	Mask netip.Addr
	// Bits is the length of an IPv6 prefix, 1..128; 0 if Mask is set.
	Bits int
}

// MarshalText renders the mask or the length.
func (g Granularity) MarshalText() ([]byte, error) {
	switch {
	case g.Mask.IsValid():
		return []byte(g.Mask.String()), nil
	case g.Bits > 0:
		return []byte(strconv.Itoa(g.Bits)), nil
	}
	return nil, nil
}

// UnmarshalText reads a mask as 255.255.255.0, 0 for 0.0.0.0, or a length of
// 1..128.
func (g *Granularity) UnmarshalText(text []byte) error {
	if string(text) == "0" {
		*g = Granularity{Mask: netip.IPv4Unspecified()}
		return nil
	}
	if n, err := strconv.Atoi(string(text)); err == nil && n >= 1 && n <= 128 {
		*g = Granularity{Bits: n}
		return nil
	}
	a, err := netip.ParseAddr(string(text))
	if err != nil || !a.Is4() {
		return fmt.Errorf("must be an IPv4 mask such as 255.255.255.0, or the length of an IPv6 prefix from 1 to 128")
	}
	*g = Granularity{Mask: a}
	return nil
}
