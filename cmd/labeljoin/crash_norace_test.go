//go:build !race

package main

// crashPoints is how many crashes are tried.
const crashPoints = 2000
