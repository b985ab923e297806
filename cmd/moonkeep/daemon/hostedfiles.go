package daemon

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// maxPEM is how large a file with certificates may be, in bytes.
	maxPEM = 1 << 20
	// maxCopied is how large its text may be when each check gets a copy: three of
	// them go into a message, see pluginhost.
	maxCopied = 240 << 10
)

// hostedFiles are files of certificates and keys that were read, by their
// paths: many checks name the same ones.
type hostedFiles map[string]string

// hasFiles reports whether checks of a kind may name such files.
func hasFiles(kind string) bool {
	return kind == "SSL_GET" || kind == "SMTP_CHECK" || kind == "GRPC_HEALTH"
}

// into puts the files that a check names and that only the daemon may read,
// such as keys, into its options: checkers run as somebody else. sum changes
// when the files do.
func (h hostedFiles) into(options json.RawMessage) (out json.RawMessage, sum string, err error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(options, &all); err != nil {
		return nil, "", fmt.Errorf("read the options: %w", err)
	}
	hash := fnv.New64a()
	for _, key := range []string{"ca", "certificate", "key"} {
		var path string
		// Another kind of value is the checker's to refuse.
		if json.Unmarshal(all[key], &path) != nil || path == "" || strings.HasPrefix(strings.TrimSpace(path), "-----BEGIN ") {
			continue
		}
		text, err := h.text(path)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", key, err)
		}
		// A hash takes everything.
		_, _ = hash.Write([]byte(key + text))
		if everybodys(path) {
			continue // not a copy of it for each check
		}
		if len(text) > maxCopied {
			return nil, "", fmt.Errorf("%s: %s has %d KiB: one that not everybody may read has at most %d; let everybody read it, if it has no key, or leave out what the check does not need",
				key, path, len(text)>>10, maxCopied>>10)
		}
		if all[key], err = json.Marshal(text); err != nil {
			return nil, "", fmt.Errorf("%s: %w", key, err)
		}
	}
	if out, err = json.Marshal(all); err != nil {
		return nil, "", fmt.Errorf("write the options: %w", err)
	}
	return out, strconv.FormatUint(hash.Sum64(), 16), nil
}

// text is a file from its first PEM block on.
func (h hostedFiles) text(path string) (string, error) {
	if text, ok := h[path]; ok {
		return text, nil
	}
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxPEM) {
		err = fmt.Errorf("%s is no file with certificates", path)
	}
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	begin := strings.Index(string(b), "-----BEGIN ")
	if begin < 0 {
		return "", fmt.Errorf("%s has nothing in PEM", path)
	}
	h[path] = string(b[begin:])
	return h[path], nil
}

// everybodys reports whether any user may read a file.
func everybodys(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o004 == 0 || !filepath.IsAbs(path) {
		return false
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}
