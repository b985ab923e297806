//go:build !race

package main

// slack is by how much a measured figure may miss what is promised.
const slack = 1
