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
	const all = "// begins no comment in keepalived.conf: its words are ignored, as by keepalived"
	for name, tt := range map[string]struct {
		text string
		want []string
		lose bool
	}{
		"everywhere": {instance + "}\n", []string{all + "; write # or !, here and on 6 more lines"}, false},
		"a brace":    {instance + "// }\n", []string{all + ", but braces behind it count; write # or !, here and on 7 more lines"}, true},
		"none":       {instanceText(oneAddress) + "static_rutes {\n}\nvrrp_scrpt \"// x\" http://x {\n}\n", []string{"unknown keyword", "unknown keyword"}, true},
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
		_, found := Read("f", []byte(instance+"}\n"+strings.Repeat("// x\n", mostSlashes)))
		if n := len(found); n > maxPerName+2 || !strings.Contains(fmt.Sprint(found), "at least 999 more lines") {
			t.Errorf("%d findings:\n%v", n, found)
		}
	})
}
