package dial

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// Endpoint are the options of a further place that a check connects to, where
// they differ from the check's target.
type Endpoint struct {
	ConnectIP      string            `json:"connect_ip"`
	ConnectPort    uint16            `json:"connect_port"`
	BindTo         string            `json:"bindto"`
	BindPort       uint16            `json:"bind_port"`
	BindIf         string            `json:"bind_if"`
	Fwmark         uint32            `json:"fwmark"`
	ConnectTimeout *checker.Duration `json:"connect_timeout"`
}

// Target is the endpoint as a target: what it does not say is the check's.
func (e Endpoint) Target(t checker.Target) (checker.Target, error) {
	addr, port := t.Address.Addr(), t.Address.Port()
	var err error
	if e.ConnectIP != "" {
		if addr, err = netip.ParseAddr(e.ConnectIP); err != nil {
			return t, fmt.Errorf("connect_ip %q is no address", e.ConnectIP)
		}
	}
	if e.ConnectPort != 0 {
		port = e.ConnectPort
	}
	t.Address = netip.AddrPortFrom(addr.Unmap(), port)
	if e.BindTo != "" {
		if t.BindTo, err = netip.ParseAddr(e.BindTo); err != nil {
			return t, fmt.Errorf("bindto %q is no address", e.BindTo)
		}
	}
	if e.BindPort != 0 {
		t.BindPort = e.BindPort
	}
	if e.BindIf != "" {
		t.BindIf = e.BindIf
	}
	if e.Fwmark != 0 {
		t.Fwmark = e.Fwmark
	}
	if e.ConnectTimeout != nil {
		t.Timeout = time.Duration(*e.ConnectTimeout)
	}
	return t, nil
}
