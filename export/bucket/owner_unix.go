//go:build unix

package bucket

import (
	"os"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// owner is who gets what root makes: an administrator who declares a gap must not
// leave files that the joiner's user cannot read.
type owner struct {
	uid, gid int
	other    bool // than this process's user
}

// ownerOf is the owner of a directory of the operating system's file system, if
// this process is root and the directory is another user's.
func ownerOf(fsys vfs.FS, dir string) owner {
	if fsys != vfs.Default || os.Geteuid() != 0 {
		return owner{}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return owner{}
	}
	of, ok := info.Sys().(*syscall.Stat_t)
	return owner{uid: int(of.Uid), gid: int(of.Gid), other: ok && of.Uid != 0}
}

// give makes the owner that of a file or directory.
func (o owner) give(name string) error {
	if !o.other {
		return nil
	}
	return os.Lchown(name, o.uid, o.gid)
}
