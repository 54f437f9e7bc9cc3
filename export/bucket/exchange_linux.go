package bucket

import (
	"errors"

	"golang.org/x/sys/unix"
)

// exchange makes a and b, which are both there, the names of one another's.
func exchange(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return ErrNoExchange
	}
	return err
}
