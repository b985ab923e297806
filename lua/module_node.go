package lua

import (
	"context"
	"encoding/json"

	lua "github.com/yuin/gopher-lua"
)

func nodeModule() Module {
	list := func(name, doc string) Function {
		return Function{Name: name, Doc: doc, Returns: []Value{ret("table[]", "the list")}, Fails: true, call: func(c call) int { return c.statusList(name) }}
	}
	return Module{
		Name: "node",
		Doc: "This node as the daemon sees it. The tables have the names and values of `moonkeep status --json`; what is null there is json.null. " +
			"The functions that change something need `allow: [control]`.",
		Functions: []Function{
			{Name: "status", Doc: "everything", Returns: []Value{ret("table", "the status")}, Fails: true, call: nodeStatus},
			list("instances", "the virtual routers"),
			{
				Name: "instance", Doc: "one virtual router; nil and a reason when there is none of that name", Params: []Value{arg("name", "string", "the vrrp_instance's name")},
				Returns: []Value{ret("table", "the virtual router, with role, effective_priority and so on")}, Fails: true, call: nodeInstance,
			},
			list("sync_groups", "the sync groups"),
			list("trackers", "what is tracked: scripts, files, processes and BFD sessions, each with its kind"),
			list("peers", "the other nodes: whom adverts were heard from or are sent to, by instance"),
			list("real_servers", "the real servers, each with the virtual server that it belongs to"),
			{
				Name: "maintenance", Doc: "gives everything up to other nodes, or takes part again", Params: []Value{arg("on", "boolean", "whether")},
				Returns: []Value{ret("boolean", "true")}, Fails: true, Grant: GrantControl, Acts: true, call: nodeMaintenance,
			},
			{
				Name: "failover", Doc: "hands a virtual router over to another node", Params: []Value{arg("instance", "string", "its name")},
				Returns: []Value{ret("boolean", "true")}, Fails: true, Grant: GrantControl, Acts: true, call: nodeFailover,
			},
			{
				Name: "weight", Doc: "gives a real server a weight by hand, which holds until it is given back",
				Params:  []Value{arg("server", "string", "ADDRESS or ADDRESS:PORT"), arg("weight", "number", "the weight; a negative one gives it back to its checks")},
				Returns: []Value{ret("boolean", "true")}, Fails: true, Grant: GrantControl, Acts: true, call: nodeWeight,
			},
		},
	}
}

// status asks the daemon, and hands what of its answer part has a field for to use,
// which pushes what the function returns: a node may have thousands of instances and
// servers, and a script pays for what it asked for. A nil part is all.
func (c call) status(part any, use func(*lua.LTable) int) (pushed int) {
	if c.s.opts.Host.Status == nil {
		return c.fail("there is no daemon to ask")
	}
	text, err := c.s.opts.Host.Status(c.s.meter.ctx)
	if err != nil {
		return c.fail("%v", err)
	}
	c.s.compute(func() {
		if part != nil {
			text, err = c.reduced(text, part)
		}
		var value lua.LValue
		if err == nil {
			value, err = c.decode(text)
		}
		tb, ok := value.(*lua.LTable)
		switch {
		case err != nil:
			pushed = c.fail("%v", err)
		case !ok:
			pushed = c.fail("the daemon says nothing of itself")
		default:
			pushed = use(tb)
		}
	})
	return pushed
}

// reduced is JSON without what part has no field for.
func (c call) reduced(text []byte, part any) ([]byte, error) {
	c.s.meter.work(c.l, len(text)/8)
	if err := json.Unmarshal(text, part); err != nil {
		return nil, err
	}
	return json.Marshal(part)
}

func nodeStatus(c call) int { return c.status(nil, func(tb *lua.LTable) int { return c.push(tb) }) }

// statusList is each function that returns a list.
func (c call) statusList(what string) int {
	type raw = json.RawMessage
	list := func(name string) func(*lua.LTable) int {
		return func(tb *lua.LTable) int {
			if list, ok := tb.RawGetString(name).(*lua.LTable); ok {
				return c.push(list)
			}
			return c.push(c.l.NewTable())
		}
	}
	switch what {
	case "trackers":
		part := struct {
			Scripts   raw `json:"scripts,omitempty"`
			Files     raw `json:"track_files,omitempty"`
			Processes raw `json:"track_processes,omitempty"`
			Sessions  raw `json:"bfd_sessions,omitempty"`
		}{}
		return c.status(&part, func(tb *lua.LTable) int { return c.push(c.trackers(tb)) })
	case "peers":
		part := struct {
			Instances []struct {
				Name          raw `json:"name,omitempty"`
				Peers         raw `json:"unicast_peers,omitempty"`
				HeardFrom     raw `json:"last_advert_heard_from,omitempty"`
				HeardPriority raw `json:"last_advert_heard_priority,omitempty"`
				HeardAge      raw `json:"last_advert_heard_age_s,omitempty"`
			} `json:"instances"`
		}{}
		return c.status(&part, func(tb *lua.LTable) int { return c.push(c.peers(tb)) })
	case "real_servers":
		part := struct {
			Services []struct {
				Name    raw `json:"name,omitempty"`
				Servers raw `json:"real_servers,omitempty"`
			} `json:"virtual_servers"`
		}{}
		return c.status(&part, func(tb *lua.LTable) int { return c.push(c.realServers(tb)) })
	case "sync_groups":
		part := struct {
			Groups raw `json:"sync_groups,omitempty"`
		}{}
		return c.status(&part, list(what))
	}
	part := struct {
		Instances raw `json:"instances,omitempty"`
	}{}
	return c.status(&part, list(what))
}

