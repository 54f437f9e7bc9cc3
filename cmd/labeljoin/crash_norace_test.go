//go:build !race

package main

const (
	crashPoints  = 2000      // how many crashes are tried
	manyOutcomes = 1_000_000 // how many outcomes one request has
)
