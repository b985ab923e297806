package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel/durable"
	"github.com/moonkeep/moonkeep/core/kernel/ipvs"
	"github.com/moonkeep/moonkeep/core/node"
)

// wishes are the words for what people want of a real server.
func wishes() map[string]node.Wish {
	all := map[string]node.Wish{}
	for _, w := range []node.Wish{node.WishAuto, node.WishDrain, node.WishDown, node.WishMaintenance} {
		all[w.String()] = w
	}
	return all
}

// Servers implements control.Operator. What people want is on disk when it is
// answered, and holds after a reload and a restart.
func (d *daemon) Servers(ctx context.Context, r control.ServersRequest) (control.Hands, error) {
	wish, known := wishes()[r.Wish]
	switch {
	case r.Wish != "" && !known:
		return control.Hands{}, fmt.Errorf("%q is nothing that can be wanted of a server: say auto, drain, down or maintenance", r.Wish)
	case r.Limit < 0:
		return control.Hands{}, errors.New("the time for connections to end is negative")
	case r.Weight != nil && *r.Weight > balance.MostWeight:
		return control.Hands{}, fmt.Errorf("the weight %d is above %d, the greatest that IPVS takes", *r.Weight, balance.MostWeight)
	}
	d.handling.Lock()
	defer d.handling.Unlock()
	before, err := d.engine.Hands(ctx)
	if err != nil {
		return control.Hands{}, err
	}
	names := append([]string{r.Server}, r.Servers...)
	named, err := allMeant(d.current(), before, r.Service, names)
	if err != nil {
		return control.Hands{}, err
	}
	was := make(map[handKey]node.Hand, len(before))
	for _, h := range before {
		was[keyOf(h)] = h
	}
	list := make([]node.Hand, len(named))
	for i, h := range named {
		meant := h.Everywhere
		h.Weight, h.Everywhere = -1, ""
		if b, is := was[keyOf(h)]; is {
			h = b
		}
		if r.Wish != "" || h.Wish == node.WishAuto { // else the weight alone is new, and what is wanted stays
			h.Everywhere = meant
		}
		if r.Wish != "" { // which is asked anew: its time begins
			h.Wish, h.Limit, h.Left = wish, time.Duration(r.Limit*float64(time.Second)), 0
		}
		if r.Weight != nil {
			h.Weight = max(-1, *r.Weight)
			h.WeightHere = r.Service != "" && h.Weight >= 0
		}
		list[i] = h
	}
	after, err := d.engine.Handle(ctx, append(list[:len(list):len(list)], elsewhere(before, list, names, r)...))
	if err != nil {
		d.hands.behind = true // a part may be done: watchDrains writes it down
		return control.Hands{}, err
	}
	if err := d.hands.write(after); err != nil {
		return control.Hands{}, fmt.Errorf("it is done, but a restart will not know of it: %w", err)
	}
	d.log.Info("real servers changed by hand", "of", firstOf(names, mostNamed), "service", r.Service, "wish", r.Wish, "by", control.Asker(ctx))
	var out control.Hands
	for _, h := range list {
		x := control.Hand{Service: h.Service, Server: h.Server, Wish: h.Wish.String(), Limit: h.Limit.Seconds()}
		if h.Weight >= 0 {
			x.Weight = &h.Weight
		}
		out.Servers = append(out.Servers, x)
	}
	return out, nil
}

// handsFile remembers in which real servers people have a hand.
type handsFile struct {
	path string
	// behind says that the last write failed, or that it is not known what there is to write.
	behind bool
}

// handJSON is one of them on disk.
type handJSON struct {
	Service string  `json:"service"`
	Server  string  `json:"server"`
	Wish    string  `json:"wish"`
	Limit   float64 `json:"limit_s,omitempty"`
	// Ends is when Limit is over, and Gone says that the place is gone already.
	Ends   time.Time `json:"ends,omitzero"`
	Gone   bool      `json:"gone,omitempty"`
	Weight int       `json:"weight"`
	// These are those of node.Hand.
	Everywhere string `json:"everywhere,omitempty"`
	WeightHere bool   `json:"weight_here,omitempty"`
}

func newHandsFile(dir string) handsFile { return handsFile{path: filepath.Join(dir, "servers.json")} }

// read returns what people wanted when the daemon ran last. A file that cannot
// be understood is an error: somebody works on a server that must get no
// clients.
func (f handsFile) read() (list []node.Hand, err error) {
	data, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was asked of real servers by hand: %w", err)
	}
	var all []handJSON
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("read what was asked of real servers by hand: %s: %w; remove the file if nothing was", f.path, err)
	}
	for _, h := range all {
		wish, known := wishes()[h.Wish]
		if !known {
			return nil, fmt.Errorf("read what was asked of real servers by hand: %s: %q is unknown", f.path, h.Wish)
		}
		x := node.Hand{Service: h.Service, Server: h.Server, Wish: wish, Limit: time.Duration(h.Limit * float64(time.Second)), Weight: h.Weight, Everywhere: canonical(h.Everywhere), WeightHere: h.WeightHere}
		if !h.Ends.IsZero() {
			// Not longer than it was asked for, whatever somebody did to the clock.
			x.Left = min(time.Until(h.Ends), x.Limit)
		}
		if h.Gone || !h.Ends.IsZero() && x.Left <= 0 {
			x.Left = -1
		}
		list = append(list, x)
	}
	return list, nil
}

