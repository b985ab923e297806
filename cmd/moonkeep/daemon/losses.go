package daemon

import (
	"errors"
	"fmt"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// shownLosses is how many of them a refusal names; check shows the others.
const shownLosses = 20

// Spoils says why a reload from a configuration with some losses to one with
// others is refused unless it is forced: a start has to run whatever keepalived
// runs, but a typing mistake must not take from a node what it does. It is empty
// when nothing is lost that was not lost before.
func Spoils(running, next config.Findings) string {
	news := next.LosesBeyond(running)
	if len(news) == 0 {
		return ""
	}
	var b strings.Builder
	for i := range news[:min(len(news), shownLosses)] {
		f := &news[i]
		fmt.Fprintf(&b, "%s: %s [%s]; ", f.At, f.Text, f.Name)
	}
	if n := len(news) - shownLosses; n > 0 {
		fmt.Fprintf(&b, "and %d more; ", n)
	}
	return "the new configuration has mistakes that the running one has not, for which something is left out: " + b.String() + orForce
}

// Empties says the same when there would be nothing left to do.
func Empties(running, next *config.Config) string {
	before, after := len(running.Instances)+len(running.VirtualServers), len(next.Instances)+len(next.VirtualServers)
	if before == 0 || after > 0 {
		return ""
	}
	return fmt.Sprintf("the new configuration has no vrrp_instance and no virtual_server, and %d run: "+orForce, before)
}

// Parts says the same when files are no longer read: no file matches an include
// that some matched, or one that stands for another that some matched. A new one of
// nothing loses nothing.
func Parts(running, next []config.Include) string {
	before, now := map[string]bool{}, map[string]bool{} // whether a file matches
	for _, i := range next {
		now[i.Pattern] = i.Matched
	}
	replaced := ""
	for _, i := range running {
		before[i.Pattern] = i.Matched
		if _, still := now[i.Pattern]; i.Matched && !still {
			replaced = i.Pattern
		}
	}
	var b strings.Builder
	n := 0
	for _, i := range next {
		matched, known := before[i.Pattern]
		if i.Matched || !matched && (known || replaced == "") {
			continue
		}
		if n++; n > shownLosses {
			continue
		}
		fmt.Fprintf(&b, "%s: no file matches %s", i.At, i.Pattern)
		if !known {
			fmt.Fprintf(&b, ", and %s is not included any more", replaced)
		}
		b.WriteString("; ")
	}
	if n == 0 {
		return ""
	}
	if n -= shownLosses; n > 0 {
		fmt.Fprintf(&b, "and %d more; ", n)
	}
	return "the running configuration has files that the new one does not read: " + b.String() + orForce
}

const orForce = "put that right, or take it as it is with `moonkeep reload --force`"

// spoils is Spoils, Parts and Empties against what runs, for an error.
func (d *daemon) spoils(c *config.Config, losses config.Findings) error {
	d.mu.Lock()
	running, accepted := d.config, d.losses
	d.mu.Unlock()
	var all []string
	for _, why := range []string{Spoils(accepted, losses), Parts(running.Includes, c.Includes), Empties(running, c)} {
		if why != "" {
			all = append(all, why)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return errors.New(strings.Join(all, "; also: "))
}
