package keepalived

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// service is a virtual server of TCP with further lines and one real server
// unless the lines have one.
func service(lines string) string {
	text := instanceText(oneAddress) + "\ntrack_file tf {\nfile /x\n}\nbfd_instance bf {\nneighbor_ip 10.0.0.3\n}\n" +
		"virtual_server 10.0.0.1 80 {\nprotocol TCP\n"
	if !strings.Contains(lines, "lb_kind") {
		text += "lb_kind NAT\n"
	}
	if !strings.Contains(lines, "lb_algo") {
		text += "lb_algo rr\n"
	}
	if !strings.Contains(lines, "real_server") {
		lines += "\nreal_server 10.0.0.2 80 {\n}"
	}
	return text + lines + "\n}\n"
}

// checkText is a service whose real server has one check.
func checkText(kind, lines string) string {
	return service("real_server 10.0.0.2 80 {\n" + kind + " {\n" + lines + "\n}\n}")
}

// lvsFindings are the findings but for those about what is not built.
func lvsFindings(text string) []string {
	_, findings := Read("f", []byte(text))
	return names(unlike(findings, "not-acted-on"))
}

// TestServices holds what is said about virtual servers that keepalived takes
// in a way of its own, or leaves out.
func TestServices(t *testing.T) {
	bare := instanceText(oneAddress) + "\n"
	served := "\nvirtual_server group g {\nprotocol TCP\nlb_algo rr\ndelay_loop 5\nlb_kind NAT\nreal_server 10.0.0.2 80 {\n}\n}"
	grouped := bare + "virtual_server_group g {\n10.0.0.1 80\n}\nvirtual_server group g {\nprotocol TCP\nlb_algo rr\ndelay_loop 5\nlb_kind NAT\n" +
		"real_server 10.0.0.2 80 {\n}\npersistence_timeout 5\n"
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"sound":              {service(""), nil},
		"no port":            {strings.Replace(service(""), "10.0.0.1 80 {", "10.0.0.1 {", 1), []string{"warning port-zero"}},
		"persistent":         {strings.Replace(service("persistence_timeout 5"), "10.0.0.1 80 {", "10.0.0.1 {", 1), nil},
		"a port for DR":      {service("lb_kind DR\nreal_server 10.0.0.2 81 {\n}"), []string{"warning port-forced"}},
		"the port for DR":    {service("lb_kind DR\nreal_server 10.0.0.2 {\n}"), nil},
		"a port of its own":  {service("lb_kind DR\nreal_server 10.0.0.2 81 {\nlvs_method NAT\n}"), nil},
		"a sorry port":       {service("lb_kind TUN\nsorry_server 10.0.0.9 81"), []string{"warning port-forced"}},
		"nothing written":    {bare + "virtual_server 10.0.0.1 80 {\nreal_server 10.0.0.2 80 {\n}\n}", []string{"warning lvs-default"}},
		"none of its family": {service("real_server 2001:db8::2 80 {\n}"), []string{"warning no-real-server", "warning family-mismatch"}},
		"no real server":     {bare + "virtual_server 10.0.0.1 80 {\nprotocol TCP\n}", []string{"warning no-real-server"}},
		"a misspelt one":     {bare + "virtual_server 10.0.0.1 80 {\nprotocol TCP\nreal_sever 10.0.0.2 {\n}\n}", []string{"warning no-real-server", "warning unknown-keyword"}},
		"a misspelt line":    {bare + "virtual_server 10.0.0.1 80 {\nprotocol TCP\nreal_sever 10.0.0.2\n}", []string{"warning no-real-server", "warning unknown-keyword"}},
		"a wide range":       {bare + "virtual_server_group g {\n10.0.0.0/15 80\n}" + served, []string{"error group-range"}},
		"wide, of nobody":    {bare + "virtual_server_group g {\n10.0.0.0/15 80\n}", nil},
		"wide together":      {bare + "virtual_server_group g {\n10.0.0.0/16 80\n10.1.0.1 80\n}" + served, []string{"error group-range"}},
		"wide of IPv6":       {bare + "virtual_server_group g {\nfd00:9::/64 80\n}", []string{"warning range-cut"}},
		"cut to the end":     {bare + "virtual_server_group g {\nfd00:9::1-fd00:9::1:5 80\n}", []string{"warning range-cut"}},
		"for ever":           {bare + "virtual_server_group g {\nfd00:9::6-fd00:9::2:5 80\n}" + strings.Replace(served, "10.0.0.2", "fd00::2", 1), []string{"error group-range"}},
		"a zone":             {strings.Replace(service(""), "10.0.0.1 80 {", "fe80::1%eth0 80 {", 1), []string{"warning bad-address"}},
		"a server's zone":    {service("real_server fe80::1%eth0 80 {\n}"), []string{"warning no-real-server", "warning bad-address"}},
		"a group twice":      {bare + "virtual_server_group g {\n10.0.0.1\n}\nvirtual_server_group g {\n10.0.0.2\n}", []string{"warning duplicate-name"}},
		"a group of both":    {bare + "virtual_server_group g {\n10.0.0.1 80\nfd00::1 80\nfwmark 3 inet\n}\nvirtual_server group g {\nprotocol TCP\nlb_algo rr\ndelay_loop 5\nlb_kind NAT\nreal_server 10.0.0.2 80 {\n}\n}", []string{"warning family-mismatch"}},
		"both and a mark":    {bare + "virtual_server_group g {\n10.0.0.1 80\nfwmark 3 inet6\nfwmark 4\n}" + strings.Replace(served, "lb_kind NAT", "lb_kind TUN", 1), []string{"warning family-mismatch", "warning unknown-group"}},
		"a mark by others":   {bare + "virtual_server_group g {\nfwmark 3 inet6\nfwmark 4\n}" + strings.Replace(served, "10.0.0.2", "fd00::2", 1), nil},
		"both by tunnels":    {bare + "virtual_server_group g {\n10.0.0.1 80\nfd00::1 80\nfwmark 3 inet\n}\nvirtual_server group g {\nprotocol TCP\nlb_algo rr\ndelay_loop 5\nlb_kind TUN\nreal_server 10.0.0.2 80 {\n}\n}", nil},
		"a group of one":     {strings.NewReplacer("10.0.0.1 80\n", "", "fd00::1 80\n", "").Replace(bare + "virtual_server_group g {\n10.0.0.1 80\nfd00::1 80\nfwmark 3 inet\n}\nvirtual_server group g {\nprotocol TCP\nlb_algo rr\ndelay_loop 5\nlb_kind NAT\nreal_server 10.0.0.2 80 {\n}\n}"), nil},
		"a reply of 255":     {checkText("UDP_CHECK", "min_reply_length 255"), nil},
		"a tunnel too late":  {bare + "virtual_server 10.0.0.1 80 {\nprotocol TCP\nlb_algo rr\ndelay_loop 5\nreal_server ::1 80 {\n}\nreal_server 10.0.0.2 80 {\n}\nlb_kind TUN\n}", []string{"warning family-mismatch"}},
		"late for a sorry":   {bare + "virtual_server 10.0.0.1 80 {\nprotocol TCP\nlb_algo rr\ndelay_loop 5\nsorry_server ::1 80\nreal_server 10.0.0.2 80 {\n}\nlb_kind TUN\n}", []string{"warning family-mismatch"}},
		"late for a mark":    {bare + "virtual_server fwmark 3 {\nlb_algo rr\ndelay_loop 5\nreal_server 10.0.0.2 {\n}\nreal_server ::1 {\n}\nlb_kind TUN\n}", []string{"warning family-mismatch"}},
		"another family":     {service("real_server ::1 80 {\n}\nreal_server 10.0.0.2 {\n}"), []string{"warning family-mismatch"}},
		"through a tunnel":   {service("real_server 2001:db8::1 80 {\nlvs_method TUN\n}"), nil},
		"another ip_family":  {service("ip_family inet6"), []string{"warning family-mismatch"}},
		"a sorry family":     {service("sorry_server ::1"), []string{"warning family-mismatch"}},
		"a prefix for IPv4":  {service("persistence_timeout 5\npersistence_granularity 64"), []string{"warning as-keepalived"}},
		"0 for a mark":       {strings.Replace(service("persistence_timeout 5\npersistence_granularity 0"), "10.0.0.1 80 {", "fwmark 1 {", 1), []string{"warning bad-value"}},
		"0 behind a family":  {strings.Replace(service("persistence_timeout 5\npersistence_granularity 0"), "10.0.0.1 80 {", "fwmark 1 {\nip_family inet", 1), []string{"warning as-keepalived"}},
		"0 behind a server":  {strings.Replace(service("persistence_timeout 5\nreal_server 10.0.0.2 80 {\n}\npersistence_granularity 0"), "10.0.0.1 80 {", "fwmark 1 {", 1), []string{"warning as-keepalived"}},
		"0 for a group":      {grouped + "persistence_granularity 0\n}", nil},
		"24 for a group":     {strings.Replace(grouped, "protocol TCP", "protocol TCP\nip_family inet", 1) + "persistence_granularity 24\n}", nil},
		"a mask of a group":  {grouped + "persistence_granularity 0.0.0.0\n}", nil},
		"0 for IPv4":         {service("persistence_timeout 5\npersistence_granularity 0"), []string{"warning as-keepalived"}},
		"sorry too early":    {service("sorry_server_inhibit"), []string{"warning no-effect"}},
		"flag too early":     {service("sh-port\nlb_algo sh"), []string{"warning no-effect"}},
		"flag of another":    {service("lb_algo sh\nmh-port"), []string{"warning no-effect"}},
		"small letters":      {strings.Replace(service(""), "TCP", "tcp", 1), nil},
		"no address":         {strings.Replace(service(""), "10.0.0.1 80 {", "10.0.0 {", 1), []string{"warning bad-address"}},
		"a great port":       {strings.Replace(service(""), "10.0.0.1 80 {", "10.0.0.1 70000 {", 1), []string{"warning out-of-range"}},
		"no mark":            {strings.Replace(service(""), "10.0.0.1 80 {", "fwmark {", 1), []string{"warning missing-argument"}},
		"mark 0":             {strings.Replace(service(""), "10.0.0.1 80 {", "fwmark 0 {", 1), []string{"warning out-of-range"}},
		"no group":           {strings.Replace(service(""), "10.0.0.1 80 {", "group x {", 1), []string{"warning unknown-group"}},
		"the old name":       {checkText("HTTP_GET", "nb_get_retry 3\nurl {\npath /\n}"), []string{"warning deprecated"}},
		"the other name":     {service("lvs_sched rr\nlvs_method NAT\nlb_kind NAT\nlb_algo rr"), nil},
		"no url":             {checkText("HTTP_GET", "retry 3"), []string{"warning missing-keyword"}},
		"no path":            {checkText("SSL_GET", "url {\n}"), []string{"warning missing-keyword", "warning missing-keyword"}},
		"a misspelt path":    {checkText("SSL_GET", "url {\npaht /\n}"), []string{"warning missing-keyword", "warning missing-keyword", "warning unknown-keyword"}},
		"a misspelt url":     {checkText("HTTP_GET", "ulr {\npath /\n}"), []string{"warning missing-keyword", "warning unknown-keyword"}},
		"misspelt program":   {checkText("MISC_CHECK", "misc_pth /x"), []string{"warning missing-keyword", "warning unknown-keyword"}},
		"no program":         {checkText("MISC_CHECK", ""), []string{"warning missing-keyword"}},
		"a Lua file":         {checkText("MISC_CHECK", `misc_path "lua:/x min=3 allow=exec"`), nil},
		"a Lua file's user":  {checkText("MISC_CHECK", "misc_path \"lua:/x\"\nuser nobody"), []string{"warning surplus-words"}},
		"its user before":    {checkText("MISC_CHECK", "user nobody nogroup\nmisc_path \"lua:/x\""), []string{"warning surplus-words"}},
		"a Lua file's word":  {checkText("MISC_CHECK", `misc_path "lua:/x allow"`), []string{"error bad-lua"}},
		"smoothing":          {service("real_server 10.0.0.2 80 {\nweight_by \"lua:/x\"\nsmoothing {\nmin 1\nmax 9\n}\n}"), nil},
		"smoothing by half":  {service("real_server 10.0.0.2 80 {\nweight_by \"lua:/x\"\nsmoothing {\nmin 1\n}\n}"), []string{"error bad-smoothing"}},
		"smoothing nothing":  {service("real_server 10.0.0.2 80 {\nsmoothing {\nstep 2\n}\n}"), []string{"error bad-smoothing"}},
		"a server's start":   {service("real_server 10.0.0.2 80 {\nweight_by \"lua:/x\"\nsmoothing {\nslow_start 2\n}\n}"), []string{"error bad-smoothing"}},
		"no file":            {checkText("FILE_CHECK", "track_file tg"), []string{"warning unknown-track-file"}},
		"a file":             {checkText("FILE_CHECK", "track_file tf\nweight 5 revers"), []string{"warning surplus-words"}},
		"no session":         {checkText("BFD_CHECK", "name bg"), []string{"warning unknown-bfd"}},
		"a lost file":        {"track_file tg {\nweight 5\n}\n" + checkText("FILE_CHECK", "track_file tg"), []string{"warning missing-keyword", "warning unknown-track-file"}},
		"a lost session":     {"bfd_instance bg {\nneighbor_ip x\n}\n" + checkText("BFD_CHECK", "name bg"), []string{"warning missing-keyword", "warning bad-address", "warning unknown-bfd"}},
		"link-local":         {checkText("TCP_CHECK", "connect_ip fe80::1"), []string{"warning no-bind-if"}},
		"link-local, there":  {checkText("TCP_CHECK", "connect_ip fe80::1\nbind_if eth0"), nil},
		"a link-local host":  {checkText("SMTP_CHECK", "host {\nconnect_ip fe80::1\n}\nhost {\nconnect_ip 10.0.0.8\n}"), []string{"warning no-bind-if"}},
		"its real server":    {checkText("SMTP_CHECK", "connect_ip fe80::2\nhost {\nconnect_ip 10.0.0.8\n}"), []string{"warning no-bind-if"}},
		"a bound host":       {checkText("SMTP_CHECK", "host {\nconnect_ip fe80::1\nbind_if eth0\n}"), nil},
		"bound for another":  {checkText("SMTP_CHECK", "bind_if eth0\nhost {\nconnect_ip fe80::1\n}"), []string{"warning no-bind-if"}},
		"no name":            {checkText("BFD_CHECK", ""), []string{"warning missing-keyword"}},
		"a root":             {checkText("DNS_CHECK", "name ."), nil},
		"a name":             {checkText("DNS_CHECK", "name a."+strings.Repeat("b", 63)), nil},
		"a dot":              {checkText("DNS_CHECK", "name a."), nil},
		"two dots":           {checkText("DNS_CHECK", "name a.."), []string{"warning bad-value"}},
		"an empty label":     {checkText("DNS_CHECK", "name a..b"), []string{"warning bad-value"}},
		"a long label":       {checkText("DNS_CHECK", "name a."+strings.Repeat("b", 64)), []string{"warning bad-value"}},
		"a long name":        {checkText("DNS_CHECK", "name "+strings.Repeat("b.", 127)+"b"), []string{"warning bad-value"}},
		"a long reply":       {checkText("UDP_CHECK", "min_reply_length 300"), []string{"warning reply-length"}},
		"SNI without TLS":    {checkText("HTTP_GET", "enable_sni\nurl {\npath /\n}"), []string{"warning no-effect"}},
		"a port of ICMP":     {checkText("PING_CHECK", "connect_port 5"), []string{"warning no-effect"}},
		"bound elsewhere":    {checkText("TCP_CHECK", "bindto ::1"), []string{"warning family-mismatch"}},
		"bound there":        {checkText("TCP_CHECK", "connect_ip ::2\nbindto ::1"), nil},
		"a secret":           {bare + "SSL {\npassword one two\n}", []string{"warning surplus-words"}},
	} {
		if got := lvsFindings(test.text); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v in\n%s", name, got, test.want, test.text)
		}
	}
}

