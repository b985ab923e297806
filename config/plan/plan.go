// Package plan says what a reload from one configuration to another would do,
// item by item: what changes, what that does to the service and for how long,
// and what cannot change without a restart.
//
// It is a function of two configurations that were read without an error. It
// knows nothing of the node's present roles: where the effect depends on them
// it says so, and a duration is the longest that it can be. What it says of
// the protocol is what core/node's Reconfigure does; moonkeep plan prints it.
package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// Effect is what a change does, from the harmless to the grave.
type Effect uint8

// The effects.
const (
	// Ignored is not acted on by this version, before and after.
	Ignored Effect = iota
	// Nothing disturbs nobody: it takes effect while the service goes on.
	Nothing
	// Restart has no effect until the daemon is restarted.
	Restart
	// Shifts may send clients to other real servers, or to the sorry server and back.
	Shifts
	// Moves may move the role of an instance to another node or from there;
	// that is a hand-over, not an outage.
	Moves
	// Divides makes nodes that are not changed as well refuse this node's
	// adverts: as long as they differ both may be master.
	Divides
	// Interrupts takes addresses away, at least for a time.
	Interrupts
	// Refused cannot be run by this version: the reload would be refused.
	Refused
)

// String returns the word of programs.
func (e Effect) String() string {
	return [...]string{"ignored", "nothing", "restart", "shifts", "moves", "divides", "interrupts", "refused"}[e]
}

// Item is one change and what it does.
type Item struct {
	// What is "added", "removed", "changed" or "reordered".
	What string
	// Path names the place in native keys.
	Path string
	// Old and New are the values on one line, empty for what has none and
	// for secrets.
	Old, New string
	Effect   Effect
	// Why says in a sentence what happens.
	Why string
	// Outage is how long addresses are away at most, when a backup is there
	// to take over; zero when they are not, or for good.
	Outage time.Duration
	// At is where the new value stands, or the old one when it is gone.
	At config.Position
}

// Compare returns what a reload from old to new would do, in the order of
// the configuration.
func Compare(s *schema.Schema, old, new *config.Config) []Item {
	from, renamed := align(old, new)
	items := renamed
	for _, c := range s.Diff(from, new) {
		items = append(items, item(&c, old, new))
	}
	return items
}

// Worst returns the gravest effect and the longest outage among items.
func Worst(items []Item) (Effect, time.Duration) {
	var effect Effect
	var outage time.Duration
	for i := range items {
		effect, outage = max(effect, items[i].Effect), max(outage, items[i].Outage)
	}
	return effect, outage
}

// align returns old with the names of new for instances that are the same to
// the node: those with the same interface, virtual router and family, as in
// keepalived.
func align(old, new *config.Config) (*config.Config, []Item) {
	was := make(map[router]int)
	for i := range old.Instances {
		was[routerOf(&old.Instances[i])] = i
	}
	names := make(map[string]bool)
	for i := range new.Instances {
		names[new.Instances[i].Name] = true
	}
	var items []Item
	aligned := *old
	for i := range new.Instances {
		in := &new.Instances[i]
		k, ok := was[routerOf(in)]
		if !ok || old.Instances[k].Name == in.Name || names[old.Instances[k].Name] {
			continue
		}
		if len(items) == 0 {
			aligned.Instances = slices.Clone(old.Instances)
			aligned.Groups = slices.Clone(old.Groups)
		}
		before := old.Instances[k].Name
		aligned.Instances[k].Name = in.Name
		for g := range aligned.Groups {
			if m := slices.Index(aligned.Groups[g].Members, before); m >= 0 {
				aligned.Groups[g].Members = slices.Clone(aligned.Groups[g].Members)
				aligned.Groups[g].Members[m] = in.Name
			}
		}
		items = append(items, Item{
			What: "changed", Path: "vrrp_instances " + before + ": name", Old: before, New: in.Name, Effect: Nothing,
			Why: "interface and virtual_router_id are the same, so it keeps its role, timers and addresses", At: in.At,
		})
	}
	return &aligned, items
}

// router tells virtual routers apart; device is the interface, and what of an
// own one on it carries adverts.
type router struct {
	device string
	vrid   int
	six    bool
}

func routerOf(in *config.Instance) router {
	carrier := in.Place(in.Interface)
	switch {
	case in.XmitBase():
	case in.UseVMAC != nil:
		carrier += " use_vmac " + in.UseVMAC.Name
	case in.UseIPVLAN != nil:
		carrier += " use_ipvlan " + in.UseIPVLAN.Name
	}
	return router{carrier, in.VRID, len(in.Addresses) > 0 && in.Addresses[0].Addr().Is6()}
}

func item(c *schema.Change, old, new *config.Config) Item {
	out := Item{What: "changed", Path: c.Path, Old: c.Old, New: c.New, At: c.At}
	switch {
	case c.Kind == schema.Moved:
		out.What = "reordered"
	case c.Field == nil && c.Kind == schema.Added:
		out.What = "added"
	case c.Field == nil && c.Kind == schema.Removed:
		out.What = "removed"
	}
	for _, p := range c.Blocks {
		if p.Field != nil && ruled(&out, p.Field) {
			return out
		}
	}
	if c.Field != nil && ruled(&out, c.Field) {
		return out
	}
	if len(c.Blocks) < 2 {
		out.Effect, out.Why = Nothing, "it takes effect at once"
		return out
	}
	judge(&out, c, old, new)
	return out
}

// ruled judges what this version does not act on.
func ruled(out *Item, f *schema.Field) bool {
	switch {
	case f.Unbuilt != "":
		out.Effect, out.Why = Refused, fmt.Sprintf("%s is not built yet: %s", f.Key, f.Unbuilt)
	case f.Idle != "":
		out.Effect, out.Why = Ignored, fmt.Sprintf("%s is not acted on: %s", f.Key, f.Idle)
	default:
		return false
	}
	return true
}

// key is the native key that changed, below the item of a root's list: the
// keys of nested blocks and of the field, with dots; empty for the item as a
// whole.
func key(c *schema.Change) string {
	text := ""
	for _, p := range c.Blocks[min(2, len(c.Blocks)):] {
		text += p.Field.Key + "."
	}
	if c.Field != nil {
		return text + c.Field.Key
	}
	return cmp.Or(text, ".")[:max(0, len(text)-1)]
}
