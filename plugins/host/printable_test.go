//go:build linux

package host

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// TestSteersNoTerminal: what a plugin says of itself, or last, is printed by commands.
func TestSteersNoTerminal(t *testing.T) {
	needRoot(t)
	const esc = `\033[2J\033]0;owned\007\302\233`
	hello := fmt.Sprintf(`{"hello":{"protocol":1,"name":"%[1]s","version":"%[1]s","doc":"%[1]s\\n%[1]s","needs":["%[1]s"],"options":[{"name":"%[1]s","type":"%[1]s","unit":"%[1]s","default":"%[1]s","doc":"%[1]s"}]}}`, `\\u001b[2J\302\233`)
	for name, does := range map[string]string{
		"hello":    "printf '" + hello + "\\n'; read line",
		"greeting": "printf '1|1|" + esc + "|x\\n'; sleep 1",
		"words":    "printf '" + esc + "\\n' >&2; exit 3",
		"garbage":  "printf '{" + esc + "\\n'; sleep 1",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(openDir(t), "ANSI")
			if err := os.WriteFile(path, []byte("#!/bin/sh\n"+does+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			s := newSite(t, quick(t))
			info, err := s.host.Describe(context.Background(), Plugin{Name: "ANSI", Path: path, Processes: 4})
			said := fmt.Sprint(info, err)
			if (err == nil) != (name == "hello") {
				t.Errorf("%q", said)
			}
			if strings.IndexFunc(strings.ReplaceAll(said, "\n", ""), unicode.IsControl) >= 0 {
				t.Errorf("it steers: %q", said)
			}
		})
	}
}