// TestMarkZeroOfGroup holds that fwmark 0 in a group is said to be left out here, and not by
// keepalived, which says of other numbers that it ignores them.
func TestMarkZeroOfGroup(t *testing.T) {
	for line, want := range map[string]string{
		"fwmark 0":          "the line is left out; keepalived 2.2.7 makes a service of 0.0.0.0 with all ports of it",
		"fwmark 00 inet":    "the line is left out; keepalived 2.2.7 makes a service of 0.0.0.0 with all ports of it",
		"fwmark 4294967296": "the line is ignored, as by keepalived",
		"fwmark x":          "the line is ignored, as by keepalived",
	} {
		cfg, found := Read("f", []byte(instanceText(oneAddress)+"\nvirtual_server_group g {\n10.0.0.1 80\n"+line+"\n}\n"))
		if len(found) != 1 || found[0].Severity != config.Warning || !found[0].Loses || !strings.HasSuffix(found[0].Text, "; "+want) {
			t.Errorf("%s: got %v, want a loss that ends in %q", line, found, want)
		}
		if g := cfg.VirtualServerGroups; len(g) != 1 || len(g[0].Entries) != 1 {
			t.Errorf("%s: the groups are %+v, want the address alone", line, g)
		}
	}
}

// TestMarkZero holds the same of a virtual_server.
func TestMarkZero(t *testing.T) {
	for mark, want := range map[string]string{
		"0":          "it is left out; keepalived 2.2.7 makes a service of 255.255.255.255 with all ports of it",
		"+00":        "it is left out; keepalived 2.2.7 makes a service of 255.255.255.255 with all ports of it",
		"4294967296": "it is left out, as by keepalived",
	} {
		cfg, found := Read("f", []byte(instanceText(oneAddress)+"\nvirtual_server fwmark "+mark+" {\nlb_algo rr\nlb_kind NAT\ndelay_loop 5\nreal_server 10.0.0.2 80 {\n}\n}\n"))
		if len(found) != 1 || found[0].Severity != config.Warning || !found[0].Loses || !strings.HasSuffix(found[0].Text, "; "+want) {
			t.Errorf("%s: got %v, want a loss that ends in %q", mark, found, want)
		}
		if len(cfg.VirtualServers) != 0 {
			t.Errorf("%s: there is %+v, want no virtual server", mark, cfg.VirtualServers)
		}
	}
}

