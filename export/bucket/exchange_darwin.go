package bucket

import (
	"errors"

	"golang.org/x/sys/unix"
)

// exchange makes a and b, which are both there, the names of one another's.
func exchange(a, b string) error {
	err := unix.RenamexNp(a, b, unix.RENAME_SWAP)
	if errors.Is(err, unix.ENOTSUP) {
		return ErrNoExchange
	}
	return err
}
