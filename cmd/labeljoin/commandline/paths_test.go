package commandline_test

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

func TestWrongPath(t *testing.T) {
	at := func(path string, err error) error {
		return fmt.Errorf("open it: %w", &fs.PathError{Op: "open", Path: path, Err: err})
	}
	args := []string{"labeljoin", "replay", "--out=there", "--events", "clicks=logs"}
	for _, c := range []struct {
		name string
		err  error
		code int
		says string
	}{
		{"nothing at a named path", at("logs", fs.ErrNotExist), terminal.ExitUsage, "open it: open logs: file does not exist"},
		{"nothing at a path that is not named", at("labeled", fs.ErrNotExist), terminal.ExitFailed, "open it: open labeled: file does not exist"},
		{"no right to a named path", at("there/x", syscall.EACCES), terminal.ExitUsage, "open it: open there/x: permission denied"},
		{"no right to another", at("labeled", syscall.EACCES), terminal.ExitFailed,
			"open it: open labeled: permission denied: give this user the right to it, or let the configuration or a flag name another place"},
		{"an error that names a way out", fmt.Errorf("%w: ask the owner", at("labeled", syscall.EACCES)), terminal.ExitFailed,
			"open it: open labeled: permission denied: ask the owner"},
		{"a disk that cannot be written", at("labeled", syscall.EROFS), terminal.ExitFailed,
			"open it: open labeled: read-only file system: let the configuration or a flag name a place on a disk that can be written"},
		{"a file in the place of another directory", at("labeled", syscall.ENOTDIR), terminal.ExitUsage,
			"open it: open labeled: not a directory"},
		{"a full disk", at("there", syscall.ENOSPC), terminal.ExitFailed, "open it: open there: no space left on device"},
		{"no path", errors.New("NATS is away"), terminal.ExitFailed, "NATS is away"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := commandline.WrongPath(args, c.err)
			if code := terminal.ExitCode(got); code != c.code || got.Error() != c.says {
				t.Errorf("it ends with %d, want %d, and says\n%s, want\n%s", code, c.code, got, c.says)
			}
		})
	}
	if err := commandline.WrongPath(args, nil); err != nil {
		t.Error(err)
	}
}
