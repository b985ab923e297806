// Package doctor looks at a host with the eyes of a node that would run a
// configuration: whether its interfaces, settings and kernel can do what the
// configuration asks, and whether somebody else uses its virtual routers.
//
// It changes nothing and sends nothing on the host's networks, but for ARP probes where
// it is asked to; what a kernel can do is tried in a network namespace of its own. What
// is wrong with the configuration itself is package lint's subject. The command drives it
// and prints what it found.
package doctor

import (
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// Level says how bad it is what was found.
type Level uint8

const (
	OK Level = iota
	// Warning is what may be meant so.
	Warning
	// Problem is what keeps the node from doing what its file says.
	Problem
)

// String is the word for people and for JSON.
func (l Level) String() string {
	switch l {
	case OK:
		return "ok"
	case Warning:
		return "warning"
	}
	return "problem"
}

// MarshalText makes a level its word in JSON.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Finding is one thing that was looked at.
type Finding struct {
	Level Level `json:"level"`
	// What was looked at, and what was found there.
	What string `json:"what"`
	Text string `json:"text"`
	// Advice says what to do, in case of a warning or a problem.
	Advice string `json:"advice,omitempty"`
}

// Host looks at everything that needs no waiting. runDir is the directory that
// the node would have.
func Host(c *config.Config, runDir string) []Finding {
	n := needsOf(c)
	list := examineProcess(runDir, n)
	list = append(list, inSpace("net_namespace", n.space, func() (list []Finding) {
		list = examineRivals()
		for _, l := range n.links {
			list = append(list, examineLink(l, lookAt(l.device))...)
		}
		return append(list, examineSettings(n, readSetting)...)
	})...)
	list = append(list, inSpace("net_namespace_ipvs", n.balanced, func() []Finding {
		return examineForwarding(n, readSetting)
	})...)
	if n.clock {
		list = append(list, examineClock(clockState()))
	}
	return append(list, examineKernel(n)...)
}

// Network listens so long for adverts on the interfaces of the configuration, and
// judges those that concern its virtual routers; a long of 0 is not to listen. Passage
// has it ask hosts by ARP whether hardware addresses like those of use_vmac pass.
func Network(c *config.Config, long time.Duration, passage bool) (list []Finding) {
	n := needsOf(c)
	if len(n.links) == 0 {
		return nil
	}
	var heard []heardAdvert
	if long > 0 {
		heard, list = examineAdverts(n, long)
	}
	return append(list, inSpace("net_namespace", n.space, func() []Finding { return examinePassage(n, heard, passage) })...)
}
