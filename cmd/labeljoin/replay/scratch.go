package replay

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/export/bucket"
)

// scratchName is the folder of what is needed only while a replay runs: what came through a pipe or from a stream,
// copies of objects, and the cells of labels.
const scratchName = "_replay"

// scratch is that folder. Of an output in a store it lies beside the state, where outputs have one each.
func (r *Replay) scratch() string {
	switch {
	case r.DryRun:
		return r.Out // a temporary folder
	case config.IsAddress(r.Out):
		out := sha256.Sum256([]byte(r.Out))
		return filepath.Join(r.Config.State.Dir, scratchName, hex.EncodeToString(out[:8]))
	}
	return filepath.Join(r.Out, scratchName)
}

// takeScratch removes what a replay that was killed has left in the scratch: files are appended to there, and what is
// read of them must be of this run. The caller has locked an output that is a directory; for one in a store, the
// scratch has a lock of its own. Release it before the output.
func (r *Replay) takeScratch() (release func() error, err error) {
	dir, lock := r.scratch(), io.Closer(nil)
	if config.IsAddress(r.Out) {
		lock, err = bucket.NewDir(vfs.Default, filepath.Dir(dir)).Lock(filepath.Base(dir) + ".lock")
		if errors.Is(err, bucket.ErrLocked) {
			return nil, fmt.Errorf("%s is replayed by another process (%w): wait until that one ends", r.Out, err)
		}
		if err != nil {
			return nil, fmt.Errorf("locking %s: %w", dir, err)
		}
	}
	release = func() error {
		err := os.RemoveAll(dir)
		if lock != nil {
			err = errors.Join(err, lock.Close())
		}
		return err
	}
	if r.DryRun {
		return release, nil // it is new
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("removing what an interrupted replay left: %w", err), release())
	}
	return release, nil
}
