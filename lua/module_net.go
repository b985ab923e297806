package lua

import (
	"bufio"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// maxEntries is how many routes or neighbours a script sees. A router may have
// a million of them.
const maxEntries = 2000

func netModule() Module {
	family := []Value{opt("family", "string", `"inet" or "inet6"; both unless given`)}
	counters := "the counters of /sys/class/net, by name: rx_bytes, tx_errors and so on"
	return Module{
		Name: "net",
		Doc:  "The network of this host, to read. It is that of the daemon's network namespace.",
		Functions: []Function{
			{Name: "interfaces", Doc: "all interfaces", Returns: []Value{ret("net.Interface[]", "the interfaces")}, Fails: true, call: netInterfaces},
			{Name: "interface", Doc: "one interface; nil and a reason when it is not there", Params: []Value{arg("name", "string", "its name")}, Returns: []Value{ret("net.Interface", "the interface")}, Fails: true, call: netInterface},
			{Name: "routes", Doc: "the routes of all tables, at most 2,000", Options: family, Returns: []Value{ret("net.Route[]", "the routes")}, Fails: true, Acts: true, call: netRoutes, accept: func(c call) { c.family() }},
			{Name: "neighbours", Doc: "the entries of the ARP and neighbour tables, at most 2,000", Options: family, Returns: []Value{ret("net.Neighbour[]", "the entries")}, Fails: true, Acts: true, call: netNeighbours, accept: func(c call) { c.family() }},
			{Name: "conntrack", Doc: "how full the table of connections is and its counters; nil and a reason where there is none", Returns: []Value{ret("table<string, number>", "count, max, and the sums over all processors by the kernel's names: insert_failed, drop, early_drop and so on")}, Fails: true, call: netConntrack},
			{Name: "ipvs", Doc: "the counters of IPVS since it was loaded; nil and a reason where there is none", Returns: []Value{ret("table<string, number>", "connections, in_packets, out_packets, in_bytes, out_bytes")}, Fails: true, call: netIPVS},
		},
		Classes: []Class{
			{Name: "net.Interface", Doc: "An interface.", Fields: []Value{
				arg("name", "string", "its name"), arg("index", "integer", "its number"), arg("mtu", "integer", "the largest packet").in("octets"),
				arg("up", "boolean", "whether it is switched on"), arg("carrier", "boolean", "whether it has a link"),
				arg("mac", "string", "its hardware address, empty when it has none"),
				arg("addresses", "string[]", "its addresses, each with its prefix's length"),
				arg("counters", "table<string, number>", counters),
			}},
			{Name: "net.Route", Doc: "A route.", Fields: []Value{
				arg("destination", "string", `a prefix, or "default"`), opt("gateway", "string", "the next hop"), opt("interface", "string", "where it leads out"),
				opt("source", "string", "the preferred source address"), opt("metric", "integer", "the lower one counts"), arg("table", "integer", "254 is the main one"),
				arg("protocol", "integer", "who set it; 2 is the kernel"),
			}},
			{Name: "net.Neighbour", Doc: "An entry of the neighbour table.", Fields: []Value{
				arg("address", "string", "the address"), opt("mac", "string", "its hardware address"), arg("interface", "string", "where it is"),
				arg("state", "string", "reachable, stale, delay, probe, failed, noarp, permanent or incomplete"),
			}},
		},
	}
}

func netInterfaces(c call) int {
	all, err := net.Interfaces()
	if err != nil {
		return c.fail("%v", err)
	}
	list := c.l.NewTable()
	for i := range all {
		tb, err := c.interfaceTable(&all[i])
		if err != nil {
			return c.fail("%v", err)
		}
		list.Append(tb)
	}
	return c.push(list)
}

func netInterface(c call) int {
	name := c.l.CheckString(1)
	x, err := net.InterfaceByName(name)
	if err != nil {
		return c.fail("interface %s is not there", name)
	}
	tb, err := c.interfaceTable(x)
	if err != nil {
		return c.fail("%v", err)
	}
	return c.push(tb)
}

func (c call) interfaceTable(x *net.Interface) (*lua.LTable, error) {
	addresses, err := x.Addrs()
	if err != nil {
		return nil, err
	}
	c.s.meter.charge(c.l, 8<<10)
	tb := c.l.NewTable()
	tb.RawSetString("name", lua.LString(x.Name))
	tb.RawSetString("index", lua.LNumber(x.Index))
	tb.RawSetString("mtu", lua.LNumber(x.MTU))
	tb.RawSetString("up", lua.LBool(x.Flags&net.FlagUp != 0))
	tb.RawSetString("carrier", lua.LBool(x.Flags&net.FlagRunning != 0))
	tb.RawSetString("mac", lua.LString(x.HardwareAddr.String()))
	list := c.l.NewTable()
	for _, a := range addresses {
		c.s.meter.charge(c.l, 2*costItem+32)
		list.Append(lua.LString(a.String()))
	}
	tb.RawSetString("addresses", list)
	counters := c.l.NewTable()
	dir := filepath.Join("/sys/class/net", x.Name, "statistics")
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // without /sys there are none
		return nil, err
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // the interface is going away
		}
		if n, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64); err == nil {
			counters.RawSetString(e.Name(), lua.LNumber(n))
		}
	}
	tb.RawSetString("counters", counters)
	return tb, nil
}

