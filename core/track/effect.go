package track

// State is what is known of a tracked thing.
type State uint8

// The states. Unknown is before the first observation.
const (
	Unknown State = iota
	Up
	Down
)

// String returns the word that status uses.
func (s State) String() string {
	switch s {
	case Up:
		return "up"
	case Down:
		return "down"
	}
	return "unknown"
}

// Of returns Up or Down.
func Of(up bool) State {
	if up {
		return Up
	}
	return Down
}

// Effect returns what a tracker of this weight does to a router: the addend
// to its priority, and whether the router is at fault. An unknown tracker
// does neither. Reverse swaps up and down. It is what keepalived does.
func Effect(s State, weight int, reverse bool) (addend int, fault bool) {
	if s == Unknown {
		return 0, false
	}
	good := (s == Up) != reverse
	switch {
	case weight == 0:
		return 0, !good
	case weight > 0 && good:
		return weight, false
	case weight < 0 && !good:
		return weight, false
	}
	return 0, false
}

// Priority returns the effective priority: base plus sum, clamped to 1..254.
// A base of 255, the address owner's, never changes (RFC 9568 6.1).
func Priority(base uint8, sum int) uint8 {
	if base == 255 {
		return base
	}
	return uint8(min(max(int(base)+sum, 1), 254))
}
