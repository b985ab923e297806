package source

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// disk serves files by path, and by folder when a pattern ends in a star.
func disk(files map[string]string) Options {
	return Options{Include: func(pattern string) ([]File, error) {
		var all []File
		for path, text := range files {
			if ok, err := filepath.Match(pattern, path); err == nil && ok {
				all = append(all, File{path, []byte(text)})
			}
		}
		if len(all) == 0 && !strings.Contains(pattern, "*") {
			return nil, fmt.Errorf("%s: there is no such file", pattern)
		}
		slices.SortFunc(all, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
		return all, nil
	}}
}

func texts(findings config.Findings) []string {
	var all []string
	for _, f := range findings {
		all = append(all, f.String())
	}
	return all
}

func TestLayers(t *testing.T) {
	files := []File{
		{"d/a.yaml", []byte("global: {router_id: one, script_user: nobody, vrrp_iptables: [a]}\nvrrp_scripts: [{name: s, script: ./s}]\n" + instance("track_scripts: [s]"))},
		{"d/empty.yaml", []byte("# nothing\n")},
		{"e/b.toml", []byte("[global]\nrouter_id = \"two\"\nvrrp_iptables = [\"c\"]\n[[vrrp_instances]]\nname = \"B\"\ninterface = \"eth0\"\nvirtual_router_id = 2\nvirtual_ipaddresses = [\"192.0.2.2\"]\ntrack_scripts = [\"t\"]\n")},
		{"e/c.json", []byte("{\"vrrp_scripts\": [{\"name\": \"t\", \"script\": \"./t\"}]}")},
	}
	c, findings := ReadAll(files, Options{})
	want := []string{
		"e/b.toml:2:1: warning: global: router_id was given before, at d/a.yaml:1:10: this one counts [given-twice]",
		"e/b.toml:3:1: warning: global: vrrp_iptables was given before, at d/a.yaml:1:47: this one counts [given-twice]",
		"e/b.toml:3:1: warning: global: vrrp_iptables is not acted on: packets are dropped by nftables [not-acted-on]",
	}
	if got := texts(findings); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	if c.Global.RouterID != "two" || c.Global.ScriptUser != "nobody" || !slices.Equal(c.Global.IPTables, []string{"c"}) {
		t.Errorf("global is %+v", c.Global)
	}
	if len(c.Instances) != 2 || c.Instances[1].At.File() != "e/b.toml" || c.Scripts[0].Argv[0] != "d/s" || c.Scripts[1].Argv[0] != "e/t" {
		t.Errorf("instances %+v, scripts %+v", c.Instances, c.Scripts)
	}
	if want := []string{"d/a.yaml", "d/empty.yaml", "e/b.toml", "e/c.json"}; !slices.Equal(c.Files, want) {
		t.Errorf("files %q, want %q", c.Files, want)
	}
}

func TestWhatSeveralFilesMustNot(t *testing.T) {
	for name, test := range map[string]struct {
		files []File
		want  []string
	}{
		"one name": {[]File{{"a.yaml", []byte(instance())}, {"b.yaml", []byte(strings.ReplaceAll(instance(), "eth0", "eth1"))}}, []string{
			"b.yaml:2:5: error: vrrp_instance A is defined twice, first at a.yaml:2:5 [duplicate-name]",
		}},
		"one virtual router": {[]File{{"a.yaml", []byte(instance())}, {"b.yaml", []byte(strings.ReplaceAll(strings.ReplaceAll(instance(), "name: A", "name: B"), "192.0.2.1/", "192.0.2.2/"))}}, []string{
			"b.yaml:2:5: error: vrrp_instance B: virtual_router_id 1 is used on eth0 already, by vrrp_instance A at a.yaml:2:5 [vrid-clash]",
		}},
		"another shape": {[]File{{"a.yaml", []byte(instance())}, {"b.yaml", []byte("vrrp_instances: {}\n")}}, []string{
			"b.yaml:1:1: warning: vrrp_instances was given before, at a.yaml:1:1: this one counts [given-twice]",
			"b.yaml:1:17: error: vrrp_instances must be a list, not a table of keys [wrong-type]",
		}},
		"no table":       {[]File{{"a.yaml", []byte(instance())}, {"b.json", []byte("[]")}}, []string{"b.json:1:1: error: the configuration must be a table of keys, not a list [wrong-type]"}},
		"nothing at all": {[]File{{"a.yaml", nil}, {"b.json", nil}}, []string{"a.yaml:1:1: error: the file is empty: it needs at least vrrp_instances [empty-file]"}},
		"an include within": {[]File{{"a.yaml", []byte(instance("include: x.yaml"))}}, []string{
			`a.yaml:5:5: error: vrrp_instance A has no key "include" [unknown-key]`,
		}},
		"an include that cannot be": {[]File{{"a.yaml", []byte("include: [x.yaml, 5]\n" + instance())}}, []string{
			"a.yaml:1:11: error: include: nothing can be included here [include-not-possible]",
			"a.yaml:1:19: error: include must be text, not a number: put it in quotes [wrong-type]",
		}},
	} {
		_, findings := ReadAll(test.files, Options{})
		if got := texts(findings); !slices.Equal(got, test.want) {
			t.Errorf("%s: found %q, want %q", name, got, test.want)
		}
	}
}

func TestIncludes(t *testing.T) {
	o := disk(map[string]string{
		"d/conf.d/2.yaml": "global: {router_id: second}\n",
		"d/conf.d/1.json": `{"global": {"router_id": "first"}, "include": "../more.toml"}`,
		"d/more.toml":     "[[vrrp_scripts]]\nname = \"s\"\nscript = \"./s\"\n",
		"d/loop.yaml":     "include: loop2.yaml\n",
		"d/loop2.yaml":    "include: [./loop.yaml]\n",
	})
	c, findings := ReadAll([]File{{"d/a.yaml", []byte("include: [conf.d/*, none/*]\n" + instance("track_scripts: [s]"))}}, o)
	if got, want := texts(findings), []string{"d/conf.d/2.yaml:1:10: warning: global: router_id was given before, at d/conf.d/1.json:1:13: this one counts [given-twice]"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	if want := []string{"d/a.yaml", "d/conf.d/1.json", "d/more.toml", "d/conf.d/2.yaml"}; !slices.Equal(c.Files, want) || c.Global.RouterID != "second" || c.Scripts[0].Argv[0] != "d/s" {
		t.Errorf("files %q, want %q; %+v", c.Files, want, c.Scripts)
	}
	_, findings = ReadAll([]File{{"d/a.yaml", []byte("include: [loop.yaml, gone.yaml]\n" + instance())}}, o)
	want := []string{
		"d/a.yaml:1:22: error: include: d/gone.yaml: there is no such file [include-unreadable]",
		"d/loop2.yaml:1:11: error: include: d/loop.yaml would include itself [include-loop]",
	}
	if got := texts(findings); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

func TestTooManyFiles(t *testing.T) {
	many := Options{Include: func(string) ([]File, error) { return slices.Repeat([]File{{"b.yaml", nil}}, 2*maxFiles), nil }}
	c, findings := ReadAll([]File{{"a.yaml", []byte("include: x\n" + instance())}}, many)
	if len(findings) != 1 || findings[0].Name != "too-large" || len(c.Files) != maxFiles {
		t.Errorf("%d files, findings %v", len(c.Files), findings)
	}
	failing := Options{
		Include: func(string) ([]File, error) { return nil, errors.New("s3cret: no such file") },
		Getenv:  func(string) (string, bool) { return "s3cret", true },
	}
	_, findings = ReadAll([]File{{"a.yaml", []byte("include: ${X}\n" + instance())}}, failing)
	if want := []string{"a.yaml:1:10: error: include: the files that the value of ${X} stands for cannot be read [include-unreadable]"}; !slices.Equal(texts(findings), want) {
		t.Errorf("found %q, want %q", texts(findings), want)
	}
}

func TestSettingsOverFiles(t *testing.T) {
	all := []Setting{{"router_id", "set"}, {"vrrp_version", "3"}, {"script_user", "nobody"}}
	c, findings := ReadAll([]File{{"a.yaml", []byte("global: {router_id: file, script_user: x, script_group: y}\n" + instance("advert_int: 20ms"))}}, Options{Global: all})
	if len(findings) > 0 || c.Global.RouterID != "set" || c.Instances[0].Version != 3 || c.Global.ScriptUser != "nobody" || c.Global.ScriptGroup != "" {
		t.Errorf("%+v, findings %v", c.Global, findings)
	}
	_, findings = ReadAll([]File{{"a.yaml", []byte(instance())}}, Options{Global: []Setting{{"vrrp_version", "4711"}, {"umask", "s3cret"}}})
	want := []string{
		"a.yaml: error: global: vrrp_version must be from 2 to 3, not the value of MOONKEEP_VRRP_VERSION [out-of-range]",
		"a.yaml: error: global: umask: the value of MOONKEEP_UMASK is not of the right form [wrong-value]",
	}
	if got := texts(findings); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}
