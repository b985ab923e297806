//go:build linux && race

package host

import "os"

// raceDetector says that this program has the race detector in it, whose
// shadow of the memory is beyond any limit of that.
const raceDetector = true

// raceEnv is how the race detector was told to behave, for the processes that this
// program starts of itself.
func raceEnv() []string {
	if v, ok := os.LookupEnv("GORACE"); ok {
		return []string{"GORACE=" + v}
	}
	return nil
}
