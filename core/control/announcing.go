package control

// Announcing is when an instance announces its addresses, by gratuitous ARP or
// unsolicited neighbour advertisements, with what presets and global settings gave it.
type Announcing struct {
	// Preset is the one that the instance names, empty for none.
	Preset string `json:"preset,omitempty"`
	// Repeat is how often each address is announced when it becomes MASTER, and again
	// after Delay; a Delay of 0 is no second burst.
	Repeat int     `json:"master_repeat"`
	Delay  float64 `json:"master_delay_s"`
	// Refresh is the time between further announcements while MASTER, 0 for none, and
	// RefreshRepeat how often each address is announced then.
	Refresh       float64 `json:"master_refresh_s"`
	RefreshRepeat int     `json:"master_refresh_repeat"`
	// LowerPrioRepeat and LowerPrioDelay are Repeat and Delay after an advert of lower
	// priority.
	LowerPrioRepeat int     `json:"lower_prio_repeat"`
	LowerPrioDelay  float64 `json:"lower_prio_delay_s"`
	// Interval is the least time between two gratuitous ARPs on an interface; another
	// instance on it may ask for a longer one.
	Interval float64 `json:"interval_s"`
}
