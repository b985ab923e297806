package load

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/moonkeep/moonkeep/config"
)

// keys reads the keys of auth_hmac that stand in files and in credentials of
// systemd. They are read again with every configuration, so that a reload takes
// up what changed in them.
func (h *host) keys() {
	for i := range h.config.Instances {
		in := &h.config.Instances[i]
		if in.HMAC == nil {
			continue
		}
		for k := range in.HMAC.Keys {
			h.key(in, &in.HMAC.Keys[k])
		}
	}
}

func (h *host) key(in *config.Instance, k *config.HMACKey) {
	kind, name := config.SecretPlace(k.Secret)
	if kind == "" {
		return
	}
	what := fmt.Sprintf("vrrp_instance %s: auth_hmac: key %d", in.Name, k.ID)
	path := name
	if kind == "credential" {
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			h.found.Add(k.At, config.Error, "bad-key", "%s: there are no credentials: systemd sets CREDENTIALS_DIRECTORY for a service with LoadCredential=", what)
			return
		}
		path = filepath.Join(dir, name)
	}
	material, mode, err := readKey(path)
	if err != nil {
		h.found.Add(k.At, config.Error, "bad-key", "%s: %v", what, err)
		return
	}
	k.Material = material
	// A credential's directory is for the service alone, whatever the modes.
	if kind == "file" && mode&0o044 != 0 {
		h.found.Add(k.At, config.Warning, "exposed-key", "%s: %s can be read by others (mode %#o): chmod 600 %s", what, path, mode.Perm(), path)
	}
}

// mostKeyFile is more than any file with a key has: in hexadecimal, with the
// end of its line.
const mostKeyFile = 2*config.MostKey + 16

// readKey reads a file with one key, which only root and this user may change.
func readKey(path string) (config.KeyMaterial, os.FileMode, error) {
	// Not to wait for the other end of a pipe.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	mode := info.Mode()
	owner := info.Sys().(*syscall.Stat_t).Uid
	switch {
	case !mode.IsRegular():
		return nil, 0, fmt.Errorf("%s is no regular file", path)
	case owner != 0 && int(owner) != os.Geteuid():
		return nil, 0, fmt.Errorf("%s belongs to user %d, who could replace the key: chown root %s", path, owner, path)
	case mode&0o022 != 0:
		return nil, 0, fmt.Errorf("%s can be changed by others (mode %#o): chmod 600 %s", path, mode.Perm(), path)
	}
	raw, err := io.ReadAll(io.LimitReader(f, mostKeyFile+1))
	if err != nil {
		return nil, 0, err
	}
	if len(raw) > mostKeyFile {
		return nil, 0, fmt.Errorf("%s is too long for a key", path)
	}
	raw = bytes.TrimSuffix(bytes.TrimSuffix(raw, []byte("\n")), []byte("\r"))
	key, err := config.ParseKey(string(raw))
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	return key, mode, nil
}
