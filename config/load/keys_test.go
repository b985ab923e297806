package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// keyed is a configuration with one key.
func keyed(secret string) *config.Config {
	return &config.Config{Instances: []config.Instance{{Name: "V", HMAC: &config.HMAC{ActiveKey: 1, Keys: []config.HMACKey{
		{At: config.NewPosition("f", 7, 1), ID: 1, Secret: secret},
	}}}}}
}

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Join(dir, "credentials"))
	key := strings.Repeat("k", 32)
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	write("credentials/good", key, 0o440)
	foreign := write("foreign", key, 0o600)
	if os.Geteuid() == 0 {
		if err := os.Chown(foreign, 4711, 0); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		secret, key, want string
		root              bool
	}{
		"in the text":                {secret: key},
		"a file":                     {secret: "file:" + write("a", key+"\n", 0o600), key: key},
		"a file of another system":   {secret: "file:" + write("b", key+"\r\n", 0o400), key: key},
		"hexadecimal":                {secret: "file:" + write("c", "hex:"+strings.Repeat("6b", 32), 0o600), key: key},
		"a blank belongs to it":      {secret: "file:" + write("d", key+" ", 0o600), key: key + " "},
		"readable by its group":      {secret: "file:" + write("e", key, 0o640), key: key, want: "f:7:1: warning: vrrp_instance V: auth_hmac: key 1: " + dir + "/e can be read by others (mode 0640): chmod 600 " + dir + "/e [exposed-key]"},
		"readable by all":            {secret: "file:" + write("g", key, 0o604), key: key, want: "[exposed-key]"},
		"a credential":               {secret: "credential:good", key: key},
		"no credential":              {secret: "credential:none", want: "no such file or directory [bad-key]"},
		"no file":                    {secret: "file:" + dir + "/none", want: "f:7:1: error: vrrp_instance V: auth_hmac: key 1: open " + dir + "/none: no such file or directory [bad-key]"},
		"can be changed by a group":  {secret: "file:" + write("h", key, 0o620), want: "can be changed by others (mode 0620): chmod 600"},
		"can be changed by all":      {secret: "file:" + write("i", key, 0o602), want: "can be changed by others (mode 0602): chmod 600"},
		"another's":                  {secret: "file:" + foreign, want: "belongs to user 4711, who could replace the key: chown root", root: true},
		"too short":                  {secret: "file:" + write("j", key[1:], 0o600), want: "/j: a secret has 32 to 64 bytes [bad-key]"},
		"too long":                   {secret: "file:" + write("k", strings.Repeat(key, 20), 0o600), want: "/k is too long for a key [bad-key]"},
		"a folder":                   {secret: "file:" + dir, want: "is no regular file [bad-key]"},
		"a pipe that nobody writes":  {secret: "file:" + pipe, want: "is no regular file [bad-key]"},
		"hexadecimal with a mistake": {secret: "file:" + write("l", "hex:"+strings.Repeat("6g", 32), 0o600), want: "/l: behind hex: stand pairs"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.root && os.Geteuid() != 0 {
				t.Skip("needs root to give a file away")
			}
			cfg := keyed(c.secret)
			found := on(pretended{addresses: map[string][]string{"eth0": nil}}, cfg, nil)
			text := fmt.Sprint(found)
			if c.want == "" && len(found) != 0 || !strings.Contains(text, c.want) {
				t.Errorf("got %s, want %q", text, c.want)
			}
			if got := string(cfg.Instances[0].HMAC.Keys[0].Material); got != c.key {
				t.Errorf("got the key %q, want %q", got, c.key)
			}
			if strings.Contains(text, key) || strings.Contains(fmt.Sprintf("%v %+v %#v", cfg.Instances[0].HMAC.Keys[0].Material, cfg.Instances[0].HMAC.Keys[0].Material, cfg.Instances[0].HMAC.Keys[0].Material), "kkk") {
				t.Error("the key is printed")
			}
		})
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if found := fmt.Sprint(on(pretended{addresses: map[string][]string{"eth0": nil}}, keyed("credential:good"), nil)); !strings.Contains(found, "LoadCredential=") {
		t.Errorf("without credentials: got %s", found)
	}
}
