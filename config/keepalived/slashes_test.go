package keepalived

import (
	"fmt"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// TestSlashComments: comments of other languages are one finding, wherever they stand; a
// // within a word or quotes is none, and what is wrong before one is said.
func TestSlashComments(t *testing.T) {
	const instance = `// the node
vrrp_instance VI_1 { // one
  // of two
  state BACKUP // at first
  interface eth0
  virtual_router_id 52
  priority 100
  virtual_ipaddress {
    // the web
    10.0.0.1/24 dev eth0 // VI_1 has it
  }
  track_script {
    // nothing // yet
  }
`
	brace := func(braces, word string) string {
		return "// begins no comment in keepalived.conf: the brace " + braces + " behind // " + word + " counts"
	}
	const all = "// begins no comment in keepalived.conf: its words are ignored, as by keepalived"
	for name, tt := range map[string]struct {
		text string
		want []string
		lose bool
	}{
		"everywhere": {instance + "}\n", []string{all + "; write # or !, here and on 6 more lines"}, false},
		"a brace":    {instance + "// }\n", []string{all + "; write # or !, here and on 6 more lines", brace("}", "}")}, true},
		"braces":     {instance + "}\n// a {\n//b }\n// a {}\n", []string{all, brace("{", "a"), brace("{}", "a")}, true},
		"none":       {instanceText(oneAddress) + "static_rutes {\n}\nvrrp_scrpt \"// x\" http://x {\n}\n", []string{"unknown keyword", "unknown keyword"}, true},
		"a secret":   {instanceText("authentication {\nauth_type PASS\nauth_pass //0123456789\n}\n" + oneAddress), []string{"auth_pass has more than 8 bytes"}, false},
		"a value":    {instanceText("track_interface {\nlo weight //5\n}\nnotify_master \"/bin/true // x\"\n" + oneAddress), []string{"weight takes a number"}, true},
		"before one": {instanceText("advert_int x // fast\n" + oneAddress), []string{"advert_int", all + "; write # or !"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, found := Read("f", []byte(tt.text))
			ok := len(found) == len(tt.want) && (len(found.Losing()) > 0) == tt.lose
			for i := 0; ok && i < len(found); i++ {
				ok = found[i].Severity == config.Warning && strings.HasPrefix(found[i].Text, tt.want[i])
			}
			if !ok {
				t.Errorf("got\n%v\nwant %q, and that something is lost: %v", found, tt.want, tt.lose)
			}
		})
	}
	t.Run("bounds", func(t *testing.T) {
		_, found := Read("f", []byte(instance+"}\n"+strings.Repeat("// x\n", mostSlashes+100)))
		if text := fmt.Sprint(found); len(found) != 1 || !strings.Contains(text, " 1106 more lines") || len(found.Losing()) > 0 {
			t.Errorf("%d findings:\n%v", len(found), found)
		}
		// A file of other mistakes makes no loss of it either.
		many := strings.Repeat("x {\n}\n", maxPerName)
		_, before := Read("f", []byte(many))
		_, found = Read("f", []byte(many+"// a\n"))
		if lost := found.LosesBeyond(before); len(lost) > 0 {
			t.Errorf("lost: %v", lost)
		}
	})
	t.Run("new", func(t *testing.T) {
		_, before := Read("f", []byte("// a {}\n"+instance+"}\n"))
		_, found := Read("f", []byte("// a {}\n// old {\n"+instance+"}\n// }\n"))
		if lost := found.LosesBeyond(before); len(lost) != 1 || !strings.Contains(lost[0].Text, "// old") {
			t.Errorf("of a new block around an instance: %v", lost)
		}
	})
}
