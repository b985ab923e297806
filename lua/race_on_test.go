//go:build race

package lua

// raceSlack is by how much the race detector slows down what is measured.
const raceSlack = 10
