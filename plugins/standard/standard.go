// Package standard has all of moonkeep's own checkers by their names. It does not
// run them, and does not know how they are run: cmd/moonkeep asks it for the one
// whose process it starts, and for what each says of itself.
package standard

import (
	"github.com/moonkeep/moonkeep/plugins/agent"
	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/dns"
	"github.com/moonkeep/moonkeep/plugins/grpchealth"
	"github.com/moonkeep/moonkeep/plugins/http"
	"github.com/moonkeep/moonkeep/plugins/misc"
	"github.com/moonkeep/moonkeep/plugins/ping"
	"github.com/moonkeep/moonkeep/plugins/smtp"
	"github.com/moonkeep/moonkeep/plugins/tcp"
	"github.com/moonkeep/moonkeep/plugins/udp"
)

// makers are in the order in which people read about them.
func makers() []func() checker.Checker {
	return []func() checker.Checker{
		func() checker.Checker { return http.New() },
		func() checker.Checker { return http.NewSSL() },
		func() checker.Checker { return tcp.New() },
		func() checker.Checker { return smtp.New() },
		func() checker.Checker { return dns.New() },
		func() checker.Checker { return udp.New() },
		func() checker.Checker { return ping.New() },
		func() checker.Checker { return misc.New() },
		func() checker.Checker { return grpchealth.New() },
		func() checker.Checker { return agent.New() },
	}
}

// Names are the names of all of them.
func Names() []string {
	var names []string
	for _, make := range makers() {
		names = append(names, make().Info().Name)
	}
	return names
}

// New makes the checker of a name, or returns nil when there is none.
func New(name string) checker.Checker {
	for _, make := range makers() {
		if c := make(); c.Info().Name == name {
			return c
		}
	}
	return nil
}
