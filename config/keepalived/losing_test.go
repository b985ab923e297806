package keepalived

import (
	"strings"
	"testing"
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
		{"bad peer", "192.0.2.2\n", "192.0.2.2x\n", "bad-address"},
		{"unknown script", "\t\tup\n", "\t\tupp\n", "unknown-script"},
		{"unknown track_group", "vrrp_script up", "static_routes {\n\t198.51.100.0/24 via 192.0.2.254 dev eth0 track_group gg\n}\nvrrp_script up", "unknown-track-group"},
		{"word of another block", "priority 100", "priority 100\n\tscript /bin/x", "wrong-block"},
		{"words on one line", "priority 100", "priority 100 preempt_delay 5", "surplus-words"},
		{"no password", "auth_pass secret", "", "no-authentication"},
		{"second of a name", "vrrp_script up {\n\tscript /bin/true\n}\n", "vrrp_script up {\n\tscript /bin/true\n}\nvrrp_script up {\n\tscript /bin/false\n}\n", "duplicate-name"},
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
	_, before := Read("a", []byte(text+"}\n"))
	_, after := Read("a", []byte(text+"\tnonsense 1\n}\n"))
	if n := len(after.LosesBeyond(before)); n != 1 {
		t.Errorf("%d are new, want the count of those that are not shown: %v", n, after[len(after)-1])
	}
}

// TestUnmatched: a pattern that no file matches is no mistake, but is noted.
func TestUnmatched(t *testing.T) {
	t.Parallel()
	files := Files{
		Read: func(string) ([]byte, error) {
			return []byte("include d/*.conf\nglobal_defs {\n\trouter_id a\n}\n"), nil
		},
		List: func(string) ([]string, error) { return nil, nil },
	}
	c, found, err := ReadFiles("/a", files, Options{WorkDir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	if found.Errors() || len(found.Losing()) > 0 {
		t.Errorf("found %v", found)
	}
	if u := c.Unmatched; len(u) != 1 || !u[0].Loses || u[0].At.Line != 1 || !strings.Contains(u[0].Text, "d/*.conf") {
		t.Errorf("unmatched %v", u)
	}
}
