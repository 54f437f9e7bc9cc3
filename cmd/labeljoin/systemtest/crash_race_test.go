//go:build race

package systemtest

// With the race detector, which looks at something else, there is less of
// everything: crashes, restored copies, outcomes of one request.
const (
	crashPoints     = 300
	simulationSeeds = 10 // how many worlds are simulated
	restoreSeeds    = 15
	manyOutcomes    = 50_000
)
