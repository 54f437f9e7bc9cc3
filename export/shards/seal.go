package shards

import (
	"cmp"
	"fmt"
	"sync"

	"github.com/labeljoin/labeljoin/export/bucket"
)

// sealing ends files whose bytes are written: each is made durable, and read back. With several workers
// that goes on beside the writing of the next files, for most of it is waiting for a disk.
type sealing struct {
	day     *dayExport
	slots   chan struct{} // a place for each file that is ended at once; nil: one worker does all
	running sync.WaitGroup

	mu  sync.Mutex
	err error // the first
}

func newSealing(d *dayExport) *sealing {
	s := &sealing{day: d}
	if d.opts.Workers > 1 {
		s.slots = make(chan struct{}, d.opts.Workers)
	}
	return s
}

// seal ends a file, or has it ended: then its error comes from a later seal, or from end.
func (s *sealing) seal(raw bucket.Writer, f File) error {
	if s.slots == nil {
		return s.day.seal(raw, &f)
	}
	if err := s.failed(); err != nil {
		raw.Discard()
		return err
	}
	s.slots <- struct{}{}
	s.running.Go(func() { // waited for by end
		if err := s.day.seal(raw, &f); err != nil {
			s.mu.Lock()
			s.err = cmp.Or(s.err, err)
			s.mu.Unlock()
		}
		<-s.slots
	})
	return nil
}

func (s *sealing) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// end waits until all files are ended.
func (s *sealing) end() error {
	s.running.Wait()
	return s.failed()
}

// seal makes a file durable, and reads it back.
func (d *dayExport) seal(raw bucket.Writer, f *File) error {
	if err := raw.Finish(); err != nil {
		raw.Discard()
		return fmt.Errorf("write %s: %w", f.Path, err)
	}
	return d.readBack(f)
}
