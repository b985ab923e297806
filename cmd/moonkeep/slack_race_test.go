//go:build race

package main

// slack is by how much a measured figure may miss what is promised: the race
// detector takes five to ten times the memory and the time.
const slack = 10
