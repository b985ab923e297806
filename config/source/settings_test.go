package source

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/inherit"
	"github.com/moonkeep/moonkeep/config/schema"
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

// TestInherited holds which settings a keepalived.conf cannot have set from outside: just
// those whose value an instance or a group has by then.
func TestInherited(t *testing.T) {
	complete := func(f *schema.Field, text string) ([]config.Instance, []config.SyncGroup) {
		c := &config.Config{
			Instances: []config.Instance{{Addresses: []config.Address{{Prefix: netip.MustParsePrefix("192.0.2.1/24")}}, UnicastPeers: []config.Peer{{}}}},
			Groups:    []config.SyncGroup{{}},
		}
		if text != "" {
			if err := f.Set(f.In(reflect.ValueOf(&c.Global).Elem()), text); err != nil {
				return nil, nil
			}
		}
		inherit.Complete(c)
		inherit.Devices(&c.Instances[0], &c.Global)
		return c.Instances, c.Groups
	}
	tried := 0
	for _, f := range scalars() {
		if f.Idle != "" {
			continue
		}
		was, wasGroups := complete(f, "")
		takes, sound := false, false
		for _, text := range append(f.Enum, "true", "2", "3", "1s", "10", "eth7", "192.0.2.9", "192.0.2.0/24") {
			is, groups := complete(f, text)
			sound = sound || is != nil
			takes = takes || is != nil && !(reflect.DeepEqual(is, was) && reflect.DeepEqual(groups, wasGroups))
		}
		if sound {
			tried++
		}
		if strings.HasPrefix(f.Key, "vrrp_mcast_group") {
			takes = true // the reader looks for two instances that are one by it, and at the family
		}
		if takes != inherited(f.Key) {
			t.Errorf("%s: instances or groups take it over: %v, and it counts as such: %v", f.Key, takes, inherited(f.Key))
		}
	}
	if tried < 40 {
		t.Errorf("only %d keys could be tried", tried)
	}
}

// TestSettingOfASetting: what one key takes from another it takes from a setting, too.
func TestSettingOfASetting(t *testing.T) {
	g := config.Global{VMACPrefix: "vrrp", VMACAddrPrefix: "vrrp"}
	if err := NewSettings(map[string]string{"vmac_prefix": "v"}).Apply(&g); err != nil || g.VMACAddrPrefix != "v" {
		t.Errorf("%q, %v", g.VMACAddrPrefix, err)
	}
	g = config.Global{VMACPrefix: "vrrp", VMACAddrPrefix: "vrrp"}
	if err := NewSettings(map[string]string{"vmac_prefix": "v", "vmac_addr_prefix": "w"}).Apply(&g); err != nil || g.VMACAddrPrefix != "w" {
		t.Errorf("%q, %v", g.VMACAddrPrefix, err)
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
