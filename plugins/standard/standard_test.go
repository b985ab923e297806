package standard

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// TestLight: those whose probes compute are none that have their process on one
// processor.
func TestLight(t *testing.T) {
	for _, name := range Names() {
		r, ok := New(name).(checker.Runner)
		if light := ok && r.Light(); light != (name == "TCP_CHECK" || name == "HTTP_GET") {
			t.Errorf("%s is light: %v", name, light)
		}
	}
}

func TestNames(t *testing.T) {
	names := Names()
	if len(names) != 10 || New("HTTP_GET").Info().Name != "HTTP_GET" || New("http_get") != nil {
		t.Errorf("the names are %q", names)
	}
	for _, name := range names {
		info := New(name).Info()
		if info.Doc == "" || info.Version == "" {
			t.Errorf("%s says nothing of itself", name)
		}
		var seen []string
		for _, o := range info.Options {
			if slices.Contains(seen, o.Name) {
				t.Errorf("%s has two options %s", name, o.Name)
			}
			seen = append(seen, o.Name)
			if o.Doc == "" || !slices.Contains([]string{"string", "bool", "int", "duration", "list", "block"}, o.Type) || strings.ToLower(o.Name) != o.Name {
				t.Errorf("%s: option %+v", name, o)
			}
		}
		// What a checker does not know it refuses, and what it knows it takes.
		for _, o := range info.Options {
			if strings.Contains(o.Name, ".") {
				continue
			}
			raw := map[string]string{"string": `""`, "bool": "false", "int": "0", "duration": `"0s"`, "list": "[]", "block": "[]"}[o.Type]
			given, err := checker.NewOptions([]byte(`{"` + o.Name + `":` + raw + `}`))
			if err != nil {
				t.Fatal(err)
			}
			_, err = New(name).Prepare(checker.Target{Address: netip.MustParseAddrPort("127.0.0.1:1")}, given)
			if err != nil && strings.Contains(err.Error(), "there is no option") {
				t.Errorf("%s describes %s, and does not know it", name, o.Name)
			}
		}
	}
}
