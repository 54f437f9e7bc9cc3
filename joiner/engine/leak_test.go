package engine_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a goroutine outlives the engines that the tests ran, those
// that crashed included.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
