package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config/source"
)

// configIDs returns the config id of each of n files: the one that was given
// for all, or each its own; by default that of the environment, or else an
// empty one.
func configIDs(given []string, n int) ([]string, error) {
	switch len(given) {
	case 0:
		return slices.Repeat([]string{source.NewSettings(nil).ConfigID()}, n), nil
	case 1:
		return slices.Repeat(given, n), nil
	case n:
		return given, nil
	}
	return nil, fmt.Errorf("--config-id was given %d times for %d files: give it once, or once for each file", len(given), n)
}

// searchPath returns where daemon.OpenConfig looks when it is given no path.
func searchPath() string { return strings.Join(source.SearchPath(), ", ") }
