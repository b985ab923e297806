package keepalived

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// TestLosing holds which mistakes take something out of what runs, and which only
// put something else there: a reload is refused for the first.
func TestLosing(t *testing.T) {
	t.Parallel()
	const sound = `vrrp_script up {
	script /bin/true
}
vrrp_instance V {
	state BACKUP
	interface eth0
	virtual_router_id 51
	priority 100
	advert_int 1
	authentication {
		auth_type PASS
		auth_pass secret
	}
	unicast_src_ip 192.0.2.1
	unicast_peer {
		192.0.2.2
	}
	virtual_ipaddress {
		192.0.2.10
		192.0.2.11
	}
	track_script {
		up
	}
}
`
	if _, found := Read("a", []byte(sound)); len(found) > 0 {
		t.Fatalf("the sound file: %v", found)
	}
	for _, tt := range []struct {
		what, old, new string
		loses          string // the name; none when it is empty
	}{
		{"misspelt instance", "vrrp_instance V", "vrrp_instanze V", "unknown-keyword"},
		{"misspelt addresses", "virtual_ipaddress {", "virtual_ipadress {", "unknown-keyword"},
		{"misspelt peers", "unicast_peer {", "unicast_pear {", "unknown-keyword"},
		{"misspelt track_script", "track_script {", "track_skript {", "unknown-keyword"},
		{"misspelt authentication", "authentication {", "autentication {", "unknown-keyword"},
		{"no } at the end", "\t}\n}\n", "\t}\n", "missing-brace"},
		{"bad address", "192.0.2.11", "192.0.2.311", "bad-address"},
		{"bad length", "192.0.2.11", "192.0.2.11/240", "bad-address"},
		{"mask for a length", "192.0.2.11", "192.0.2.11/255.255.255.0", "bad-address"},
		{"bad peer", "192.0.2.2\n", "192.0.2.2x\n", "bad-address"},
		{"unknown script", "\t\tup\n", "\t\tupp\n", "unknown-script"},
		{"unknown track_group", "vrrp_script up", "static_routes {\n\t198.51.100.0/24 via 192.0.2.254 dev eth0 track_group gg\n}\nvrrp_script up", "unknown-track-group"},
		{"word of another block", "priority 100", "priority 100\n\tscript /bin/x", "wrong-block"},
		{"words on one line", "priority 100", "priority 100 preempt_delay 5", "surplus-words"},
		{"no password", "auth_pass secret", "", "no-authentication"},
		{"second of a name", "vrrp_script up {\n\tscript /bin/true\n}\n", "vrrp_script up {\n\tscript /bin/true\n}\nvrrp_script up {\n\tscript /bin/false\n}\n", "duplicate-name"},
		{"no peer is heard", "192.0.2.2\n", "192.0.2.2 min_ttl 9 max_ttl 8\n", "out-of-range"},
		{"quorum without use", "vrrp_script up", "vrrp_track_process p {\n\tprocess nginx\n\tquorum_max 2\n\tquorum 3\n}\nvrrp_script up", "out-of-range"},
		{"quorum_max without use", "vrrp_script up", "vrrp_track_process p {\n\tprocess nginx\n\tquorum 3\n\tquorum_max 2\n}\nvrrp_script up", "out-of-range"},
		{"address twice", "192.0.2.11", "192.0.2.10", ""},
		{"deprecated or as keepalived", "advert_int 1", "advert_int 1.4", ""},
		{"a state that is none", "state BACKUP", "state BAKUP", ""},
		{"password cut", "auth_pass secret", "auth_pass secretsecret", ""},
		{"hoisted block", "priority 100", "priority 100\n\tvrrp_script down {\n\t\tscript /bin/x\n\t}", ""},
		{"addresses on one line", "192.0.2.10\n\t\t192.0.2.11", "192.0.2.10 192.0.2.11", ""},
	} {
		text := strings.Replace(sound, tt.old, tt.new, 1)
		if text == sound {
			t.Fatalf("%s: nothing is replaced", tt.what)
		}
		_, found := Read("a", []byte(text))
		if len(found) == 0 || found.Errors() {
			t.Errorf("%s: found %v, want warnings", tt.what, found)
		}
		var names []string
		for _, f := range found.Losing() {
			names = append(names, f.Name)
		}
		if got := strings.Join(names, " "); got != tt.loses {
			t.Errorf("%s: loses for %q, want %q: %v", tt.what, got, tt.loses, found)
		}
	}
}

