//go:build !race

package engine_test

// fewer divides the numbers of histories.
const fewer = 1
