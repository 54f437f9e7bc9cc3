//go:build !linux

package columnar

// LimitMemory does nothing: this system has no bound that fits.
func LimitMemory() error { return nil }
