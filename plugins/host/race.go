//go:build linux && race

package host

// raceDetector says that this program has the race detector in it, whose
// shadow of the memory is beyond any limit of that.
const raceDetector = true
