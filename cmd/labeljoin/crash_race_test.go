//go:build race

package main

// With the race detector, which looks at something else, there is less of
// everything: how many crashes are tried, and how many outcomes one request has.
const (
	crashPoints  = 300
	manyOutcomes = 50_000
)
