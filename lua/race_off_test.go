//go:build !race

package lua

const raceSlack = 1
