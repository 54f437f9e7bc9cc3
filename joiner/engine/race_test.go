//go:build race

package engine_test

// The race detector looks at how goroutines meet, which a few histories show as
// well as many.
const fewer = 20