// TestLeftOut holds what is not in the configuration.
func TestLeftOut(t *testing.T) {
	for name, test := range map[string]struct {
		text              string
		services, servers int
	}{
		"sound":             {service(""), 1, 1},
		"no real server":    {instanceText(oneAddress) + "\nvirtual_server 10.0.0.1 80 {\nprotocol TCP\n}", 0, 0},
		"another family":    {service("real_server ::1 80 {\n}\nreal_server 10.0.0.2 {\n}"), 1, 1},
		"a damaged server":  {service("real_server 10.0.0.2 80 {\nweight x\n}\nreal_server 10.0.0 {\n}"), 1, 1},
		"a damaged check":   {checkText("TCP_CHECK", "retry x"), 1, 1},
		"damage before it":  {service("quorum x\nreal_server 10.0.0.2 80 {\n}"), 1, 1},
		"a check of nobody": {checkText("FILE_CHECK", "track_file tg"), 1, 1},
	} {
		cfg, _ := Read("f", []byte(test.text))
		services, servers := len(cfg.VirtualServers), 0
		for i := range cfg.VirtualServers {
			servers += len(cfg.VirtualServers[i].RealServers)
		}
		if services != test.services || servers != test.servers {
			t.Errorf("%s: got %d virtual servers with %d real servers, want %d with %d", name, services, servers, test.services, test.servers)
		}
	}
	for _, text := range []string{
		checkText("FILE_CHECK", "track_file tg"), "track_file tg {\nweight 5\n}\n" + checkText("FILE_CHECK", "track_file tg"),
		checkText("TCP_CHECK", "connect_ip fe80::1"), checkText("SMTP_CHECK", "connect_ip fe80::2\nhost {\nconnect_ip 10.0.0.8\n}"),
		checkText("BFD_CHECK", "name bg"), "bfd_instance bg {\nneighbor_ip x\n}\n" + checkText("BFD_CHECK", "name bg"),
	} {
		cfg, _ := Read("f", []byte(text))
		if checks := cfg.VirtualServers[0].RealServers[0].Checks; len(checks) != 0 {
			t.Errorf("a check follows what is not there: %+v in\n%s", checks, text)
		}
	}
	cfg, _ := Read("f", []byte(checkText("MISC_CHECK", "misc_path /bin/x\nuser u g")+checkText("FILE_CHECK", "track_file tf\nweight 5 noreverse")[len(instanceText(oneAddress)):]))
	misc := cfg.VirtualServers[0].RealServers[0].Checks[0].Misc
	if misc.MiscPath.User != "" || misc.User != "u" || misc.Group != "g" {
		t.Errorf("the account of MISC_CHECK is %s:%s, want u:g; misc_path has %q, want none", misc.User, misc.Group, misc.MiscPath.User)
	}
	if file := cfg.VirtualServers[1].RealServers[0].Checks[0].File; *file.Weight != 5 || *file.Reverse {
		t.Errorf("the weight of FILE_CHECK is %d, %v", *file.Weight, *file.Reverse)
	}
	cfg, found := Read("f", []byte(checkText("FILE_CHECK", "track_file tf\nweight 5 revers")))
	if file := cfg.VirtualServers[0].RealServers[0].Checks[0].File; file.Weight != nil || file.Reverse != nil {
		t.Errorf("a weight of FILE_CHECK that keepalived ignores is taken: %+v, %v", file, found)
	}
}

