package partition

import (
	"fmt"
	"os"
	"syscall"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// ownedByOther is the error for a directory of another user, in which a command
// would make files that its owner cannot open.
func ownedByOther(dir string) error {
	uid, _, ok := ownerOf(dir)
	if !ok || uid == os.Geteuid() {
		return nil
	}
	return &terminal.UsageError{Err: fmt.Errorf("%s belongs to user %d, and this is user %d: what it makes there the joiner could not open; give this command as that user (sudo -u '#%d')",
		dir, uid, os.Geteuid(), uid)}
}

// ownerOf is who owns a file, where the system tells.
func ownerOf(path string) (uid, gid int, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}
