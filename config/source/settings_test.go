package source

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

func TestSettingsAreLayered(t *testing.T) {
	file := config.Global{RouterID: "file", ScriptUser: "fileuser", ScriptGroup: "filegroup"}
	for name, test := range map[string]struct {
		flags, env map[string]string
		want       config.Global
	}{
		"file only": {want: file},
		"environment over file": {
			env:  map[string]string{"MOONKEEP_ROUTER_ID": "env"},
			want: config.Global{RouterID: "env", ScriptUser: "fileuser", ScriptGroup: "filegroup"},
		},
		"empty environment": {env: map[string]string{"MOONKEEP_ROUTER_ID": ""}, want: file},
		"flag over environment": {
			flags: map[string]string{SettingRouterID: "flag"}, env: map[string]string{"MOONKEEP_ROUTER_ID": "env"},
			want: config.Global{RouterID: "flag", ScriptUser: "fileuser", ScriptGroup: "filegroup"},
		},
		"another user without the old one's group": {
			env:  map[string]string{"MOONKEEP_SCRIPT_USER": "nobody"},
			want: config.Global{RouterID: "file", ScriptUser: "nobody"},
		},
		"another user with a group": {
			env:  map[string]string{"MOONKEEP_SCRIPT_USER": "nobody", "MOONKEEP_SCRIPT_GROUP": "adm"},
			want: config.Global{RouterID: "file", ScriptUser: "nobody", ScriptGroup: "adm"},
		},
		"another variable": {env: map[string]string{"ROUTER_ID": "x", "moonkeep_router_id": "y"}, want: file},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range test.env {
				t.Setenv(k, v)
			}
			got := file
			if err := NewSettings(test.flags).Apply(&got); err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestConfigFile(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	paths := []string{filepath.Join(one, "a.yaml"), filepath.Join(one, "a.toml"), filepath.Join(two, "k.conf")}
	for _, d := range []string{one, two} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(path string) {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	none := NewSettings(nil)
	if _, err := none.configFile(paths); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), paths[2]) {
		t.Errorf("without a file: %v", err)
	}
	write(paths[2])
	if got, err := none.configFile(paths); got != paths[2] || err != nil {
		t.Errorf("%s, %v, want the last", got, err)
	}
	write(paths[1])
	if got, err := none.configFile(paths); got != paths[1] || err != nil {
		t.Errorf("%s, %v, want the one before", got, err)
	}
	write(paths[0])
	want := "both " + paths[0] + " and " + paths[1] + " exist: name the one that is meant with -c, or remove the other"
	if _, err := none.configFile(paths); err == nil || err.Error() != want {
		t.Errorf("with two in one folder: %v, want %s", err, want)
	}
	t.Setenv("MOONKEEP_CONFIG", "env.yaml")
	if got, err := NewSettings(nil).configFile(paths); got != "env.yaml" || err != nil {
		t.Errorf("%s, %v, want what the environment names", got, err)
	}
	if got, err := NewSettings(map[string]string{SettingConfig: "flag.yaml"}).configFile(paths); got != "flag.yaml" || err != nil {
		t.Errorf("%s, %v, want what the flag names", got, err)
	}
}
