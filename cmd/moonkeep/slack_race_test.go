//go:build race

package main

import "time"

// slack is by how much a measured figure may miss what is promised: the race
// detector takes five to ten times the memory and the time.
const slack = 10

// exitSlack is how long a program waits before it exits, for more to be found.
const exitSlack = time.Second
