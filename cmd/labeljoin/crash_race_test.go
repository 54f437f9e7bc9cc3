//go:build race

package main

// crashPoints is how many crashes are tried: with the race detector, which
// looks at something else, a few.
const crashPoints = 300
