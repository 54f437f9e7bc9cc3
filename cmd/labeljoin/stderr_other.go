//go:build !unix

package main

import "os"

// stderr is the standard error: here no program is ended for writing to it.
func stderr() *os.File { return os.Stderr }