// again writes what a write that failed did not, once the disk has room perhaps. It
// reports whether that is done.
func (f *handsFile) again(all func() ([]node.Hand, error)) bool {
	if !f.behind {
		return false
	}
	list, err := all()
	return err == nil && f.write(list) == nil
}

// write replaces the file; when people have a hand in none, there is none.
func (f *handsFile) write(list []node.Hand) error {
	f.behind = true
	if err := f.replace(list); err != nil {
		return err
	}
	f.behind = false
	return nil
}

func (f *handsFile) replace(list []node.Hand) error {
	if len(list) == 0 {
		if err := durable.Remove(f.path); err != nil {
			return fmt.Errorf("forget in which real servers people had a hand: %w", err)
		}
		return nil
	}
	all := make([]handJSON, len(list))
	for i, h := range list {
		all[i] = handJSON{Service: h.Service, Server: h.Server, Wish: h.Wish.String(), Limit: h.Limit.Seconds(), Gone: h.Left < 0, Weight: h.Weight, Everywhere: h.Everywhere, WeightHere: h.WeightHere}
		if h.Left > 0 {
			all[i].Ends = time.Now().Add(h.Left)
		}
	}
	if err := replaceDurably(f.path, all); err != nil {
		return fmt.Errorf("remember what was asked of real servers by hand: %w", err)
	}
	return nil
}

// drainEvery is how often the connections of servers that are drained are
// counted.
const drainEvery = time.Second

// watchDrains tells the node of servers that are drained, until ctx ends.
func (d *daemon) watchDrains(ctx context.Context) {
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	told := "" // why they cannot be counted, which is asked every second
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		d.writeAgain(ctx)
		if len(d.current().VirtualServers) == 0 {
			continue // to ask wakes the engine
		}
		list, err := d.engine.Draining(ctx)
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, engine.ErrStopped) {
				d.log.Warn("it is not known which servers are drained", "err", err)
			}
			continue
		}
		if len(list) == 0 {
			told = ""
			continue
		}
		busy, err := d.balance.busy(ctx, list)
		if err != nil {
			if ctx.Err() == nil && err.Error() != told {
				told = err.Error()
				d.log.Warn("the connections of servers that are drained cannot be counted; meanwhile they keep their places", "err", err)
			}
			continue
		}
		told = ""
		done := slices.DeleteFunc(list, func(x node.Draining) bool { return busy[x.Service+" "+x.Server] })
		if len(done) > 0 {
			d.drained(ctx, done)
		}
	}
}

// writeAgain has the disk know of what people want, if it does not.
func (d *daemon) writeAgain(ctx context.Context) {
	d.handling.Lock()
	defer d.handling.Unlock()
	if d.hands.again(func() ([]node.Hand, error) { return d.engine.Hands(ctx) }) {
		d.log.Info("what was asked of real servers by hand is on disk: a restart will know of it")
	}
}

// drained takes the places of servers away, and writes down that they are gone: a restart
// is not to bring them back to be drained once more.
func (d *daemon) drained(ctx context.Context, list []node.Draining) {
	d.handling.Lock()
	defer d.handling.Unlock()
	after, err := d.engine.Drained(ctx, list)
	if err == nil {
		err = d.hands.write(after)
	} else {
		d.hands.behind = true // a part may be done
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, engine.ErrStopped) {
		d.log.Warn("should the daemon restart, real servers that are drained come back to be drained again", "err", err)
	}
}

// busy says which of the servers have connections, by service and server. Of
// UDP, which knows no end of a connection, those count that the kernel has not
// forgotten.
func (b *balancer) busy(ctx context.Context, list []node.Draining) (map[string]bool, error) {
	var keys []balance.Key
	for _, x := range list {
		keys = append(keys, x.Keys...)
	}
	usage, err := b.keeper.Usage(ctx, keys)
	if err != nil {
		return nil, err
	}
	return busyOf(list, usage), nil
}

// busyOf says which of the servers have connections in what IPVS counts.
func busyOf(list []node.Draining, usage []ipvs.Usage) map[string]bool {
	at := make(map[balance.Key]*ipvs.Usage, len(usage))
	for i := range usage {
		at[usage[i].Key] = &usage[i]
	}
	busy := map[string]bool{}
	for _, x := range list {
		for _, k := range x.Keys {
			u := at[k]
			if u == nil {
				continue
			}
			for _, s := range u.Destinations {
				// Of one that has a weight yet the kernel has not heard of the drain.
				if s.Address == x.Address.In(k) && (s.Weight > 0 || connections(k, s) > 0) {
					busy[x.Service+" "+x.Server] = true
				}
			}
		}
	}
	return busy
}

func connections(k balance.Key, s ipvs.DestinationState) uint32 {
	if k.Protocol == balance.TCP || k.Protocol == balance.SCTP {
		return s.Active
	}
	return s.Active + s.Inactive
}
