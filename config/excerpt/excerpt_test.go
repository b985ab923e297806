package excerpt

import (
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	long := strings.Repeat("a", 80) + "HERE" + strings.Repeat("b", 200)
	for name, test := range map[string]struct {
		text          string
		line, column  int
		source, caret string
	}{
		"a place":               {"x\n  priority 300\n", 2, 12, "  priority 300", "           ^"},
		"the first":             {"x", 1, 1, "x", "^"},
		"behind the end":        {"ab\n", 1, 9, "ab", "  ^"},
		"a tab":                 {"\tab\n", 1, 3, "\tab", "\t ^"},
		"characters, not bytes": {"äöü x\n", 1, 5, "äöü x", "    ^"},
		"DOS":                   {"ab\r\ncd", 1, 2, "ab", " ^"},
		"a terminal's controls": {"a\x1b[31mb\u202ec\n", 1, 7, "a?[31mb?c", "      ^"},
		"no UTF-8":              {"a\xffb\n", 1, 3, "a?b", "  ^"},
		"long":                  {long, 1, 81, "..." + strings.Repeat("a", 60) + "HERE" + strings.Repeat("b", 36) + "...", strings.Repeat(" ", 63) + "^"},
		"an empty line":         {"\n\n", 2, 1, "", "^"},
		"what is hidden":        {"auth_pass s3cret x\n", 1, 16, "auth_pass ***", "          ^"},
	} {
		source, caret, ok := New("a.conf", []byte(test.text)).Line(test.line, test.column)
		if !ok || source != test.source || caret != test.caret {
			t.Errorf("%s: %v\n%s|\n%s|\nwant\n%s|\n%s|", name, ok, source, caret, test.source, test.caret)
		}
	}
	for _, at := range [][2]int{{0, 1}, {3, 1}, {1, 0}} {
		if source, _, ok := New("a.conf", []byte("a\nb")).Line(at[0], at[1]); ok {
			t.Errorf("%v: got %q, want no line", at, source)
		}
	}
}

