package keepalived

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// valueLines are the lines of keepalived's dump that are compared.
func valueLines() map[string]bool {
	lines := map[string]bool{}
	for _, key := range []string{
		"VRRP Version", "Wantstate", "Gratuitous ARP delay", "Gratuitous ARP repeat", "Gratuitous ARP refresh", "Gratuitous ARP refresh repeat",
		"Gratuitous ARP lower priority delay", "Gratuitous ARP lower priority repeat", "Down timer adverts",
		"Send advert after receive lower priority advert", "Send advert after receive higher priority advert", "Virtual Router ID", "Priority",
		"Advert interval", "Preempt", "Preempt delay", "Interval", "Timeout", "Weight", "Rise", "Fall",
	} {
		lines[key] = true
	}
	return lines
}

// TestValues: what becomes of testdata/values.in is what keepalived 2.2.7 makes of it,
// as testdata/values.txt has it, but for what is listed here with its reason.
func TestValues(t *testing.T) {
	t.Parallel()
	const recorded = "testdata/values.txt"
	if *record {
		recordValues(t, recorded)
	}
	text, err := os.ReadFile("testdata/values.in")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	c, found := Read("values.in", text)
	if found.Errors() {
		t.Fatal(found)
	}
	theirs, ours := blocks(string(want)), valuesOf(c)
	if len(ours) != len(theirs) {
		t.Errorf("%d instances and scripts, want %d", len(ours), len(theirs))
	}
	differ := differences()
	for name, lines := range theirs {
		mine := ours[name]
		for i := range max(len(lines), len(mine)) {
			their, our := lineAt(lines, i), lineAt(mine, i)
			key := name + ": " + their
			switch expected, listed := differ[key]; {
			case listed && our == expected:
				delete(differ, key)
			case our != their:
				t.Errorf("%s: %q, and %q with keepalived", name, our, their)
			}
		}
	}
	for key := range differ {
		t.Errorf("listed, and no such difference: %s", key)
	}
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "nothing"
}

// blocks are the lines of a record by the name above them.
func blocks(text string) map[string][]string {
	all, of := map[string][]string{}, ""
	for line := range strings.Lines(text) {
		if word, inner := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "  "); inner {
			all[of] = append(all[of], word)
		} else {
			of = word
			all[of] = []string{}
		}
	}
	return all
}

// valuesOf writes a configuration as keepalived's dump has it.
func valuesOf(c *config.Config) map[string][]string {
	all := map[string][]string{}
	put := func(name, key string, value any) { all[name] = append(all[name], fmt.Sprint(key, " = ", value)) }
	for i := range c.Instances {
		in := &c.Instances[i]
		seconds := func(d time.Duration) int64 { return int64(d / time.Second) }
		put(in.Name, "VRRP Version", in.Version)
		put(in.Name, "Wantstate", map[bool]string{true: "MASTER", false: "BACKUP"}[bool(in.Master)])
		put(in.Name, "Gratuitous ARP delay", seconds(in.Garp.MasterDelay))
		put(in.Name, "Gratuitous ARP repeat", in.Garp.MasterRepeat)
		put(in.Name, "Gratuitous ARP refresh", seconds(in.Garp.MasterRefresh))
		put(in.Name, "Gratuitous ARP refresh repeat", in.Garp.MasterRefreshRepeat)
		put(in.Name, "Gratuitous ARP lower priority delay", seconds(in.Garp.LowerPrioDelay))
		put(in.Name, "Gratuitous ARP lower priority repeat", in.Garp.LowerPrioRepeat)
		put(in.Name, "Down timer adverts", in.DownTimerAdverts)
		put(in.Name, "Send advert after receive lower priority advert", !in.LowerPrioNoAdvert)
		put(in.Name, "Send advert after receive higher priority advert", in.HigherPrioSendAdvert != nil && *in.HigherPrioSendAdvert)
		put(in.Name, "Virtual Router ID", in.VRID)
		put(in.Name, "Priority", in.Priority)
		interval := fmt.Sprint(in.AdvertInt.Seconds(), " sec")
		if in.Version == 3 {
			interval = fmt.Sprint(in.AdvertInt.Milliseconds(), " milli-sec")
		}
		put(in.Name, "Advert interval", interval)
		put(in.Name, "Preempt", map[bool]string{true: "disabled", false: "enabled"}[in.NoPreempt])
		if in.PreemptDelay > 0 {
			put(in.Name, "Preempt delay", strconv.FormatFloat(in.PreemptDelay.Seconds(), 'g', -1, 64)+" secs")
		}
		for _, a := range in.Addresses {
			all[in.Name] = append(all[in.Name], "address "+addressLine(a))
		}
		for _, a := range in.Excluded {
			all[in.Name] = append(all[in.Name], "excluded "+addressLine(a))
		}
		for _, s := range in.TrackScripts {
			line := fmt.Sprintf("script %s weight %d", s.Name, s.Weight)
			if s.Reverse {
				line += " reverse"
			}
			all[in.Name] = append(all[in.Name], line)
		}
	}
	for i := range c.Scripts {
		s := &c.Scripts[i]
		put(s.Name, "Interval", fmt.Sprint(s.Interval.Seconds(), " sec"))
		timeout := s.Timeout
		if !s.Written.Has("timeout") {
			timeout = 0 // it is the interval
		}
		put(s.Name, "Timeout", fmt.Sprint(timeout.Seconds(), " sec"))
		weight := fmt.Sprint(s.Weight)
		if s.Reverse {
			weight += " reverse"
		}
		put(s.Name, "Weight", weight)
		put(s.Name, "Rise", s.Rise)
		put(s.Name, "Fall", s.Fall)
	}
	return all
}

