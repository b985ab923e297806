package daemon

import (
	"fmt"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config/keepalived"
	"github.com/moonkeep/moonkeep/config/lint"
	"github.com/moonkeep/moonkeep/config/load"
)

// TestRefusedNotWhatKeepalivedRuns: what keepalived starts with, and complains about
// at most, starts here, too, and is not passed over in silence.
func TestRefusedNotWhatKeepalivedRuns(t *testing.T) {
	site := func(head, server, check string) string {
		return fmt.Sprintf("virtual_server %s {\ndelay_loop 5\nlb_algo rr\nlb_kind NAT\nprotocol TCP\nreal_server %s {\n%s\n}\n}\n", head, server, check)
	}
	const pages = "HTTP_GET {\nurl {\npath %s\n}\n}"
	for name, text := range map[string]string{
		"DNS_CHECK without a port":          site("fwmark 3", "10.0.0.1 0", "DNS_CHECK {\n}"),
		"UDP_CHECK without a port":          site("fwmark 3", "10.0.0.1 0", "UDP_CHECK {\nrequire_reply\n}"),
		"SMTP_CHECK without a port":         site("fwmark 3", "10.0.0.1 0", "SMTP_CHECK {\n}"),
		"SMTP_CHECK, a host without a port": site("fwmark 3", "10.0.0.1 0", "SMTP_CHECK {\nhost {\nconnect_ip 10.0.0.2\n}\n}"),
		"TCP_CHECK without a port":          site("fwmark 3", "10.0.0.1 0", "TCP_CHECK {\n}"),
		"no reply can be right":             site("10.9.0.1 80", "10.0.0.1 80", "UDP_CHECK {\nrequire_reply 01\nmin_reply_length 300\n}"),
		"offsets of a pattern in reverse":   site("10.9.0.1 80", "10.0.0.1 80", fmt.Sprintf(pages, "/\nregex x\nregex_min_offset 5\nregex_max_offset 4")),
		"no pattern":                        site("10.9.0.1 80", "10.0.0.1 80", fmt.Sprintf(pages, "/\nregex_no_match\nregex_options caseless")),
		"a blank in a path":                 site("10.9.0.1 80", "10.0.0.1 80", fmt.Sprintf(pages, `"/a b"`)),
		"a blank in a name":                 site("10.9.0.1 80", "10.0.0.1 80", fmt.Sprintf(pages, "/\nvirtualhost \"a b\"")),
	} {
		c, found := keepalived.Read("site.conf", []byte(text))
		if found.Errors() {
			t.Errorf("%s: %v", name, found)
			continue
		}
		load.Defaults(c)
		if refused := refusedChecks(c, nil); len(refused) > 0 {
			t.Errorf("%s: %v", name, refused)
		}
		said := append(found, lint.One(c)...)
		if name == "a blank in a name" {
			continue // keepalived says nothing, and servers do
		}
		if !strings.Contains(fmt.Sprint(said), "check-no-port") && !strings.Contains(fmt.Sprint(said), "no-effect") &&
			!strings.Contains(fmt.Sprint(said), "reply-length") && !strings.Contains(fmt.Sprint(said), "blank-in-path") {
			t.Errorf("%s: nothing is said of it: %v", name, said)
		}
	}
}
