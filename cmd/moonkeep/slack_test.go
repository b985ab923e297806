//go:build !race

package main

// slack is by how much a measured figure may miss what is promised.
const slack = 1

// exitSlack is how long a program waits before it exits.
const exitSlack = 0
