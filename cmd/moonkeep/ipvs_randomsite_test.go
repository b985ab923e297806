package main

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// randomLine is a line of a keepalived.conf, with what is in its braces.
type randomLine struct {
	text  string
	block []*randomLine
	// braces are there, also with nothing in them.
	braces bool
}

// randomSite is a configuration of the balancing part as an administrator might
// have written it, and what happens to its servers. The same seed makes the same.
type randomSite struct {
	seed  uint64
	lines []*randomLine
	steps []randomStep
	// plain leaves out what is only manner: comments, includes, definitions.
	plain bool
}

// randomStep is something that happens, at once for both daemons.
type randomStep struct {
	// down and up are the last parts of the addresses of servers.
	down, up []string
	// codes are what programs of MISC_CHECK exit with, files what tracked files hold.
	codes, files map[string]int
	// reload is the configuration from here on; nil is the same.
	reload []*randomLine
}

// randomizer makes the parts of a site.
type randomizer struct {
	*rand.Rand
	// groups are the names of the groups that were made, by their family.
	groups map[string]string
}

// The numbers of what checks follow.
const (
	randomServers = 6
	randomCodes   = 3
	randomFiles   = 2
)

func newRandomSite(seed uint64) *randomSite {
	z := &randomizer{rand.New(rand.NewPCG(seed, 7)), map[string]string{}}
	s := &randomSite{seed: seed, lines: z.site()}
	for range 2 + z.IntN(2) {
		s.steps = append(s.steps, z.step())
	}
	s.steps = append(s.steps, randomStep{reload: z.edited(s.lines)}, z.step())
	return s
}

func (z *randomizer) chance(percent int) bool { return z.IntN(100) < percent }

// one is one of some words that are divided by |; what is there twice is twice as likely.
func (z *randomizer) one(words string) string {
	all := strings.Split(words, "|")
	return all[z.IntN(len(all))]
}

func (z *randomizer) step() randomStep {
	s := randomStep{codes: map[string]int{}, files: map[string]int{}}
	for i := range randomServers {
		n := fmt.Sprint(i + 1)
		switch z.IntN(4) {
		case 0:
			s.down = append(s.down, n)
		case 1:
			s.up = append(s.up, n)
		}
	}
	for i := range randomCodes {
		if z.chance(60) {
			s.codes[fmt.Sprint(i+1)] = []int{0, 0, 1, 2, 3, 12, 42, 255}[z.IntN(8)]
		}
	}
	for i := range randomFiles {
		if z.chance(60) {
			s.files[fmt.Sprint(i+1)] = []int{0, 0, 1, 2, 5, -3, 100, -300, 300}[z.IntN(9)]
		}
	}
	return s
}

func said(format string, args ...any) *randomLine {
	return &randomLine{text: fmt.Sprintf(format, args...)}
}

func braced(text string, lines []*randomLine) *randomLine {
	return &randomLine{text: text, block: lines, braces: true}
}

func (z *randomizer) site() []*randomLine {
	global := []*randomLine{said("router_id LAB"), said("script_user root")}
	for _, may := range []string{"lvs_flush", "lvs_flush_on_stop", "lvs_flush_on_stop VS", "smtp_alert off", "rs_init_notifies", "checker_log_all_failures",
		"lvs_timeouts tcp 100 udp 50", "dynamic_interfaces", "smtp_alert_checker on"} {
		if z.chance(5) {
			global = append(global, said("%s", may))
		}
	}
	lines := []*randomLine{braced("global_defs", global)}
	for i := range randomFiles {
		file := []*randomLine{said("file DIR/file%d", i+1)}
		if z.chance(70) {
			file = append(file, said("weight %s%s", z.one("1|2|-1|-3|5|100|-254"), z.one("||| reverse| noreverse")))
		}
		lines = append(lines, braced(fmt.Sprintf("track_file f%d", i+1), file))
	}
	for i := range z.IntN(3) {
		lines = append(lines, z.group(fmt.Sprintf("g%d", i+1)))
	}
	for range 1 + z.IntN(4) {
		lines = append(lines, z.service())
	}
	if z.chance(10) { // the same for another port
		again := copied(lines[len(lines)-1:])[0]
		again.text = regexp.MustCompile(`^(virtual_server [0-9a-f.:]+) .*$`).ReplaceAllString(again.text, "${1} 8081")
		lines = append(lines, again)
	}
	apart(lines)
	if len(lines) > 5 && z.chance(10) { // the group behind who uses it
		last := len(lines) - 1
		lines[3], lines[last] = lines[last], lines[3]
	}
	return lines
}