func addressLine(a config.Address) string {
	line := a.Addr().String()
	if a.Prefix.Bits() < a.Addr().BitLen() {
		line = a.Prefix.String()
	}
	if a.Broadcast.IsValid() {
		line += " brd " + a.Broadcast.String()
	}
	line += fmt.Sprint(" dev ", a.Device, " scope ", a.Scope)
	if a.Label != "" {
		line += " label " + a.Label
	}
	return line
}

// differences are what is here where keepalived has something else: why.
func differences() map[string]string {
	// It is above all others there by the time of the dump.
	const elected = "i04: Wantstate = MASTER"
	all := map[string]string{elected: "Wantstate = BACKUP"}
	// The kernel gives an address of IPv6 the scope that it has, whatever is asked for.
	all["i64: address fe80::74/10 dev eth0 scope global"] = "address fe80::74/10 dev eth0 scope link"
	// keepalived says that it becomes 253, and the priority ends at 254 either way.
	all["s3: Weight = 254"] = "Weight = 253"
	all["i46: script s3 weight 254"] = "script s3 weight 253"
	// Strict routers announce, too: see strict.
	for _, name := range []string{"i35", "i36"} {
		all[name+": Gratuitous ARP lower priority delay = 0"] = "Gratuitous ARP lower priority delay = 2"
		all[name+": Gratuitous ARP lower priority repeat = 0"] = "Gratuitous ARP lower priority repeat = 3"
	}
	return all
}

// TestNoDigits: the line of a number without any digit counts for nothing, whatever the
// keyword, and is said to be otherwise in keepalived where it is.
func TestNoDigits(t *testing.T) {
	const zero, same = "; the line is ignored; keepalived takes 0 for most such words when it runs", "; the line is ignored, as by keepalived"
	site := func(script, instance, service, server, check string) string {
		return fmt.Sprintf("vrrp_script s {\nscript /bin/true\n%s\n}\nvrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n10.0.0.1\n}\ntrack_script {\ns\n}\n%s\n}\n"+
			"virtual_server 10.0.0.1 80 {\nprotocol TCP\nlb_algo rr\nlb_kind NAT\n%s\nreal_server 10.0.0.2 80 {\n%s\nTCP_CHECK {\n%s\n}\n}\n}\n", script, instance, service, server, check)
	}
	bare, found := Read("f", []byte(site("", "", "", "", "")))
	if found.Errors() {
		t.Fatal(found)
	}
	for _, test := range []struct{ text, what string }{
		{site("weight x", "", "", "", ""), zero},
		{site("rise x", "", "", "", ""), same},
		{site("", "garp_master_delay x", "", "", ""), zero},
		{site("", "advert_int x", "", "", ""), same},
		{site("", "", "hysteresis x", "", ""), zero},
		{site("", "", "quorum x", "", ""), same},
		{site("", "", "persistence_timeout x", "", ""), same},
		{site("", "", "", "weight x", ""), zero},
		{site("", "", "", "weight ''", ""), zero},
		{site("", "", "", "lthreshold x", ""), zero},
		{site("", "", "", "delay_before_retry x", ""), zero},
		{site("", "", "", "", "warmup x"), zero},
		{site("", "", "", "", "connect_timeout x"), same},
	} {
		c, found := Read("f", []byte(test.text))
		if len(found) != 1 || found[0].Name != "not-a-number" || !strings.Contains(found[0].Text, test.what) {
			t.Errorf("%s\n%v, want %s", test.text, found, test.what)
		}
		if got, want := dumped(c), dumped(bare); got != want {
			t.Errorf("%s\nis\n%s\nwant\n%s", test.text, got, want)
		}
	}
}

// TestPluginInServer: who takes the block of a plugin for a check is told its word.
func TestPluginInServer(t *testing.T) {
	_, found := Read("f", []byte(service("real_server 10.0.0.2 80 {\nplugin NTP {\n}\n}")))
	if len(found) == 0 || !strings.Contains(found[0].Text, "a check by a plugin is a PLUGIN_CHECK") {
		t.Errorf("got %v", found)
	}
}