// TestSecrets holds that nothing with "hidden" in it is shown, however the
// file is damaged, and that all else with "shown" in it is.
func TestSecrets(t *testing.T) {
	for name, test := range map[string]struct{ file, text string }{
		"keepalived": {"k.conf", `vrrp_instance shown {
  authentication {
    auth_type PASS
    auth_pass hidden
    auth_passhidden
    auth_pas hidden
    hidden
    # auth_pass hidden hidden
    # hidden
  }
  priority shown
}`},
		"keepalived, a brace on its own line": {"k.conf", "authentication\n\n{\n hidden\n}\nshown"},
		"keepalived, a missing brace":         {"k.conf", "authentication {\n hidden\nvrrp_instance shown {\n shown"},
		"keepalived, no brace":                {"k.conf", "authentication\nshown\nauth_pass hidden"},
		"keepalived, one line":                {"k.conf", "shown { authentication { auth_type PASS auth_pass hidden }\nshown"},
		"keepalived, one line, no keyword":    {"k.conf", "authentication { hidden }\nshown"},
		"keepalived, begun on one line":       {"k.conf", "authentication { hidden\nhidden\n}\nshown"},
		"keepalived, misspelt":                {"k.conf", "authentification {\n hidden\n}\nshown"},
		"keepalived, keys":                    {"k.conf", "auth_hmac {\n key 1 hidden\n key 2 hex:hidden\n active_key 1\n}\nshown"},
		"keepalived, definitions":             {"k.conf", "$A=hidden\n$B=shown\n$C=hidden\n$D=hidden \\\n hidden\nauth_pass $A\nauth_pass ${D}\npriority $B shown"},
		"keepalived, SSL":                     {"k.conf", "SSL {\n password hidden\n}\nshown"},
		"keepalived, no block":                {"k.conf", "vrrp_instance shown {\n authentication hidden\n auth_pas hidden\n @a auth-pass hidden\n shown\n}"},
		"keepalived, on the next line":        {"k.conf", "SSL {\n password\n hidden\n}\nshown"},
		"keepalived, what is included":        {"k.inc", "# hidden\nauth_type PASS\nauth_pas hidden\nhidden\n"},
		"YAML, a word":                        {"a.yaml", "a:\n  authentication: hidden\n  shown: 1\n  SSL: hidden\nshown: 2\n"},
		"YAML, flow without a word":           {"a.yaml", "a:\n  auth_hmac: {keys: {1: hidden}}\n  shown: 1\n  authentication: {auth_type: PASS,\n    x: hidden}\nshown: 2\n"},
		"TOML, a key":                         {"a.toml", "authentication.hidden = 1\nshown = 1\nauth_hmac = {keys = [\"hidden\"]}\nshown = 2"},
		"JSON, a word":                        {"a.json", "{\n \"authentication\": \"hidden\",\n \"shown\": 1,\n \"authentication\": [\"hidden\"]\n}"},
		"keepalived, a command":               {"k.conf", "script \"/bin/shown --password=hidden\"\nshown"},
		"YAML":                                {"a.yaml", "- name: shown\n  authentication:\n    auth_type: PASS\n    auth_pass: hidden\n    auth_pas: hidden\n    # hidden\n  priority: shown\n"},
		"YAML, flow":                          {"a.yml", "- {name: shown, authentication: {auth_type: PASS, auth_pass: hidden}}\n- shown"},
		"YAML, below":                         {"a.yaml", "a:\n  auth_pass:\n    hidden\n  shown: shown\n  auth_pass: |\n    hidden\n\n    hidden\n  shown: 1\n"},
		"YAML, an alias":                      {"a.yaml", "x: &p hidden\nz: &q shown\nauth_pass: *p\ny: *q shown\n"},
		"TOML":                                {"a.toml", "[[x]]\nname = \"shown\"\n[x.authentication]\nauth_type = \"PASS\"\nauth_pass = \"hidden\"\nother = \"hidden\"\n[y]\nshown = 1\n"},
		"TOML, inline":                        {"a.toml", "authentication = {auth_type = \"PASS\", auth_pass = \"hidden\"}\nshown = 1"},
		"TOML, dotted":                        {"a.toml", "authentication.auth_pass = 'hidden'\nshown = 1"},
		"TOML, several lines":                 {"a.toml", "auth_pass = \"\"\"\nhidden\nhidden\"\"\"\nshown = 1\nauth_pass = '''hidden\nhidden\n'''\nshown = 2"},
		"JSON":                                {"a.json", "{\n \"name\": \"shown\",\n \"authentication\": {\n  \"auth_type\": \"PASS\",\n  \"auth_pass\": \"hidden\",\n  \"x\": \"hidden\"\n },\n \"shown\": 1\n}"},
	} {
		x := New(test.file, []byte(test.text))
		for i, line := range strings.Split(test.text, "\n") {
			source, _, ok := x.Line(i+1, 1)
			if !ok || strings.Contains(source, "hidden") {
				t.Errorf("%s: %q is shown as %q", name, line, source)
			}
			if strings.Contains(line, "shown") && !strings.Contains(source, "shown") {
				t.Errorf("%s: %q is shown as %q", name, line, source)
			}
		}
	}
}

// TestWhatIsNoSecretIsShown holds that the lines of an ordinary block stay
// readable.
func TestWhatIsNoSecretIsShown(t *testing.T) {
	const text = "vrrp_instance A {\n  authentication {\n    auth_type PASS\n    auth_pass x\n  }\n  virtual_ipaddress {\n    10.0.0.1\n  }\n}"
	want := strings.Replace(text, "auth_pass x", "auth_pass ***", 1)
	x := New("k.conf", []byte(text))
	for i, line := range strings.Split(want, "\n") {
		if source, _, _ := x.Line(i+1, 1); source != line {
			t.Errorf("shown as %q, want %q", source, line)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("a.yaml", "auth_pass: |\n x\n", 1, 5)
	f.Add("a.conf", "authentication {\n}\n}", 2, 1)
	f.Add("a.toml", "auth_pass='''", 1, 1)
	f.Fuzz(func(t *testing.T, file, text string, line, column int) {
		source, caret, ok := New(file, []byte(text)).Line(line, column)
		if ok && (strings.ContainsAny(source+caret, "\n\x1b") || !strings.HasSuffix(caret, "^")) {
			t.Errorf("%q\n%q", source, caret)
		}
	})
}