// group is a virtual_server_group.
func (z *randomizer) group(name string) *randomLine {
	family := z.one("4|4|4|6|mark|both")
	z.groups[name] = family
	var lines []*randomLine
	for range 1 + z.IntN(4) {
		has := family
		if family == "both" {
			has = z.one("4|6|mark")
		} else if z.chance(15) {
			has = z.one("mark|4|6")
		}
		port := z.one("80|80|443|81|0|")
		if z.chance(80) {
			port = "80"
		}
		switch has {
		case "4":
			lines = append(lines, said("%s %s", z.one("10.9.N.1|10.9.N.2|10.9.N.3|10.9.N.4-6|10.9.N.4-10.9.N.6|10.9.N.16/30|10.9.N.4/31|10.9.N.250-255|10.9.N.9/32"), port))
		case "6":
			lines = append(lines, said("%s %s", z.one("fd00:9:0:N::1|fd00:9:0:N::2|fd00:9:0:N::3|fd00:9:0:N::4-6|fd00:9:0:N::4-fd00:9:0:N::6|fd00:9:0:N::10/126|fd00:9:0:N::fe-101|fd00:9:0:N::9/128"), port))
		default:
			lines = append(lines, said("fwmark N%d%s", 1+z.IntN(5), z.one("||| inet| inet6")))
		}
		if z.chance(8) && has == family {
			lines = append(lines, said("%s", map[string]string{"4": z.one("~SEQ(i, 2, 4) 10.9.N.$i 80|~LST(a, 10.9.N.1, 10.9.N.5) $a 80|~SEQ(p, 80, 3, 86) 10.9.N.2 $p"),
				"6": z.one("~SEQx(i, 9, 11) fd00:9:0:N::$i 80|~LST(a, fd00:9:0:N::1, fd00:9:0:N::5) $a 81"), "mark": z.one("~SEQ(i, 3) fwmark N$i|~SEQ(i, 4, -1, 2) fwmark N$i")}[family]))
		}
		if z.chance(3) {
			lines = append(lines, said("%s", z.one("fwmark 4294967295|fwmark 4294967296|fwmark|fd00:9:0:N::7/126 80|10.9.N.1/0 80|10.9.N.1/33 80|10.9.N.9-9 80|10.9.N.4-10.9.N.300 80|10.9.N.32-10.9.N.34 80 90|fd00:9:0:N::20-fd00:9:0:N::22 80|fd00:9:0:N::30/128 80|010.9.N.9 80|10.9.N.300 80|10.9.N.9-3 80|10.9.N.7/24 80|10.9.N.8 70000|fwmark x|fwmark 3 inet4|10.9.N.8 http|fd00:9:0:N::3-1 80|10.9.N.1-fd00:9:0:N::1 80|10.9.N.1-300 80")))
		}
	}
	for _, l := range lines { // no service is in two groups
		l.text = strings.ReplaceAll(l.text, "N", strings.TrimPrefix(name, "g"))
	}
	return braced("virtual_server_group "+name, lines)
}

