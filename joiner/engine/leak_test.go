package engine_test

import (
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"
)

// collectAt is how far the heap may grow before it is collected, in percent of what is in use. An engine begins with
// 4 MiB of parsers and the tests run thousands of engines: at the usual 100 the collector takes a quarter of their time.
const collectAt = 400

// TestMain fails if a goroutine outlives the engines that the tests ran, those
// that crashed included.
func TestMain(m *testing.M) {
	debug.SetGCPercent(collectAt)
	goleak.VerifyTestMain(m)
}
