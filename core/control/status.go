package control

import (
	"fmt"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Status is what `moonkeep status --json` prints. Ages are in seconds before
// At; a null age means that it never happened.
type Status struct {
	At       time.Time `json:"at"`
	Version  string    `json:"version"`
	RouterID string    `json:"router_id"`
	PID      int       `json:"pid"`
	Uptime   float64   `json:"uptime_s"`
	Config   string    `json:"config"`
	// ConfigFiles are those of Config, the main one first; one may have blanks in its name.
	ConfigFiles []string `json:"config_files"`
	// Reloaded is when the configuration in force was read, and ReloadError
	// why the last reload was refused; empty when it was not.
	Reloaded    time.Time `json:"config_read_at"`
	ReloadError string    `json:"reload_error,omitempty"`
	// Lost are the lines and blocks of the configuration in force that have no
	// effect because of a mistake in them.
	Lost []Finding `json:"lost_lines,omitempty"`
	// Includes are the patterns by which files of the configuration were read.
	Includes []Include `json:"includes,omitempty"`
	// Maintenance is true when the node as a whole is in maintenance.
	Maintenance bool       `json:"maintenance"`
	Instances   []Instance `json:"instances"`
	Groups      []Group    `json:"sync_groups"`
	Scripts     []Script   `json:"scripts"`
	Sessions    []Session  `json:"bfd_sessions"`
	Static      []Static   `json:"static,omitempty"`
	Files       []File     `json:"track_files"`
	Processes   []Process  `json:"track_processes"`
	// Services are the virtual servers, and Probes what there is to tell of all
	// their checks together; null when there are none.
	Services []Service `json:"virtual_servers"`
	// IPVS is what is done to the kernel's table; null while it is left alone.
	IPVS   *IPVS   `json:"ipvs,omitempty"`
	Probes *Probes `json:"probes"`
	// Dropped counts packets that were dropped because the daemon was busy,
	// Strangers those of virtual routers that are not configured here.
	Dropped   uint64 `json:"packets_dropped"`
	Strangers uint64 `json:"packets_of_other_vrids"`
	// Unannounced counts announcements of addresses that could not be sent.
	Unannounced uint64 `json:"announcements_failed"`
	// Late is how many seconds after it was due something was done last, and
	// MostLate the most since the start: what the host costs in time.
	Late     float64 `json:"late_s"`
	MostLate float64 `json:"most_late_s"`
	// Notifications are what became of what was to be told.
	Notifications Notifications `json:"notifications"`
	// Plugins are the processes that make checks.
	Plugins []Plugin `json:"plugins,omitempty"`
	// Metrics are what Lua scripts publish.
	Metrics []Metric `json:"script_metrics,omitempty"`
}

// Metric is a measurement that a Lua script publishes.
type Metric struct {
	// Script says whose it is, for example "script nginx".
	Script  string            `json:"script"`
	Name    string            `json:"name"`
	Help    string            `json:"help,omitempty"`
	Counter bool              `json:"counter,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Value   float64           `json:"value"`
}

// Include is a pattern of files to read.
type Include struct {
	// Pattern is absolute.
	Pattern string `json:"pattern"`
	// Matched says that there was a file.
	Matched bool `json:"matched"`
}

// Instance is one virtual router.
type Instance struct {
	Name      string  `json:"name"`
	Interface string  `json:"interface"`
	Group     string  `json:"sync_group,omitempty"`
	Version   int     `json:"version"`
	VRID      int     `json:"virtual_router_id"`
	Role      string  `json:"role"`
	SinceAge  float64 `json:"role_age_s"`
	Why       string  `json:"why"`
	// Base and Effective are priorities; Terms says how the second comes
	// from the first.
	Base      int      `json:"base_priority"`
	Effective int      `json:"effective_priority"`
	Terms     []Term   `json:"priority_terms"`
	Faults    []string `json:"faults,omitempty"`
	Waiting   []string `json:"waiting_for,omitempty"`
	Leaving   bool     `json:"handing_over,omitempty"`
	// Maintenance is true while it must not be MASTER. Resting is true after a
	// failover while it does not preempt: for so many seconds, or until the other
	// node fails when RestEnd is null.
	Maintenance bool     `json:"maintenance"`
	Resting     bool     `json:"resting"`
	RestEnd     *float64 `json:"rest_ends_in_s"`
	// Addresses are the virtual addresses, each with whether the kernel has
	// it now.
	Addresses []Address `json:"addresses"`
	// Directions are the routes and rules that it owns with them, and Repaired
	// how often somebody removed something of all that.
	Directions []Direction `json:"routes_and_rules,omitempty"`
	Repaired   uint64      `json:"repaired,omitempty"`
	// Lacks is why a master serves without some of its routes or rules.
	Lacks string `json:"lacks,omitempty"`
	// HeldError says why the kernel could not be asked.
	HeldError string `json:"addresses_error,omitempty"`
	Source    string `json:"source,omitempty"`
	// Authentication is "none", "PASS", "AH" or "HMAC", with HMACMode, and
	// ActiveKey the number of the key that signs.
	Authentication string `json:"authentication"`
	HMACMode       string `json:"auth_hmac_mode,omitempty"`
	ActiveKey      int    `json:"auth_hmac_active_key,omitempty"`
	// Announcing is when it announces the addresses.
	Announcing *Announcing `json:"announcing,omitempty"`
	// Peers are those that adverts are sent to by unicast.
	Peers          []string `json:"unicast_peers,omitempty"`
	AdvertInterval float64  `json:"advert_interval_s"`
	MasterInterval float64  `json:"master_advert_interval_s"`
	MasterDownIn   *float64 `json:"master_down_in_s"`
	NextAdvertIn   *float64 `json:"next_advert_in_s"`
	SentAge        *float64 `json:"last_advert_sent_age_s"`
	HeardAge       *float64 `json:"last_advert_heard_age_s"`
	HeardFrom      string   `json:"last_advert_heard_from,omitempty"`
	HeardPriority  *int     `json:"last_advert_heard_priority"`
	// DualMaster is the other node that is MASTER too, empty while none is heard,
	// and DualMasterAge since when. DualMasters is how often that was since the
	// start, DualMasterTime how long in all.
	DualMaster     string   `json:"dual_master_peer,omitempty"`
	DualMasterAge  *float64 `json:"dual_master_age_s"`
	DualMasters    uint64   `json:"dual_masters"`
	DualMasterTime float64  `json:"dual_master_s"`
	Counters       Counters `json:"counters"`
}

// Term is one addend of an effective priority.
type Term struct {
	Tracker string `json:"tracker"`
	State   string `json:"state"`
	Weight  int    `json:"weight"`
	Value   int    `json:"value"`
}

// Address is a virtual address.
type Address struct {
	Address string `json:"address"`
	Device  string `json:"dev"`
	Held    bool   `json:"held"`
	// Kept says that it is the host's own, which stays whatever the role is.
	Kept bool `json:"kept,omitempty"`
}

// Counters are of an instance since the daemon started.
type Counters struct {
	Sent         uint64 `json:"adverts_sent"`
	Received     uint64 `json:"adverts_received"`
	SentZero     uint64 `json:"priority_zero_sent"`
	ReceivedZero uint64 `json:"priority_zero_received"`
	BecameMaster uint64 `json:"became_master"`
	LeftMaster   uint64 `json:"left_master"`
	Announced    uint64 `json:"announcement_bursts"`
	Conflicts    uint64 `json:"adverts_of_other_masters"`
	// OtherAddresses counts adverts that were taken although they list other
	// addresses than the instance has.
	OtherAddresses uint64 `json:"adverts_with_other_addresses"`
	// Unsigned counts adverts that were taken without a signature although
	// there are keys: while it grows, they must not be refused yet.
	Unsigned uint64 `json:"adverts_accepted_unsigned"`
	// Rejected has a stable word for each rule; RejectedWhy says each of them
	// in words.
	Rejected    map[string]uint64 `json:"adverts_rejected"`
	RejectedWhy map[string]string `json:"adverts_rejected_why"`
	// Keepalived has them by the names of keepalived's counters, those that
	// it has.
	Keepalived map[string]uint64 `json:"keepalived_counters"`
}

// Group is a sync group.
type Group struct {
	Name     string   `json:"name"`
	Role     string   `json:"role"`
	SinceAge float64  `json:"role_age_s"`
	Members  []string `json:"members"`
}

// Script is a check.
type Script struct {
	Name     string   `json:"name"`
	State    string   `json:"state"`
	SinceAge float64  `json:"state_age_s"`
	Used     bool     `json:"used"`
	Result   string   `json:"last_result,omitempty"`
	Message  string   `json:"last_message,omitempty"`
	RunAge   *float64 `json:"last_run_age_s"`
	Took     float64  `json:"last_run_took_s"`
	InARow   int      `json:"contradicting_in_a_row"`
	Rise     int      `json:"rise"`
	Fall     int      `json:"fall"`
	// Weight is what the script measured for the priority.
	Weight *int `json:"weight,omitempty"`
}

// Held returns which of the addresses stand in the kernel now.
type Held func([]netspec.Address) ([]netspec.Address, error)

// Describe turns a node's status into the shape for programs. held is asked
// once, for the addresses of all instances.
func Describe(s *node.Status, held Held) Status {
	out := Status{Instances: []Instance{}, Groups: []Group{}, Scripts: []Script{}, Sessions: []Session{}, Files: []File{}, Processes: []Process{}, Services: []Service{}, Strangers: s.Strangers, Maintenance: s.Maintenance, Notifications: Notifications{FIFOs: []FIFO{}}}
	age := func(t mono.Instant) *float64 {
		if t == mono.Never {
			return nil
		}
		return seconds(s.At.Sub(t))
	}
	in := func(t mono.Instant) *float64 {
		if t == mono.Never {
			return nil
		}
		return seconds(t.Sub(s.At))
	}
	var all []netspec.Address
	for i := range s.Instances {
		all = append(all, s.Instances[i].Addresses...)
	}
	there, err := held(all)
	stands := make(map[netspec.Address]bool, len(there))
	for _, a := range there {
		stands[a] = true
	}
	for i := range s.Instances {
		x := describe(&s.Instances[i], age, in, stands)
		if err != nil {
			x.HeldError = err.Error()
		}
		out.Instances = append(out.Instances, x)
	}
	for _, g := range s.Groups {
		out.Groups = append(out.Groups, Group{Name: g.Name, Role: g.Role.String(), SinceAge: *age(g.Since), Members: g.Members})
	}
	for i := range s.Sessions {
		out.Sessions = append(out.Sessions, describeSession(&s.Sessions[i], age))
	}
	for i := range s.Files {
		out.Files = append(out.Files, describeFile(&s.Files[i], age))
	}
	for i := range s.Processes {
		out.Processes = append(out.Processes, describeProcess(&s.Processes[i], age, in))
	}
	for _, c := range s.Scripts {
		x := Script{
			Name: c.Name, State: c.State, SinceAge: *age(c.Since), Used: c.Used, Message: c.Message,
			RunAge: age(c.Last), Took: c.Took.Seconds(), InARow: c.InARow, Rise: c.Rise, Fall: c.Fall, Weight: c.Weight,
		}
		if c.Last != mono.Never {
			x.Result = c.Result.String()
		}
		out.Scripts = append(out.Scripts, x)
	}
	return out
}

func describe(v *node.InstanceStatus, age, in func(mono.Instant) *float64, stands map[netspec.Address]bool) Instance {
	x := Instance{
		Name: v.Name, Interface: v.Interface, Group: v.Group, Version: int(v.Version), VRID: int(v.VRID),
		Role: v.Role.String(), SinceAge: *age(v.Since), Why: v.Why, Base: int(v.Base), Effective: int(v.Effective),
		Terms: []Term{}, Faults: v.Faults, Waiting: v.Waiting, Leaving: v.Leaving, Addresses: []Address{},
		Maintenance: v.Maintenance, Resting: v.Resting,
		AdvertInterval: v.Interval.Seconds(), MasterInterval: v.MasterInterval.Seconds(),
		MasterDownIn: in(v.MasterDown), NextAdvertIn: in(v.NextAdvert), SentAge: age(v.LastSent), HeardAge: age(v.LastHeard),
		Counters: counters(&v.Counts),
	}
	x.DualMasters, x.DualMasterTime = v.Dual.Times, v.Dual.Sum.Seconds()
	if v.Dual.On {
		x.DualMaster, x.DualMasterAge = v.Dual.Peer.String(), age(v.Dual.Since)
	}
	if v.Resting {
		x.RestEnd = in(v.RestEnd)
	}
	if v.Source.IsValid() {
		x.Source = v.Source.String()
	}
	if v.HeardFrom.IsValid() {
		p := int(v.HeardPriority)
		x.HeardFrom, x.HeardPriority = v.HeardFrom.String(), &p
	}
	x.Authentication, x.HMACMode = authentication(v)
	x.ActiveKey = int(v.Key)
	for _, p := range v.Peers {
		x.Peers = append(x.Peers, p.String())
	}
	for _, t := range v.Terms {
		x.Terms = append(x.Terms, Term{Tracker: t.Tracker, State: t.State, Weight: t.Weight, Value: t.Value})
	}
	for _, a := range v.Addresses {
		x.Addresses = append(x.Addresses, Address{Address: a.Prefix.String(), Device: a.Device, Held: stands[a]})
	}
	return x
}

// Keep marks the addresses of instances that are the host's own (engine.Plan.Keep).
func (s *Status) Keep(list []netspec.Address) {
	kept := make(map[Address]bool, len(list))
	for _, a := range list {
		kept[Address{Address: a.Prefix.String(), Device: a.Device}] = true
	}
	for i := range s.Instances {
		for k := range s.Instances[i].Addresses {
			a := &s.Instances[i].Addresses[k]
			a.Kept = kept[Address{Address: a.Address, Device: a.Device}]
		}
	}
}

// authentication names how adverts are authenticated, and the mode of HMAC.
func authentication(v *node.InstanceStatus) (kind, mode string) {
	switch v.HMAC {
	case vrrp.HMACEnforce:
		return "HMAC", "enforce"
	case vrrp.HMACPermissive:
		return "HMAC", "permissive"
	case vrrp.HMACReceiveOnly:
		return "HMAC", "receive-only"
	}
	switch v.Auth {
	case vrrp.AuthPass:
		return "PASS", ""
	case vrrp.AuthAH:
		return "AH", ""
	}
	return "none", ""
}

func counters(c *vrrp.Counters) Counters {
	x := Counters{
		Sent: c.Sent, Received: c.Received, SentZero: c.SentZero, ReceivedZero: c.ReceivedZero,
		BecameMaster: c.BecameMaster, LeftMaster: c.LeftMaster, Announced: c.Announced, Conflicts: c.Conflicts,
		OtherAddresses: c.AddressLists, Unsigned: c.Unsigned, Rejected: map[string]uint64{}, RejectedWhy: map[string]string{}, Keepalived: map[string]uint64{},
	}
	for i, n := range c.Rejected {
		if n > 0 {
			rule := vrrp.Rejection(i)
			x.Rejected[rule.Name()], x.RejectedWhy[rule.Name()] = n, rule.String()
			if key := rule.Key(); key != "" {
				x.Keepalived[key] += n
			}
		}
	}
	if c.AddressLists > 0 {
		x.Keepalived["addr_list_err"] += c.AddressLists
	}
	return x
}

func seconds(d time.Duration) *float64 {
	f := d.Seconds()
	return &f
}

// Arithmetic renders how an effective priority comes about, for example
// "100 - 20 (script nginx is down) = 80".
func (i *Instance) Arithmetic() string {
	var b strings.Builder
	fmt.Fprint(&b, i.Base)
	plain, sum := b.Len(), i.Base
	for _, t := range i.Terms {
		if t.Value == 0 {
			continue
		}
		sign := '+'
		if t.Value < 0 {
			sign = '-'
		}
		fmt.Fprintf(&b, " %c %d (%s is %s)", sign, max(t.Value, -t.Value), t.Tracker, t.State)
		sum += t.Value
	}
	if b.Len() == plain && i.Effective == i.Base {
		return b.String()
	}
	fmt.Fprintf(&b, " = %d", i.Effective)
	switch {
	case sum == i.Effective:
	case i.Base == 255:
		b.WriteString(" (an owner's priority does not move)")
	default:
		fmt.Fprintf(&b, " (%d, kept within 1..254)", sum)
	}
	return b.String()
}
