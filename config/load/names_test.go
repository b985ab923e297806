package load

import (
	"os"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

func TestNumbers(t *testing.T) {
	files := map[string]string{
		"/usr/share/iproute2/rt_tables": "# tables\n255 local\n100 small\n200 other # a comment\n",
		"/etc/iproute2/rt_tables":       "0x65 small\n",
		"/etc/iproute2/rt_realms":       "9 customers\n",
		"/etc/iproute2/rt_protos.d/a":   "77 mine\n",
		"/etc/protocols":                "hopopt 0 HOPOPT\nswipe 53 SWIPE\n",
	}
	read := func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, os.ErrNotExist
	}
	glob := func(pattern string) ([]string, error) {
		if pattern == "/etc/iproute2/rt_protos.d/*.conf" {
			return []string{"/etc/iproute2/rt_protos.d/a"}, nil
		}
		return nil, nil
	}
	c := &config.Config{
		Instances:    []config.Instance{{Routes: []config.Route{{Table: "small", Protocol: "mine", Realms: "customers/3"}, {Table: "main", Protocol: "keepalived"}}}},
		StaticRoutes: []config.Route{{Table: "other", NextHops: []config.NextHop{{Realms: "customers"}}}},
		StaticRules:  []config.Rule{{Table: "nowhere", IPProto: "swipe"}, {Table: "7", IPProto: "tcp"}},
	}
	numbers(c, read, glob)
	for what, x := range map[string][2]string{
		"the administrator's table": {c.Instances[0].Routes[0].Table, "101"},
		"a protocol":                {c.Instances[0].Routes[0].Protocol, "77"},
		"two realms":                {c.Instances[0].Routes[0].Realms, "9/3"},
		"a table that all have":     {c.Instances[0].Routes[1].Table, "main"},
		"our protocol":              {c.Instances[0].Routes[1].Protocol, "keepalived"},
		"the system's table":        {c.StaticRoutes[0].Table, "200"},
		"realms of a next hop":      {c.StaticRoutes[0].NextHops[0].Realms, "9"},
		"a name that nobody knows":  {c.StaticRules[0].Table, "nowhere"},
		"a protocol of IP":          {c.StaticRules[0].IPProto, "53"},
		"a number":                  {c.StaticRules[1].Table, "7"},
		"a usual protocol of IP":    {c.StaticRules[1].IPProto, "tcp"},
	} {
		if x[0] != x[1] {
			t.Errorf("%s: got %q, want %q", what, x[0], x[1])
		}
	}
}
