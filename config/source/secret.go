package source

import (
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// mostSecrets bounds the texts that are looked for in messages.
const mostSecrets = 1000

// secrets returns the texts of a tree that no message may repeat: all that
// stands in a table for authentication or under a key for a password, and is
// no key of such a table itself.
func secrets(v *value) []string {
	var all []string
	collect(v, false, &all)
	return all
}

func collect(v *value, secret bool, all *[]string) {
	if v == nil || len(*all) >= mostSecrets {
		return
	}
	if secret && v.text != "" && !config.OpenWord(v.text) {
		*all = append(*all, v.text)
	}
	for _, item := range v.items {
		collect(item, secret, all)
	}
	for i := range v.fields {
		f := &v.fields[i]
		if secret && !config.OpenWord(f.key) {
			*all = append(*all, f.key)
		}
		key := strings.ToLower(f.key)
		hides := secret || strings.HasPrefix(key, "auth") || strings.Contains(key, "pass") || strings.Contains(key, "secret") ||
			key == "ssl" && f.value.kind != kindTable
		collect(f.value, hides, all)
	}
}