// family returns the address families that the options ask for.
func (c call) family() []byte {
	switch text := c.options().text("family"); text {
	case "":
		return []byte{familyInet, familyInet6}
	case "inet":
		return []byte{familyInet}
	case "inet6":
		return []byte{familyInet6}
	default:
		c.l.RaiseError("%s: family must be \"inet\" or \"inet6\", not %q", c.name, brief(text))
		return nil
	}
}

func netRoutes(c call) int {
	list := c.l.NewTable()
	err := c.dump(routeDump, func(r *routeEntry) {
		tb := c.l.NewTable()
		tb.RawSetString("destination", lua.LString(r.destination))
		c.setText(tb, "gateway", r.gateway)
		c.setText(tb, "interface", r.device)
		c.setText(tb, "source", r.source)
		if r.metric != 0 {
			tb.RawSetString("metric", lua.LNumber(r.metric))
		}
		tb.RawSetString("table", lua.LNumber(r.table))
		tb.RawSetString("protocol", lua.LNumber(r.protocol))
		list.Append(tb)
	})
	if err != nil {
		return c.fail("%v", err)
	}
	return c.push(list)
}

func netNeighbours(c call) int {
	list := c.l.NewTable()
	err := c.dump(neighbourDump, func(r *routeEntry) {
		tb := c.l.NewTable()
		tb.RawSetString("address", lua.LString(r.destination))
		c.setText(tb, "mac", r.mac)
		c.setText(tb, "interface", r.device)
		tb.RawSetString("state", lua.LString(r.state))
		list.Append(tb)
	})
	if err != nil {
		return c.fail("%v", err)
	}
	return c.push(list)
}

// setText sets a field unless the text is empty.
func (c call) setText(tb *lua.LTable, name, text string) {
	if text != "" {
		tb.RawSetString(name, lua.LString(text))
	}
}

// dump asks the kernel for a table and hands over its entries, maxEntries at
// most.
func (c call) dump(what dumpKind, take func(*routeEntry)) error {
	left := maxEntries
	names := map[int]string{}
	for _, family := range c.family() {
		err := dumpTable(c.s.meter.ctx, what, family, func(r *routeEntry) bool {
			if r.index != 0 && r.device == "" {
				if _, known := names[r.index]; !known {
					if x, err := net.InterfaceByIndex(r.index); err == nil {
						names[r.index] = x.Name
					}
				}
				r.device = names[r.index]
			}
			c.s.meter.charge(c.l, costTable+7*costField)
			take(r)
			left--
			return left > 0
		})
		if err != nil || left <= 0 {
			return err
		}
	}
	return nil
}

// netConntrack is net.conntrack().
func netConntrack(c call) int {
	tb := c.l.NewTable()
	for _, name := range []string{"count", "max"} {
		text, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_" + name)
		if err != nil {
			return c.fail("the kernel follows no connections here: %v", err)
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
		if err != nil {
			return c.fail("nf_conntrack_%s: %v", name, err)
		}
		tb.RawSetString(name, lua.LNumber(n))
	}
	// A line of names, and a line of hexadecimal numbers for each processor.
	file, err := os.Open("/proc/net/stat/nf_conntrack")
	if errors.Is(err, fs.ErrNotExist) {
		return c.push(tb)
	}
	if err != nil {
		return c.fail("%v", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Scan()
	names, sums := strings.Fields(lines.Text()), map[string]uint64{}
	for lines.Scan() {
		for i, word := range strings.Fields(lines.Text()) {
			if n, err := strconv.ParseUint(word, 16, 64); err == nil && i < len(names) && names[i] != "entries" {
				sums[names[i]] += n
			}
		}
	}
	for name, n := range sums {
		c.s.meter.charge(c.l, costField)
		tb.RawSetString(name, lua.LNumber(n))
	}
	return c.push(tb)
}

// netIPVS is net.ipvs().
func netIPVS(c call) int {
	text, err := readProc("/proc/net/ip_vs_stats")
	if err != nil {
		return c.fail("the kernel has no IPVS here: %v", err)
	}
	names := []string{"connections", "in_packets", "out_packets", "in_bytes", "out_bytes"}
	// The numbers are hexadecimal; those of the first such line count from
	// the beginning, those of the second are rates.
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != len(names) || slices.ContainsFunc(words, func(w string) bool { _, err := strconv.ParseUint(w, 16, 64); return err != nil }) {
			continue
		}
		tb := c.l.NewTable()
		for i, word := range words {
			n, _ := strconv.ParseUint(word, 16, 64)
			tb.RawSetString(names[i], lua.LNumber(n))
		}
		return c.push(tb)
	}
	return c.fail("/proc/net/ip_vs_stats: no line has the five counters")
}

// readProc reads a small file of /proc.
func readProc(path string) (string, error) {
	text, err := os.ReadFile(path)
	return string(text), err
}
