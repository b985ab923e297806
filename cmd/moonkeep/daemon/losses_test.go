package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// TestParts: a reload is refused when no file matches a pattern any more, and not
// for a new pattern of nothing, unless it stands for one that some matched.
func TestParts(t *testing.T) {
	t.Parallel()
	list := func(words string) (all []config.Include) {
		for _, word := range strings.Fields(words) {
			all = append(all, config.Include{Pattern: strings.TrimSuffix(word, "+"), Matched: strings.HasSuffix(word, "+")})
		}
		return all
	}
	for _, tt := range []struct{ running, next, says string }{
		{"", "", ""},
		{"a+", "a+", ""},
		{"a+", "a", "no file matches a; put"},
		{"a", "a", ""},
		{"a", "a+", ""},
		{"a+", "a+ b", ""},
		{"", "b", ""},
		{"a", "b", ""},
		{"a+", "", ""},
		{"a+", "b", "no file matches b, and a is not included any more"},
		{"a+ b", "b", ""},
		{"a+", "b+", ""},
	} {
		got := Parts(list(tt.running), list(tt.next))
		if !strings.Contains(got, tt.says) || (got == "") != (tt.says == "") {
			t.Errorf("from %q to %q: %q, want %q", tt.running, tt.next, got, tt.says)
		}
	}
	var many, none []config.Include
	for i := range 100 {
		many = append(many, config.Include{Pattern: fmt.Sprint("p", i), Matched: true})
		none = append(none, config.Include{Pattern: fmt.Sprint("p", i)})
	}
	if got := Parts(many, none); !strings.Contains(got, "p19; and 80 more; ") {
		t.Errorf("many: %q", got)
	}
}

// TestIncludesNoted: in every language a configuration says which patterns it was
// read by, from the root, and whether files matched.
func TestIncludesNoted(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"some", "none"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("some/a.conf", "global_defs {\n\trouter_id a\n}\n")
	write("some/a.yaml", "global: {router_id: a}\n")
	var patterns, alone strings.Builder
	for i := range 60 {
		fmt.Fprintf(&patterns, "include none/%d.*\n", i)
	}
	fmt.Fprint(&alone, "include some/*.conf\ninclude none/*.conf\ninclude none/*.conf\ninclude some/a.conf\n")
	write("alone.conf", alone.String())
	write("many.conf", patterns.String())
	write("a.yaml", "include: [some/*.yaml, 'none/*.yaml', none]\n")
	write("a.toml", "include = 'none/*.toml'\n")
	write("env.yaml", "include: ${WHERE}\nglobal: {router_id: a}\n")
	t.Setenv("WHERE", "none/*.yaml")
	for _, tt := range []struct{ path, want string }{
		{"alone.conf", "some/*.conf+ none/*.conf"},
		{"a.yaml", "some/*.yaml+ none/*.yaml none"},
		{"a.toml", "none/*.toml"},
		{"a.yaml some none", "some+ none some/*.yaml+ none/*.yaml none"},
	} {
		c, found, err := openLayers(strings.Fields(tt.path), "", nil, nil)
		if err != nil || found.Errors() {
			t.Errorf("%s: %v, %v", tt.path, found, err)
			continue
		}
		var got []string
		for _, i := range c.Includes {
			word, under := strings.CutPrefix(i.Pattern, dir+"/")
			if !under {
				t.Errorf("%s: %q is not from the root", tt.path, i.Pattern)
			}
			if i.Matched {
				word += "+"
			}
			got = append(got, word)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %q, want %q", tt.path, got, tt.want)
		}
	}
	if c, _, err := openLayers([]string{"many.conf"}, "", nil, nil); err != nil || len(c.Unmatched()) != 60 {
		t.Errorf("of 60 there are %v, %v", c.Unmatched(), err)
	}
	if c, _, err := openLayers([]string{"env.yaml"}, "", nil, nil); err != nil || len(c.Includes) != 1 || strings.Contains(c.Includes[0].Pattern, "none") {
		t.Errorf("the environment is shown: %+v, %v", c.Includes, err)
	}
}