// service is a virtual_server.
func (z *randomizer) service() *randomLine {
	family, mark := "4", false
	var title string
	switch z.IntN(10) {
	case 0, 1, 2, 3, 4:
		title = z.one("10.9.0.1|10.9.0.2|10.9.0.3") + " " + z.one("80|80|80|81|443|5060|0|")
	case 5:
		family = "6"
		title = z.one("fd00:9::1|fd00:9::2|fd00:9:0:0::3") + " " + z.one("80|80|81|443|0")
	case 6, 7:
		mark, family = true, z.one("4|4|6")
		title = fmt.Sprintf("fwmark %d", 1+z.IntN(5))
	default:
		name := z.one("g1|g2")
		if z.groups[name] == "" && z.chance(90) {
			return z.service()
		}
		if family = z.groups[name]; family == "mark" || family == "both" || family == "" {
			mark, family = true, z.one("4|4|6")
		}
		title = "group " + name
	}
	method := z.one("NAT|NAT|DR|TUN|TUN")
	var lines []*randomLine
	add := func(percent int, format string, args ...any) {
		if z.chance(percent) {
			lines = append(lines, said(format, args...))
		}
	}
	add(85, "%s %s", z.one("lb_algo|lb_algo|lvs_sched"), z.one("rr|wrr|lc|wlc|lblc|lblcr|sh|sh|mh|mh|dh|sed|nq|fo|ovf|twos"))
	for _, flag := range []string{"sh-port", "sh-fallback", "mh-port", "mh-fallback", "flag-1", "flag-2", "flag-3", "ops", "hashed"} {
		add(9, "%s", flag)
	}
	if z.chance(90) {
		lines = append(lines, said("%s %s", z.one("lb_kind|lb_kind|lvs_method"), z.method(method)))
	}
	protocol := z.one("TCP|TCP|TCP|UDP|SCTP|tcp|Udp")
	add(90, "protocol %s", protocol)
	if z.chance(25) {
		lines = append(lines, said("persistence_timeout %s", z.one("50|300|1|86400|")))
	}
	granularity := map[string]string{"4": z.one("255.255.255.0|255.255.0.0|24|255.255.255.255"), "6": z.one("64|128|48")}[family]
	if mark && granularity == "24" { // which would tell the other family
		granularity = "255.0.0.0"
	}
	add(8, "persistence_granularity %s", granularity)
	add(5, "persistence_engine sip")
	add(15, "ip_family %s", map[string]string{"4": "inet", "6": "inet6"}[family])
	add(30, "quorum %s", z.one("1|2|3|5|10|100|0"))
	add(20, "hysteresis %s", z.one("0|1|2|4|50"))
	add(12, "weight %s", z.one("1|2|7|100|65535"))
	add(12, "inhibit_on_failure")
	add(10, "alpha")
	add(8, "omega")
	add(10, "retry %s", z.one("1|2"))
	add(10, "virtualhost %s", z.one("www.example.com|a.example"))
	add(6, "smtp_alert")
	add(3, "ha_suspend")
	add(4, "quorum_up \"/bin/true up\"")
	add(4, "quorum_down /bin/true")
	lines = append(lines, said("delay_loop 1"), said("delay_before_retry 1"), said("connect_timeout 4"), said("warmup 0"))
	z.Shuffle(len(lines), func(i, k int) { lines[i], lines[k] = lines[k], lines[i] })
	if z.chance(40) {
		lines = append(lines, z.sorry(family, mark)...)
	}
	for range z.IntN(4) {
		lines = append(lines, z.server(family, mark))
	}
	if family == "4" && z.chance(5) {
		lines = append(lines, said("~SEQ(i, %d, 4) real_server 10.2.0.$i 80 { weight %s }", 1+z.IntN(3), z.one("$i|2")))
	}
	if family == "4" && z.chance(5) {
		lines = append(lines, said("~LST({a, w}, {10.2.0.%d, %s}, {10.2.0.%d, 4}) real_server $a 80 { weight $w }", 1+z.IntN(3), z.one("1|0|3"), 4+z.IntN(3)))
	}
	lines = append(lines, z.server(family, mark))
	lines = unambiguous(lines)
	if strings.HasPrefix(title, "group ") {
		// keepalived never checks the servers of a group of addresses then, which
		// CHANGELOG.md has among what is different.
		lines = slices.DeleteFunc(lines, func(l *randomLine) bool { return l.text == "ha_suspend" })
	}
	if z.chance(15) { // what counts for all, behind some
		i, k := z.IntN(len(lines)), z.IntN(len(lines))
		lines[i], lines[k] = lines[k], lines[i]
	}
	return braced("virtual_server "+title, z.slips(lines, randomServiceSlips))
}

// unambiguous leaves out servers that would be one in IPVS with another that was written
// with another port: with keepalived each of them makes and removes the one entry. So are
// those that are written again with weight 0, for one that is a sorry server too does not
// serve with keepalived when the quorum is lost from the start.
func unambiguous(lines []*randomLine) []*randomLine {
	ports := map[string]string{}
	for _, l := range lines {
		if words := strings.Fields(l.text); words[0] == "sorry_server" && len(words) > 1 {
			ports[words[1]] = strings.Join(words[2:], "")
		}
	}
	return slices.DeleteFunc(lines, func(l *randomLine) bool {
		words := strings.Fields(l.text)
		if words[0] != "real_server" && words[0][0] != '~' {
			return false
		}
		if words[0] != "real_server" {
			return len(ports) > 0 // which it might repeat
		}
		port := strings.Join(words[2:], "")
		first, there := ports[words[1]]
		if !there {
			ports[words[1]] = port
		}
		return there && (first != port || slices.ContainsFunc(l.block, func(l *randomLine) bool { return l.text == "weight 0" }))
	})
}

