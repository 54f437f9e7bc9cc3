package partition

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/store"
)

// openPlace opens the partition. A damaged state is set aside, and one is begun
// that is rebuilt from the log: whether the log reaches back far enough is found
// out then, as after the loss of a state.
func (s *Service) openPlace(rules *joiner.Rules) (*Partition, error) {
	open := func() (*Partition, error) {
		return Open(s.disks.State, s.ID, s.Config, rules, s.Config.State.Dir, s.rows, s.Log)
	}
	p, err := open()
	damaged, ok := errors.AsType[*store.DamagedError](err)
	if !ok {
		return p, err
	}
	kept, err := setAside(s.disks.State, damaged.Dir)
	if err != nil {
		return nil, errors.Join(damaged, err)
	}
	s.Log.Error("the state is damaged: it is set aside and rebuilt from the log; check the disk of this machine, "+
		"and delete what was set aside when it is of no use any more",
		"state", damaged.Dir, "set_aside", kept, "cause", damaged.Err)
	return open()
}

// setAside moves a directory away, to one name: of what was set aside before,
// nothing is kept, so that disks do not fill.
func setAside(fs vfs.FS, dir string) (kept string, err error) {
	kept = dir + ".damaged"
	if err := fs.RemoveAll(kept); err != nil {
		return "", fmt.Errorf("removing the damaged state that was set aside before: %w", err)
	}
	if err := fs.Rename(dir, kept); err != nil {
		return "", fmt.Errorf("setting the damaged state aside: %w", err)
	}
	return kept, nil
}
