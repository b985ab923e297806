package load

import (
	"path"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
)

// numbers has c name tables, protocols, realms and groups by numbers where only
// the files of iproute2 on this host know the names. read returns the text of a
// file, glob the files of a pattern.
func numbers(c *config.Config, read func(string) ([]byte, error), glob func(string) ([]string, error)) {
	known := make(map[string]map[string]string)
	build.Resolve(c, func(kind, name string) (string, bool) {
		if known[kind] == nil {
			known[kind] = names(kind, read, glob)
		}
		n, ok := known[kind][name]
		return n, ok
	})
}

// names reads the names of a kind: those of the system, then those of its
// administrator, which count more. A file that is not there names nothing.
func names(kind string, read func(string) ([]byte, error), glob func(string) ([]string, error)) map[string]string {
	all := make(map[string]string)
	take := func(file string) {
		text, _ := read(file)
		for line := range strings.Lines(string(text)) {
			line, _, _ = strings.Cut(line, "#")
			words := strings.Fields(line)
			if len(words) < 2 {
				continue
			}
			if n, err := strconv.ParseUint(words[0], 0, 32); err == nil {
				all[words[1]] = strconv.FormatUint(n, 10)
			} else if kind == build.IPProtocols {
				all[words[0]] = words[1]
			}
		}
	}
	if kind == build.IPProtocols {
		take("/etc/protocols")
		return all
	}
	for _, dir := range []string{"/usr/share/iproute2", "/usr/lib/iproute2", "/etc/iproute2"} {
		take(path.Join(dir, kind))
		more, _ := glob(path.Join(dir, kind+".d", "*.conf"))
		for _, file := range more {
			take(file)
		}
	}
	return all
}
