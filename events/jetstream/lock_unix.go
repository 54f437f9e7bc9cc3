//go:build unix

package jetstream

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile holds an exclusive lock until the file is closed or the process
// ends in whatever way.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
