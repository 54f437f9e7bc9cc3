//go:build unix

package main

import "syscall"

// keepPrivate lets only their owner and its group read the files that this
// process makes: rows, dead letters and manifests tell of users. A stricter umask
// stays.
func keepPrivate() {
	const others = 0o027
	syscall.Umask(syscall.Umask(others) | others)
}