// TestServiceRead holds a whole virtual server against its types.
func TestServiceRead(t *testing.T) {
	text := instanceText(oneAddress) + `
virtual_server_group web {
    192.0.2.1 80
    192.0.2.4/30 81
    192.0.2.10-12
    192.0.2.250-192.0.3.5 82
    2001:db8::1-ff 80
    fwmark 7 inet6
}
virtual_server group web {
    protocol TCP
    lb_algo sh
    sh-port
    lb_kind TUN type gre csum
    delay_loop 1.5
    persistence_timeout
    sorry_server 192.0.2.99
    sorry_server_lvs_method DR
    quorum_up "/bin/up 'a b'" root wheel
    real_server 192.0.2.21 80 {
        weight 3
        inhibit_on_failure off
        TCP_CHECK {
            retry 0
        }
        SSL_GET {
            url {
                path /a
                status_code 200 301-302
                tls_compliant
            }
            url {
                path /b
            }
        }
    }
    real_server 192.0.2.22
}
`
	text = strings.Replace(text, "192.0.2.22\n", "192.0.2.22 {\n}\n", 1)
	cfg, findings := Read("f", []byte(text))
	if others := unlike(findings, "not-acted-on"); len(others) > 0 {
		t.Fatal(others)
	}
	var entries []string
	for _, e := range cfg.VirtualServerGroups[0].Entries {
		entries = append(entries, fmt.Sprintf("%v %v %d %d %s", e.Address, e.Last, e.Port, e.Fwmark, e.Family))
	}
	want := []string{
		"192.0.2.1 invalid IP 80 0 ", "192.0.2.4 192.0.2.7 81 0 ", "192.0.2.10 192.0.2.12 0 0 ", "192.0.2.250 192.0.3.5 82 0 ",
		"2001:db8::1 2001:db8::ff 80 0 ", "invalid IP invalid IP 0 7 inet6",
	}
	if !slices.Equal(entries, want) {
		t.Errorf("entries: got %q, want %q", entries, want)
	}
	v := &cfg.VirtualServers[0]
	r := &v.RealServers[0]
	for what, pair := range map[string][2]any{
		"group":       {v.Group, "web"},
		"delay_loop":  {v.DelayLoop.String(), "1.5s"},
		"persistence": {v.PersistenceTimeout.String(), "6m0s"},
		"quorum":      {v.Quorum, 1},
		"lb_kind":     {v.LBKind.String(), "TUN type gre csum"},
		"flags":       {v.LVSFlags, config.LVSFlags{SHPort: true}},
		"sorry":       {fmt.Sprint(v.SorryServer.Address, " ", v.SorryServer.LVSMethod), "192.0.2.99 DR"},
		"quorum_up":   {fmt.Sprintf("%q %s %s", v.QuorumUp.Argv, v.QuorumUp.User, v.QuorumUp.Group), `["/bin/up" "a b"] root wheel`},
		"servers":     {len(v.RealServers), 2},
		"weight":      {*r.Weight, 3},
		"inhibit":     {*r.InhibitOnFailure, false},
		"retry":       {*r.Checks[0].TCP.Retry, 0},
		"urls":        {len(r.Checks[1].SSL.URLs), 2},
		"tls":         {*r.Checks[1].SSL.URLs[0].TLSCompliant, true},
		"a code":      {r.Checks[1].SSL.URLs[0].StatusCode.Contains(302), true},
		"no code":     {r.Checks[1].SSL.URLs[0].StatusCode.Contains(303), false},
		"the default": {r.Checks[1].SSL.URLs[1].StatusCode.Contains(299), true},
		"http":        {r.Checks[1].SSL.HTTPProtocol, "1.0"},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: got %v, want %v", what, pair[0], pair[1])
		}
	}
	written := func(keys config.Keys) string {
		var all []string
		for _, k := range keys {
			all = append(all, fmt.Sprintf("%s:%d", k.Name, k.At.Line()))
		}
		return strings.Join(all, " ")
	}
	first := strings.Count(text[:strings.Index(text, "virtual_server group")], "\n") + 1
	lines := func(pattern string) string {
		for i := range 60 {
			pattern = strings.ReplaceAll(pattern, fmt.Sprintf("+%d ", i), fmt.Sprintf(":%d ", first+i))
		}
		return strings.TrimSpace(pattern)
	}
	for what, pair := range map[string][2]string{
		"virtual_server": {written(v.Written), lines("group+0 protocol+1 lb_algo+2 sh-port+3 lb_kind+4 delay_loop+5 persistence_timeout+6 " +
			"sorry_server.address+7 sorry_server.lvs_method+8 quorum_up+9 real_servers+10 ")},
		"real_server": {written(r.Written), lines("address+10 weight+11 inhibit_on_failure+12 checks+13 ")},
		"SSL_GET":     {written(r.Checks[1].SSL.Written), lines("urls+17 ")},
		"url":         {written(r.Checks[1].SSL.URLs[0].Written), lines("path+18 status_code+19 tls_compliant+20 ")},
		"the file":    {written(cfg.Written), lines("vrrp_instances:1 virtual_server_groups:" + fmt.Sprint(first-8) + " virtual_servers+0 ")},
	} {
		if pair[0] != pair[1] {
			t.Errorf("keys written in %s: got %s, want %s", what, pair[0], pair[1])
		}
	}
}

