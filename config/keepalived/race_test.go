//go:build race

package keepalived

// slowness is how much longer than usual a test may take: the race detector
// makes reading some ten times slower.
const slowness = 10
