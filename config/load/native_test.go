package load

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config/source"
)

func TestLayers(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, folder := range []string{"conf.d", "conf.d/sub.yaml", "more", "empty"} {
		if err := os.Mkdir(path(folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, path("a.yaml"), "include: [more, 'none*.yaml']\nglobal: {router_id: '${MK_TEST_NAME:-a}'}\n"+whole("eth0"))
	write(t, path("more/2.toml"), "[global]\nscript_user = \"two\"\n")
	write(t, path("more/1.json"), "{}")
	write(t, path("more/.3.yaml"), "hidden: 1\n")
	write(t, path("more/4.conf"), "not of ours\n")
	write(t, path("b.yaml"), "global: {script_group: g}\n")
	write(t, path("k.conf"), keepalivedText)
	write(t, path("large.yaml"), "#"+strings.Repeat(" ", MaxNative))
	write(t, path("half.yaml"), "#"+strings.Repeat(" ", MaxNative/2))
	t.Setenv("MK_TEST_NAME", "from the environment")

	c, found, err := Layers([]string{path("a.yaml"), path("b.yaml")}, source.NewSettings(map[string]string{"script_group": "set"}), nil)
	if err != nil || found.Errors() {
		t.Fatalf("%v, %v", found, err)
	}
	want := []string{path("a.yaml"), path("more/1.json"), path("more/2.toml"), path("b.yaml")}
	if !slices.Equal(c.Files, want) || c.Global.RouterID != "from the environment" || c.Global.ScriptUser != "two" || c.Global.ScriptGroup != "set" {
		t.Errorf("files %q, want %q; %+v", c.Files, want, c.Global)
	}
	if c, found, err := Layers([]string{path("more"), path("a.yaml")}, nil, nil); err != nil || found.Errors() || len(c.Files) != 5 {
		t.Errorf("a folder first: %v, %v", found, err)
	}
	if c, _, err := FileAs(path("more"), ""); err != nil || !slices.Equal(c.Files, []string{path("more/1.json"), path("more/2.toml")}) {
		t.Errorf("a folder alone: %v", err)
	}
	if c, _, err := Layers([]string{path("k.conf")}, nil, nil); err != nil || len(c.Instances) != 1 {
		t.Errorf("keepalived.conf alone: %v", err)
	}
	for name, test := range map[string]struct {
		paths []string
		is    error
		want  string
	}{
		"another language":     {[]string{path("a.yaml"), path("k.conf")}, nil, "k.conf: only files of moonkeep's own languages"},
		"an empty folder":      {[]string{path("empty")}, nil, "no file with one of the endings .yaml .yml .toml .json is in "},
		"a folder in a folder": {[]string{path("conf.d")}, ErrNotRegular, "not a regular file but a directory"},
		"nothing":              {[]string{path("a.yaml"), path("gone.yaml")}, os.ErrNotExist, "gone.yaml: file does not exist; create it or name another"},
		"too much":             {[]string{path("large.yaml")}, ErrTooLarge, "large.yaml: too large: a configuration in this language has 4 MiB at most"},
		"too much together":    {[]string{path("half.yaml"), path("half.yaml")}, ErrTooLarge, "half.yaml: too large"},
	} {
		c, _, err := Layers(test.paths, nil, nil)
		if c != nil || err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	write(t, path("i.yaml"), "include: [gone.yaml, k.conf, '[', more/2.toml]\n"+whole("eth0"))
	_, found, err = Layers([]string{path("i.yaml")}, nil, nil)
	var got []string
	for _, f := range found {
		got = append(got, strings.ReplaceAll(f.String(), dir, "DIR"))
	}
	wantFound := []string{
		"DIR/i.yaml:1:11: error: include: DIR/gone.yaml: file does not exist; create it or name another [include-unreadable]",
		"DIR/i.yaml:1:22: error: include: DIR/k.conf: its ending names no language: .yaml, .yml, .toml, .json do [include-unreadable]",
		"DIR/i.yaml:1:30: error: include: DIR/[: syntax error in pattern [include-unreadable]",
	}
	if err != nil || !slices.Equal(got, wantFound) {
		t.Errorf("found %q, %v, want %q", got, err, wantFound)
	}
}