// TestAddressRanges holds what a line of a virtual_server_group may begin with.
func TestAddressRanges(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1": "10.0.0.1 10.0.0.1", "10.0.0.1-5": "10.0.0.1 10.0.0.5", "10.0.0.0/30": "10.0.0.0 10.0.0.3", "fe80::1-1f": "fe80::1 fe80::1f", "fe80::1-1ff": "fe80::1 fe80::1ff",
		"fe80::/126": "fe80:: fe80::3", "10.0.0.250-10.0.1.5": "10.0.0.250 10.0.1.5", "10.0.0.0/32": "10.0.0.0 10.0.0.0",
		"10.0.0.1-0": "", "10.0.0.1-1": "", "10.0.0.1-256": "", "10.0.0.1/28": "", "10.0.0.0/33": "", "10.0.0.0/x": "", "x": "", "10.0.0.1-::5": "", "10.0.0.1-": "",
		"fe80::1%eth0": "", "fe80::1%eth0-5": "", "fe80::%eth0/120": "",
	} {
		first, last, wrong := addressRange(text)
		got := ""
		if wrong == "" {
			got = fmt.Sprint(first, " ", last)
		}
		if got != want {
			t.Errorf("%s: got %q %s, want %q", text, got, wrong, want)
		}
	}
}