// TestLosingUnseen: a mistake that is one too many to be shown is told of as lost.
func TestLosingUnseen(t *testing.T) {
	t.Parallel()
	text := "global_defs {\n\trouter_id a\n" + strings.Repeat("\tnonsense 1\n", maxPerName)
	twice := strings.Repeat("vrrp_garp_interval 1\n", maxPerName+2) // harmless
	found := func(text string) config.Findings {
		_, found := Read("a", []byte(text+"}\n"))
		return found
	}
	for _, tt := range []struct {
		what, before, after string
		want                int
	}{
		{"one more", text, text + "\tnonsense 1\n", 1},
		{"one of many mended", text + strings.Repeat("\tnonsense 1\n", 2), text + "\tnonsense 1\n", 0},
		{"more of what loses nothing", text + "\tnonsense 1\n" + twice, text + "\tnonsense 1\n" + twice + "vrrp_garp_interval 1\n", 0},
		{"less than before are hidden", text + "\tnonsense 1\n", text, 0},
		{"another name", text + "\tnonsense 1\n", text + "\tnonsense 1\n\trouter_id a b\n", 1},
	} {
		if news := found(tt.after).LosesBeyond(found(tt.before)); len(news) != tt.want {
			t.Errorf("%s: %v are new, want %d", tt.what, news, tt.want)
		}
	}
}

// TestLosesTheSame: what was accepted stays so, whatever changes in what a message
// says of other parts of the file.
func TestLosesTheSame(t *testing.T) {
	t.Parallel()
	const router = "vrrp_instance V {\n\tinterface eth0\n\tvirtual_router_id 1\n\tversion 2\n\tvirtual_ipaddress {\n\t\t192.0.2.1\n\t}\n\tSTH\n}\n"
	for _, tt := range []struct{ what, mistake, before, after string }{
		{"a script renamed", "track_script {\n\t\tupp\n\t}", "vrrp_script up {\n\tscript /bin/true\n}\n", "vrrp_script other {\n\tscript /bin/true\n}\n"},
		{"a script that became broken", "track_script {\n\t\tup\n\t}", "vrrp_script upp {\n\tscript /bin/true\n}\n", "vrrp_script up {\n}\n"},
		{"a file renamed", "track_file {\n\t\tupp\n\t}", "track_file up {\n\tfile /a\n}\n", "track_file other {\n\tfile /a\n}\n"},
		{"an instance renamed", "}\nvrrp_sync_group G {\n\tgroup {\n\t\tV\n\t\tWorkd\n\t}", strings.ReplaceAll(router, "_instance V", "_instance World"), strings.ReplaceAll(router, "_instance V", "_instance Else")},
		{"the other group renamed", "}\nvrrp_sync_group H {\n\tgroup {\n\t\tV\n\t}", "vrrp_sync_group G {\n\tgroup {\n\t\tV\n\t}\n}\n", "vrrp_sync_group K {\n\tgroup {\n\t\tV\n\t}\n}\n"},
		{"a track_group renamed", "}\nstatic_routes {\n\t198.51.100.0/24 dev eth0 track_group upp", "track_group up {\n\tgroup {\n\t\tV\n\t}\n}\n", "track_group other {\n\tgroup {\n\t\tV\n\t}\n}\n"},
		{"a server group renamed", "}\nvirtual_server group upp {\n\tlb_algo rr\n\tlb_kind NAT\n\tprotocol TCP\n\treal_server 192.0.2.9 80 {\n\t}", "virtual_server_group up {\n\t192.0.2.1 80\n}\n", "virtual_server_group other {\n\t192.0.2.1 80\n}\n"},
		{"a file to check renamed", "}\nvirtual_server 192.0.2.1 80 {\n\tlb_algo rr\n\tlb_kind NAT\n\tprotocol TCP\n\treal_server 192.0.2.9 80 {\n\t\tFILE_CHECK {\n\t\t\ttrack_file upp\n\t\t}\n\t}", "track_file up {\n\tfile /a\n}\n", "track_file other {\n\tfile /a\n}\n"},
		{"the sync daemon's instance renamed", "}\nglobal_defs {\n\tlvs_sync_daemon eth0 Workd", strings.ReplaceAll(router, "_instance V", "_instance World"), strings.ReplaceAll(router, "_instance V", "_instance Else")},
		{"another number of turns", "~SEQ(x, 1, 1) nonsense 1", "", ""},
	} {
		text := strings.Replace(router, "STH", tt.mistake, 1)
		said := func(more string) (losing config.Findings) {
			_, found := Read("a", []byte(strings.ReplaceAll(more, "STH", "priority 90")+text))
			return found.Losing()
		}
		before, after := said(tt.before), said(tt.after)
		if tt.before == tt.after {
			text = strings.Replace(text, "1, 1)", "1, 3)", 1)
			after = said("")
		}
		if len(before) != 1 || len(after) < 1 {
			t.Errorf("%s: lost %v, then %v", tt.what, before, after)
			continue
		}
		if before[0].Text == after[0].Text {
			t.Errorf("%s: nothing changed: %v", tt.what, before)
		}
		for _, f := range after.LosesBeyond(before) {
			if f.Name == before[0].Name {
				t.Errorf("%s: %v, then %v is new", tt.what, before, f)
			}
		}
	}
}

