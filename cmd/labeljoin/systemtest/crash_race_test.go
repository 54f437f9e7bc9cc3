//go:build race

package systemtest

// With the race detector, which looks at something else, there is less of
// everything: a race is in the code, and not in what is joined.
const (
	raced           = true
	crashPoints     = 100
	simulationSeeds = 8 // how many worlds are simulated
	restoreSeeds    = 15
)