// TestMethodOptions holds that of a method with options that are no good the kind counts,
// as with keepalived, and that another lb_kind is not of what stands before it.
func TestMethodOptions(t *testing.T) {
	for lines, want := range map[string]string{
		"lb_kind TUN type gue":                          "TUN; TUN",
		"lb_kind DR\nlb_kind TUN port 5":                "TUN; TUN",
		"lb_kind DR type ipip":                          "DR; DR",
		"lb_kind NAT csum":                              "NAT; NAT",
		"lb_kind TUN type gre csum\nlb_kind TUN type x": "TUN type gre csum; TUN type gre csum",
		"lb_kind DR\nlb_kind XX":                        "DR; DR",
		"lb_kind TUN type gre\nreal_server 10.0.0.2 80 {\nlvs_method TUN type gue\n}":            "TUN type gre; TUN type gre",
		"lb_kind DR\nreal_server 10.0.0.2 80 {\nlvs_method TUN type\n}":                          "DR; TUN",
		"lb_kind DR\nreal_server 10.0.0.2 80 {\n}\nlb_kind NAT":                                  "NAT; DR",
		"lb_kind DR\nsorry_server 10.0.0.9 80\nreal_server 10.0.0.2 80 {\n}\nlb_kind TUN port 5": "TUN; DR; DR",
		"real_server 10.0.0.2 80 {\n}\nlb_kind DR":                                               "DR; DR",
		"lb_kind NAT\nsorry_server 10.0.0.9 80\nsorry_server_lvs_method TUN type gue":            "NAT; NAT; TUN",
	} {
		c, found := Read("f", []byte(service(lines)))
		if found.Errors() {
			t.Errorf("%s: %v", lines, found)
			continue
		}
		v := &c.VirtualServers[0]
		got := v.LBKind.String() + "; " + v.RealServers[0].Method(v).String()
		if v.SorryServer != nil {
			got += "; " + v.SorryMethod().String()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", lines, got, want)
		}
	}
}
