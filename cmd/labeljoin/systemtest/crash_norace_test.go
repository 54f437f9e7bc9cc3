//go:build !race

package systemtest

const (
	raced           = false // whether the race detector watches
	crashPoints     = 2000  // how many crashes are tried
	simulationSeeds = 60    // how many worlds are simulated
	restoreSeeds    = 40    // in how many worlds old copies are restored
)
