package source

import (
	"strings"
	"testing"
)

// TestBFD: what is said about sessions that cannot be.
func TestBFD(t *testing.T) {
	for _, tt := range []struct{ name, sessions, want string }{
		{"sound", "  - {name: s, neighbor_ip: 192.0.2.9}\n  - {name: u, neighbor_ip: 192.0.2.9, multihop: true}\n", ""},
		{"two with one neighbor", "  - {name: s, neighbor_ip: 192.0.2.9}\n  - {name: u, neighbor_ip: 192.0.2.9}\n",
			"a.yaml:3:15: error: bfd_instance u: neighbor_ip 192.0.2.9 has a session already: one more must differ in source_ip or multihop [bad-session]"},
		{"two families", "  - {name: s, neighbor_ip: 192.0.2.9, source_ip: \"2001:db8::1\"}\n",
			"a.yaml:2:39: error: bfd_instance s: source_ip 2001:db8::1 and neighbor_ip 192.0.2.9 are not of one family [bad-session]"},
	} {
		_, findings := Read("a.yaml", []byte("bfd_instances:\n"+tt.sessions+instance()))
		var said []string
		for _, f := range findings {
			said = append(said, f.String())
		}
		if got := strings.Join(said, "\n"); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}
