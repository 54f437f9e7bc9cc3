//go:build unix

package main

import (
	"os"
	"syscall"
)

// stderr is the standard error under another number. Go ends a program that writes to the
// file numbers 1 and 2 when the pipe behind them has no reader any more. For results that is
// what `| head` wants. But a joiner goes on when the reader of its log goes away.
func stderr() *os.File {
	fd, err := syscall.Dup(int(os.Stderr.Fd()))
	if err != nil { // it is closed: what is said is lost
		return os.Stderr
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), os.Stderr.Name())
}
