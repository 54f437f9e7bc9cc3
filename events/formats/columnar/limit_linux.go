package columnar

import "golang.org/x/sys/unix"

// LimitMemory bounds the memory of this process, so that a damaged file ends it and not
// the machine. It is called once, before anything is read.
func LimitMemory() error {
	return unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: MaxMemory, Max: MaxMemory})
}
