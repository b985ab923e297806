//go:build linux

package vmac

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// groupFiles are where iproute2 has the names of interface groups, the first
// that is there.
var groupFiles = []string{"/etc/iproute2/group", "/usr/share/iproute2/group"}

// groupNumber returns the number of an interface group that is given by number
// or name.
func groupNumber(group string) (int, error) {
	if n, err := strconv.ParseInt(group, 0, 32); err == nil && n >= 0 {
		return int(n), nil
	}
	for _, file := range groupFiles {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("look for the interface group %s: %w", group, err)
		}
		if n, found := groupIn(string(text), group); found {
			return n, nil
		}
	}
	return 0, fmt.Errorf("no interface group %q in %s: add it there, or give its number", group, groupFiles[0])
}

// groupIn looks a name up in the text of a file: a number and a name a line.
func groupIn(text, name string) (int, bool) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(strings.SplitN(line, "#", 2)[0])
		if len(fields) < 2 || fields[1] != name {
			continue
		}
		if n, err := strconv.ParseInt(fields[0], 0, 32); err == nil && n >= 0 {
			return int(n), true
		}
	}
	return 0, false
}
