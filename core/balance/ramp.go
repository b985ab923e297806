package balance

import "time"

// Ramp is slow start: for Over after a server came back its weight rises to the
// full one in steps, so that a server with empty caches is not run over. The
// zero value has no such time.
type Ramp struct{ Over time.Duration }

// rampSteps is in how many steps a weight rises at most: few enough that a
// thousand servers which come back together are no burden for the kernel.
const rampSteps = 20

// At returns the weight of a server, of which full is the one without a ramp,
// at some time after it came back, and how long after it came back the weight
// is another next; 0 means never. A weight that is not 0 is at least 1.
func (r Ramp) At(full int, since time.Duration) (weight int, next time.Duration) {
	if r.Over <= 0 || full <= 1 || since >= r.Over {
		return full, 0
	}
	// Of a small weight there are fewer steps than the ramp has.
	steps := min(rampSteps, full)
	step := int(max(0, since) * time.Duration(steps) / r.Over)
	// Rounded up, so that the step is reached when it is asked for then.
	next = (time.Duration(step+1)*r.Over + time.Duration(steps) - 1) / time.Duration(steps)
	return max(1, int(int64(full)*int64(step+1)/int64(steps+1))), next
}

// Panic keeps the servers that worked last when few work: rather than send all
// clients to one server, which would fail next, the service goes on with those
// that worked when there were still enough. The zero value does not.
type Panic struct {
	// Percent is how many of a hundred servers must work, lest it is a panic;
	// 0 means that there never is one. Servers in which people have a hand are
	// not among them: they take no clients from the others, and that they are
	// out is no sign of trouble.
	Percent int
}

// Keep decides about a service whose servers work or do not. kept is which
// servers are to serve, and has what the call before left in it; it is as long
// as servers. It reports whether this is a panic.
//
// In a panic those serve that work, and those that served before it. One in which
// people have a hand does not, and is not remembered: that it worked before they took
// it out says nothing of how it comes back.
func (p Panic) Keep(servers []Server, kept []bool) (panics bool) {
	working, all := 0, 0
	for i := range servers {
		if servers[i].Hand != Free {
			continue
		}
		all++
		if servers[i].Up {
			working++
		}
	}
	panics = p.Percent > 0 && working*100 < p.Percent*all
	for i := range servers {
		kept[i] = servers[i].Hand == Free && (servers[i].Up || panics && kept[i])
	}
	return panics
}
