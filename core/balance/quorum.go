package balance

// MostWeight is the greatest weight that IPVS takes.
const MostWeight = 1<<31 - 1

// Quorum is when a service has enough working servers. Its zero value wins with
// any weight and loses without one.
type Quorum struct {
	// Need is the sum of weights, and Slack how far the sum may fall below it
	// before it is lost, or must be above it to be won.
	Need, Slack int64
}

// NewQuorum returns the quorum as it is in force, with keepalived's cuts: a
// quorum above the configured weights of all servers could never be won and
// becomes their sum, a hysteresis that is not below the quorum would never
// lose it and becomes one less.
func NewQuorum(quorum, hysteresis, all int64) Quorum {
	q := Quorum{Need: max(1, min(quorum, max(1, all)))}
	q.Slack = min(max(0, hysteresis), q.Need-1)
	return q
}

// Holds reports whether a service that has the quorum, or has not, has it with
// that sum of weights. One that begins has not.
func (q Quorum) Holds(has bool, sum int64) bool {
	if has {
		return sum > 0 && sum >= q.Need-q.Slack
	}
	return sum > 0 && sum >= q.Need+q.Slack
}

// Weight is the configured weight with what checks add to it.
func Weight(configured int, added int64) int {
	return int(min(max(0, int64(configured)+added), MostWeight))
}

// FileEffect returns what a FILE_CHECK does to its server: what it adds to the
// weight, and whether it has failed. With weight 0 any number but 0 is a
// failure, with reverse 0 is. A product that no weight can bear is a failure.
func FileEffect(value int64, weight int, reverse bool) (added int64, failed bool) {
	if weight == 0 {
		return 0, (value != 0) != reverse
	}
	const most = 1 << 31 // beyond it only the sign counts, and nothing overflows
	product := min(max(value, -most), most) * int64(weight)
	if reverse {
		product = -product
	}
	if product <= -MostWeight {
		return 0, true
	}
	return min(product, MostWeight), false
}
