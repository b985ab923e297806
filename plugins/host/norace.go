//go:build linux && !race

package host

// raceDetector says that this program has the race detector in it.
const raceDetector = false
