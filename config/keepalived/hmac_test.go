package keepalived

import (
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// TestHMACKeys holds auth_hmac to having a key that signs, and its keys to
// being readable: keepalived would go without any authentication.
func TestHMACKeys(t *testing.T) {
	text := strings.Repeat("k", config.LeastKey)
	hmac := func(lines ...string) string {
		return instanceText("version 3\nauth_hmac {\n"+strings.Join(lines, "\n")+"\n}", oneAddress)
	}
	for name, c := range map[string]struct {
		lines  []string
		found  []string
		secret string // of the key that signs
	}{
		"text":                    {[]string{"key 1 " + text, "active_key 1"}, nil, text},
		"hexadecimal":             {[]string{"key 1 hex:" + strings.Repeat("6b", 32), "active_key 1"}, nil, "hex:" + strings.Repeat("6b", 32)},
		"a file":                  {[]string{"key 1 file:/etc/key", "active_key 1"}, nil, "file:/etc/key"},
		"the second of two":       {[]string{"key 1 " + text, "key 9 file:/etc/nine", "active_key 9"}, nil, "file:/etc/nine"},
		"no key signs":            {[]string{"key 1 " + text}, []string{"error missing-keyword"}, ""},
		"no key is there":         {[]string{"active_key 1"}, []string{"error bad-value"}, ""},
		"another key signs":       {[]string{"key 1 " + text, "active_key 2"}, []string{"error bad-value"}, ""},
		"31 bytes":                {[]string{"key 1 " + text[1:], "active_key 1"}, []string{"error bad-value"}, ""},
		"65 bytes":                {[]string{"key 1 " + strings.Repeat("k", config.MostKey+1), "active_key 1"}, []string{"error bad-value"}, ""},
		"31 bytes in hexadecimal": {[]string{"key 1 hex:" + strings.Repeat("6b", 31), "active_key 1"}, []string{"error bad-value"}, ""},
		"half an octet":           {[]string{"key 1 hex:" + strings.Repeat("6b", 32) + "6", "active_key 1"}, []string{"error bad-value"}, ""},
		"a file without a place":  {[]string{"key 1 file:key", "active_key 1"}, []string{"error bad-value"}, ""},
		"number 0":                {[]string{"key 0 " + text, "active_key 1"}, []string{"error out-of-range"}, ""},
		"number 256":              {[]string{"key 256 " + text, "active_key 1"}, []string{"error out-of-range"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, findings := Read("f", []byte(hmac(c.lines...)))
			if got := names(findings); !slices.Equal(got, c.found) {
				t.Errorf("got %q, want %q: %v", got, c.found, findings)
			}
			if c.secret == "" {
				return
			}
			h := cfg.Instances[0].HMAC
			at := slices.IndexFunc(h.Keys, func(k config.HMACKey) bool { return k.ID == h.ActiveKey })
			if at < 0 || string(h.Keys[at].Secret) != c.secret {
				t.Errorf("got keys %+v, of which %d signs, want the other secret", h.Keys, h.ActiveKey)
			}
		})
	}
}
