//go:build !race

package keepalived

// slowness is how much longer than usual a test may take, on a machine that
// has other work.
const slowness = 2
