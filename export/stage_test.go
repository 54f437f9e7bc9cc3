package export

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestStageErrorsNameNoCommit: who made the stage says which commit it is of, once.
func TestStageErrorsNameNoCommit(t *testing.T) {
	o := open(t, options(vfs.NewMem()))
	s, err := o.Stage(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.fail(errors.New("no room")); err == nil || err.Error() != "no room" {
		t.Errorf("error %v", err)
	}
	s.Abort()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}
