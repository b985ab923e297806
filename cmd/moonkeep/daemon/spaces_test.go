package daemon

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/node"
)

// What uses the kernels aside of the engine is waited for by Close, and refused after
// it.
func TestNothingUsesAClosedKernel(t *testing.T) {
	h := netnstest.New(t)
	var s *spaces
	h.Run(t, func() error {
		home, err := kernel.Open(struct{ engine.Sink }{}, kernel.Options{})
		if err == nil {
			s, err = joinSpaces(home)
		}
		return err
	})
	begun, end, closed := make(chan bool), make(chan bool), make(chan error, 1)
	used := make(chan error, 1)
	go func() {
		used <- s.each(func(string, *kernel.Kernel) error {
			close(begun)
			<-end
			return nil
		})
	}()
	<-begun
	go func() { closed <- s.Close() }()
	select {
	case <-closed:
		t.Error("closed while a kernel was used")
	case <-time.After(50 * time.Millisecond):
	}
	close(end)
	netnstest.Must(t, <-used)
	netnstest.Must(t, <-closed)
	called := func(*kernel.Kernel) error { t.Error("called after Close"); return nil }
	for name, err := range map[string]error{
		"each": s.each(func(_ string, k *kernel.Kernel) error { return called(k) }),
		"in":   s.in("", called),
		"open": s.open("/proc/self/ns/net", nil, kernel.Options{}),
	} {
		if !errors.Is(err, errKernelOver) {
			t.Errorf("%s after Close: got %v, want %v", name, err, errKernelOver)
		}
	}
	if !s.over() || s.Close() != nil {
		t.Error("not over, or not to be closed again")
	}
}

// present collects which addresses the host has.
type present struct {
	engine.Sink
	told chan map[netip.Addr]bool
}

func (p *present) Event(e node.Event) {
	if h, ok := e.(*node.HostHas); ok {
		p.told <- h.Here
	}
}

// TestSoughtDuringReload: until a reload is through, the addresses are looked for of the
// services that run and of those that are to.
func TestSoughtDuringReload(t *testing.T) {
	waits := func(address string) *config.Config {
		at := config.Endpoint{AddrPort: netip.MustParseAddrPort(address)}
		return &config.Config{VirtualServers: []config.VirtualServer{{Address: at, HASuspend: true}}}
	}
	sink, d := &present{told: make(chan map[netip.Addr]bool, 100)}, &daemon{config: waits("192.0.2.1:80")}
	netnstest.New(t).Run(t, func() error {
		home, err := kernel.Open(sink, kernel.Options{Sought: sought("", d.config)})
		if err == nil {
			d.kernel, err = joinSpaces(home)
		}
		return err
	})
	defer func() { netnstest.Must(t, d.kernel.Close()) }()
	netnstest.Must(t, d.virtual(waits("192.0.2.2:80"), nil))
	netnstest.Must(t, d.kernel.Watch(nil, nil))
	if here := <-sink.told; len(here) != 2 {
		t.Errorf("looked for are %v", here)
	}
}

// TestCloseEnds: who hangs in a kernel keeps Close waiting for so long and no longer.
func TestCloseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s spaces
		s.using.RLock()
		defer s.using.RUnlock()
		began := time.Now()
		if err := s.Close(); err == nil || !strings.Contains(err.Error(), "has not let go") {
			t.Errorf("closed: %v", err)
		}
		if took := time.Since(began); took < closeLimit || took > 2*closeLimit {
			t.Errorf("it took %v", took)
		}
		if err := s.in("", nil); !errors.Is(err, errKernelOver) || s.Close() != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}