// apart sees to it that of virtual servers which are defined again no two have a server in
// common, nor a sorry server: with keepalived each of them has a quorum and makes and
// removes its own. Nor has one a scheduler that many kernels lack: the options of the other
// would count then.
func apart(lines []*randomLine) {
	first := map[string]*randomLine{}
	used := map[string]map[string]bool{}
	sorry := func(l *randomLine) bool { return strings.HasPrefix(l.text, "sorry_server ") }
	for _, v := range lines {
		name, is := strings.CutPrefix(v.text, "virtual_server ")
		if name = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(name), " 0")); !is {
			continue
		}
		before := first[name]
		if before == nil {
			first[name], used[name] = v, map[string]bool{}
		} else {
			before.block, v.block = slices.DeleteFunc(before.block, sorry), slices.DeleteFunc(v.block, sorry)
			for _, l := range slices.Concat(before.block, v.block) {
				if algorithm, is := strings.CutSuffix(l.text, " twos"); is {
					l.text = algorithm + " rr"
				}
			}
		}
		v.block = slices.DeleteFunc(v.block, func(l *randomLine) bool {
			words := strings.Fields(l.text)
			return before != nil && (words[0][0] == '~' || words[0] == "real_server" && used[name][words[1]])
		})
		for _, l := range v.block {
			if words := strings.Fields(l.text); words[0] == "real_server" {
				used[name][words[1]] = true
			} else if words[0][0] == '~' {
				for i := range randomServers {
					used[name][fmt.Sprintf("10.2.0.%d", i+1)] = true
				}
			}
		}
	}
}

// Lines that are no good where they stand, and that keepalived complains about
// and runs with.
const (
	randomServiceSlips = "frobnicate 3|uthreshold 5|quorum -1|quorum x|quorum 99999999999|hysteresis -1|lb_algo foo|lb_kind XX|lb_kind TUN type foo|protocol ICMP|persistence_timeout 0|" +
		"persistence_timeout x|persistence_granularity 129|persistence_granularity x|weight 0|weight 70000|weight -3|ip_family inet5|sh-port on|notify_up /bin/true|real_server|" +
		"inhibit_on_failure off|alpha off|quorum 2 3|lb_algo rr wrr|url /|retry 0|lb_kind nat|path /|weight 1.5|quorum 2x|hysteresis 1.5|ops off|persistence_engine foo|sorry_server_inhibit|" +
		"lb_kind TUN type gue|lb_kind DR type ipip|sorry_server_lvs_method DR|persistence_engine a_long_name_of_an_engine|sorry_server 10.2.0.300 80|sorry_server x"
	randomServerSlips = "frobnicate 3|quorum 2|lb_algo rr|lb_kind DR|lvs_method XX|weight 70000|weight -1|weight 2x|weight 65536|uthreshold -1|lthreshold x|inhibit_on_failure maybe|" +
		"alpha maybe|retry 0|persistence_timeout 50|protocol UDP|lvs_method TUN type gue|lvs_method TUN type ipip port 5|lvs_method TUN type gre remcsum|lvs_method TUN csum|weight 1.5|weight 3 4|" +
		"uthreshold 5000000000|sorry_server 10.2.0.9 80|connect_port 80|delay_loop 0|delay_loop x|url /|weight 01|weight 0x10"
)

// slips puts such a line among some, now and then.
func (z *randomizer) slips(lines []*randomLine, slips string) []*randomLine {
	for z.chance(12) {
		text := z.one(slips)
		if text == "real_server" || strings.HasPrefix(text, "real_server") {
			continue // keepalived stops
		}
		lines = slices.Insert(lines, z.IntN(len(lines)+1), said("%s", text))
	}
	return lines
}

// method is a way of forwarding with its options.
func (z *randomizer) method(kind string) string {
	if kind != "TUN" || z.chance(40) {
		return kind
	}
	return kind + " type " + z.one("ipip|gue port 6080|gre|gre csum|gue port 6081 csum|gue port 6082 remcsum|gre nocsum|gue port 6080 nocsum|ipip nocsum")
}

// address is that of a server, now and then of the other family. By a mark the first
// server tells the family.
func (z *randomizer) address(family string, mark bool) string {
	if z.chance(3) && !mark {
		family = map[string]string{"4": "6", "6": "4"}[family]
	}
	if family == "6" {
		return fmt.Sprintf("fd00:2::%d", 1+z.IntN(randomServers))
	}
	return fmt.Sprintf("10.2.0.%d", 1+z.IntN(randomServers))
}