// TestUnmatched: a pattern that no file matches is no mistake, nor is a folder that
// is not there, but both are noted, and so is one that cannot be listed.
func TestUnmatched(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line  string
		list  error
		names []string
		found string
		loses bool
		want  string // the pattern, with a + when files match
	}{
		{"d/*.conf", nil, nil, "no-instance", false, "/d/*.conf"},
		{"d/*.conf", nil, []string{"b.conf"}, "no-instance", false, "/d/*.conf+"},
		{"d/*.conf", fs.ErrNotExist, nil, "no-instance include-nothing", false, "/d/*.conf"},
		{"d/*.conf", fs.ErrPermission, nil, "no-instance include-unreadable", true, "/d/*.conf"},
		{"d/{a,b*}.conf", nil, nil, "no-instance", false, "/d/{a,b*}.conf"},
	} {
		files := Files{
			Read: func(path string) (string, error) {
				if path == "/a" {
					return "include " + tt.line + "\nglobal_defs {\n\trouter_id a\n}\n", nil
				}
				return "# nothing\n", nil
			},
			List: func(string) ([]string, error) { return tt.names, tt.list },
		}
		c, found, err := ReadFiles("/a", files, Options{WorkDir: "/"})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range found {
			names = append(names, f.Name)
		}
		// Nothing else is in it: it waits for files.
		slices.Sort(names)
		if want := strings.Fields(tt.found); found.Errors() || !slices.Equal(names, slices.Sorted(slices.Values(want))) || (len(found.Losing()) > 0) != tt.loses {
			t.Errorf("%s with %v: found %v", tt.line, tt.list, found)
		}
		if u := c.Includes; len(u) != 1 || u[0].At.Line() != 1 || u[0].Pattern != strings.TrimSuffix(tt.want, "+") || u[0].Matched != strings.HasSuffix(tt.want, "+") {
			t.Errorf("%s with %v: %v", tt.line, tt.list, u)
		}
	}
}
