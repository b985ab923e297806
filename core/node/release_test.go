package node

import (
	"fmt"
	"runtime"
	"testing"
	"weak"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/mono"
)

// After a reload to a smaller table the node holds neither the services of the one before nor
// what it told of them.
func TestReleasesServices(t *testing.T) {
	table := func(services int) (l []Service) {
		for i := range services {
			l = append(l, Service{Name: fmt.Sprint("service ", i), Quorum: 1, TellFirst: true, Servers: []Server{{Name: "server", Weight: 100}},
				SlowStart: balance.Ramp{Over: 20 * second}})
		}
		return l
	}
	n := New(0, Config{Services: table(100)})
	var services []weak.Pointer[service]
	var told []weak.Pointer[Change]
	hear := func(actions []Action) {
		for i := range actions {
			if c := actions[i].Change; c != nil {
				told = append(told, weak.Make(c))
			}
		}
	}
	hear(n.Tick(0))
	for i := range n.services {
		services = append(services, weak.Make(&n.services[i]))
	}
	for i := range n.services { // what a check that fails does
		n.serverChanged(0, &n.services[i].servers[0], false, "test")
		n.serverChanged(0, &n.services[i].servers[0], true, "test")
	}
	hear(n.Tick(0))
	hear(n.Reconfigure(0, Config{Services: table(1)}))
	n.Tick(mono.Instant(second))
	runtime.GC()
	held := func(what string, all int, is func(i int) bool) {
		some := 0
		for i := range all {
			if is(i) {
				some++
			}
		}
		if some > 0 || all < 100 {
			t.Errorf("%d of %d %s are held", some, all, what)
		}
	}
	held("services", len(services), func(i int) bool { return services[i].Value() != nil })
	held("changes told", len(told), func(i int) bool { return told[i].Value() != nil })
	runtime.KeepAlive(n)
}
