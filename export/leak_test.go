package export

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a goroutine outlives the outputs that the tests opened,
// those that failed included.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
