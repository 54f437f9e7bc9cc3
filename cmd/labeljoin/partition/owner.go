package partition

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// KeepOwner gives the files below a folder to the owner of another one. Only the
// administrator can do so, and no other user needs to.
func KeepOwner(dir, like string) error {
	uid, gid, ok := ownerOf(like)
	if !ok || os.Geteuid() != 0 || uid == 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}
