//go:build !race

package systemtest

const (
	crashPoints     = 2000      // how many crashes are tried
	simulationSeeds = 60        // how many worlds are simulated
	restoreSeeds    = 40        // in how many worlds old copies are restored
	manyOutcomes    = 1_000_000 // how many outcomes one request has
)
