package shards

import (
	"errors"
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestFilesThatCannotBeEnded: files are ended beside the writing of others. Whichever of them fails, the
// export ends with that error, makes no version, and leaves nothing.
func TestFilesThatCannotBeEnded(t *testing.T) {
	t.Parallel()
	base, o := corrected(t)
	for name, fails := range map[string]struct {
		op errorfs.OpKind
		of string
	}{
		"the first is not synced":     {errorfs.OpFileSync, "train-00000"},
		"the last is not synced":      {errorfs.OpFileSync, "eval-00001"},
		"the first is not read back":  {errorfs.OpFileReadAt, "train-00000"},
		"the last is not read back":   {errorfs.OpFileReadAt, "eval-00001"},
		"one in between is not there": {errorfs.OpOpen, "train-00001"},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := base.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: newRand(1)})
			o := o
			o.Workers, o.Splits.Eval = 2, 0.3
			o.FS = errorfs.Wrap(fsys, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if op.Kind == fails.op && strings.HasSuffix(op.Path, fails.of) {
					return syscall.EIO
				}
				return nil
			}))
			if _, err := exportDay(t, o); !errors.Is(err, syscall.EIO) {
				t.Errorf("got %v, want %v", err, syscall.EIO)
			}
			if newest, err := whole(t, fsys); newest != 1 || err != nil {
				t.Errorf("version %d is the newest, %v", newest, err)
			}
			left, err := fsys.List(path.Join(exportsDir, "feed", stagingDir))
			if err != nil || len(left) > 0 {
				t.Errorf("left in _staging: %q, %v", left, err)
			}
		})
	}
}