func (z *randomizer) sorry(family string, mark bool) []*randomLine {
	lines := []*randomLine{said("sorry_server %s %s", z.address(family, mark), z.one("80|80|80|8080||0"))}
	if z.chance(30) {
		lines = append(lines, said("sorry_server_inhibit"))
	}
	if z.chance(25) {
		lines = append(lines, said("sorry_server_lvs_method %s", z.method(z.one("NAT|DR|TUN"))))
	}
	if z.chance(10) {
		slices.Reverse(lines)
	}
	return lines
}

// server is a real_server.
func (z *randomizer) server(family string, mark bool) *randomLine {
	address, port := z.address(family, mark), z.one("80|80|80|80|80|80|8080||0")
	var lines []*randomLine
	add := func(percent int, format string, args ...any) {
		if z.chance(percent) {
			lines = append(lines, said(format, args...))
		}
	}
	add(60, "weight %s", z.one("0|1|1|2|3|5|10|100|65535"))
	add(15, "lvs_method %s", z.method(z.one("NAT|DR|TUN|TUN")))
	add(10, "uthreshold %s", z.one("0|1|100|4294967295"))
	add(10, "lthreshold %s", z.one("0|1|50"))
	add(18, "inhibit_on_failure%s", z.one("||| true| false| on| off| yes| no"))
	add(12, "alpha%s", z.one("||| true| false| on| off"))
	add(5, "virtualhost b.example")
	add(5, "smtp_alert off")
	add(5, "delay_loop %s", z.one("1|0.5|1.2"))
	add(5, "retry %s", z.one("1|2"))
	add(5, "notify_up \"/bin/true up\"")
	add(5, "notify_down '/bin/true down'")
	z.Shuffle(len(lines), func(i, k int) { lines[i], lines[k] = lines[k], lines[i] })
	lines = z.slips(lines, randomServerSlips)
	// keepalived goes on with the checks of a server that it left out for its family,
	// in memory that was given back.
	checked := strings.Contains(address, ":") == (family == "6")
	for checked && z.chance(70) && len(lines) < 8 {
		c := z.check(port, mark)
		if z.chance(10) {
			lines = slices.Insert(lines, z.IntN(len(lines)+1), c)
		} else {
			lines = append(lines, c)
		}
		if z.chance(60) {
			break
		}
	}
	return braced(strings.TrimSpace("real_server "+address+" "+port), lines)
}

// check is a checker.
func (z *randomizer) check(port string, mark bool) *randomLine {
	var lines []*randomLine
	add := func(percent int, format string, args ...any) {
		if z.chance(percent) {
			lines = append(lines, said(format, args...))
		}
	}
	kind := z.one("TCP_CHECK|TCP_CHECK|TCP_CHECK|TCP_CHECK|HTTP_GET|HTTP_GET|SSL_GET|FILE_CHECK|FILE_CHECK|PING_CHECK|MISC_CHECK")
	switch kind {
	case "FILE_CHECK":
		lines = append(lines, said("track_file f%d", 1+z.IntN(randomFiles)))
		// Not 0 in reverse, which CHANGELOG.md has among what is different.
		add(50, "weight %s", z.one("0 noreverse|1|2|-2|10|-1|1 reverse|-1 reverse|2 noreverse"))
		return braced(kind, lines)
	case "MISC_CHECK":
		lines = append(lines, said("misc_path \"DIR/code %d\"", 1+z.IntN(randomCodes)), said("misc_timeout 9"))
		add(60, "misc_dynamic")
	case "HTTP_GET", "SSL_GET": // which nobody serves
		url := []*randomLine{said("path %s", z.one("/|/|/?a=b"))}
		if z.chance(70) {
			url = append(url, said("status_code %s", z.one("200|200|200-299|404|200 404")))
		}
		lines = append(lines, braced("url", url))
	}
	if kind != "MISC_CHECK" && kind != "PING_CHECK" && (mark || port == "" || port == "0" || z.chance(15)) {
		lines = append(lines, said("connect_port 80"))
	}
	if kind != "MISC_CHECK" {
		add(60, "connect_timeout 4")
		add(8, "connect_ip %s", z.one("10.2.0.2|10.2.0.5|fd00:2::4"))
	}
	add(60, "retry %s", z.one("0|0|1"))
	add(20, "delay_before_retry 1")
	add(10, "alpha%s", z.one("|| on| off| true"))
	add(5, "delay_loop %s", z.one("1|0.7"))
	add(10, "warmup %s", z.one("0|1"))
	add(3, "%s", z.one("frobnicate|weight 3|retry x|status_code 200|retry -1|alpha maybe"))
	z.Shuffle(len(lines), func(i, k int) { lines[i], lines[k] = lines[k], lines[i] })
	return braced(kind, lines)
}