// trackers are those of all kinds.
func (c call) trackers(status *lua.LTable) *lua.LTable {
	out := c.l.NewTable()
	for _, kind := range [...]struct{ key, name string }{{"scripts", "script"}, {"track_files", "file"}, {"track_processes", "process"}, {"bfd_sessions", "bfd"}} {
		each(status.RawGetString(kind.key), func(x *lua.LTable) {
			c.s.meter.charge(c.l, costField+costItem)
			x.RawSetString("kind", lua.LString(kind.name))
			out.Append(x)
		})
	}
	return out
}

// realServers are those of all virtual servers.
func (c call) realServers(status *lua.LTable) *lua.LTable {
	out := c.l.NewTable()
	each(status.RawGetString("virtual_servers"), func(vs *lua.LTable) {
		each(vs.RawGetString("real_servers"), func(rs *lua.LTable) {
			c.s.meter.charge(c.l, costField+costItem)
			rs.RawSetString("virtual_server", vs.RawGetString("name"))
			out.Append(rs)
		})
	})
	return out
}

// each calls f for each table of a list.
func each(list lua.LValue, f func(*lua.LTable)) {
	if tb, ok := list.(*lua.LTable); ok {
		for i := 1; i <= tb.Len(); i++ {
			if x, ok := tb.RawGetInt(i).(*lua.LTable); ok {
				f(x)
			}
		}
	}
}

// peers lists the other nodes: {instance=, address=, priority=, heard_age=}.
func (c call) peers(status *lua.LTable) *lua.LTable {
	out := c.l.NewTable()
	each(status.RawGetString("instances"), func(in *lua.LTable) {
		add := func(address lua.LValue) *lua.LTable {
			c.s.meter.charge(c.l, costTable+4*costField)
			peer := c.l.NewTable()
			peer.RawSetString("instance", in.RawGetString("name"))
			peer.RawSetString("address", address)
			out.Append(peer)
			return peer
		}
		heard := in.RawGetString("last_advert_heard_from")
		known := false
		if list, ok := in.RawGetString("unicast_peers").(*lua.LTable); ok {
			for i := 1; i <= list.Len(); i++ {
				peer := add(list.RawGetInt(i))
				if list.RawGetInt(i) == heard {
					known = true
					heardFrom(peer, in)
				}
			}
		}
		if !known && heard != lua.LNil {
			heardFrom(add(heard), in)
		}
	})
	return out
}

func heardFrom(peer, instance *lua.LTable) {
	peer.RawSetString("priority", instance.RawGetString("last_advert_heard_priority"))
	peer.RawSetString("heard_age", instance.RawGetString("last_advert_heard_age_s"))
}

// oneInstance is the instance of a name out of a list.
type oneInstance struct {
	name  string
	found json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneInstance) UnmarshalJSON(text []byte) error {
	var all []json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	for _, in := range all {
		var named struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(in, &named); err != nil {
			return err
		}
		if named.Name == o.name {
			o.found = in
		}
	}
	return nil
}

// MarshalJSON implements json.Marshaler: null when there is none.
func (o *oneInstance) MarshalJSON() ([]byte, error) { return json.Marshal(o.found) }

func nodeInstance(c call) int {
	part := struct {
		Instance oneInstance `json:"instances"`
	}{oneInstance{name: c.l.CheckString(1)}}
	return c.status(&part, func(tb *lua.LTable) int {
		found, ok := tb.RawGetString("instances").(*lua.LTable)
		if !ok {
			return c.fail("there is no instance %s", part.Instance.name)
		}
		return c.push(found)
	})
}

// control calls one of the functions that change something.
func (c call) control(do func(context.Context, Control) error) int {
	if c.s.opts.Host.Control == nil {
		return c.fail("this cannot be steered here: there is no daemon, or it does not take part in that")
	}
	if err := do(c.s.meter.ctx, c.s.opts.Host.Control); err != nil {
		return c.fail("%v", err)
	}
	return c.push(lua.LTrue)
}

func nodeMaintenance(c call) int {
	on := c.l.CheckBool(1)
	return c.control(func(ctx context.Context, to Control) error { return to.Maintenance(ctx, on) })
}

func nodeFailover(c call) int {
	name := c.l.CheckString(1)
	return c.control(func(ctx context.Context, to Control) error { return to.Failover(ctx, name) })
}

func nodeWeight(c call) int {
	server, weight := c.l.CheckString(1), c.l.CheckInt(2)
	return c.control(func(ctx context.Context, to Control) error { return to.Weight(ctx, server, weight) })
}
