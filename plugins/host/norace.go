//go:build linux && !race

package host

// raceDetector says that this program has the race detector in it.
const raceDetector = false

// raceEnv has nothing to say without it.
func raceEnv() []string { return nil }
