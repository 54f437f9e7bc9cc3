package export

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
)

// Written lists the rows of requests with ts >= since that have a revision or
// were written before their close, oldest commit first. RequestTS is cut to the
// microsecond, which is what the files have; a request within the microsecond
// of since is listed. Rows of days that were deleted are not.
func (o *Output) Written(since events.Time, every bool) iter.Seq2[joiner.Written, error] {
	return func(yield func(joiner.Written, error) bool) {
		for m, err := range o.manifests() {
			if err != nil {
				yield(joiner.Written{}, err)
				return
			}
			for i := range m.Files {
				f := &m.Files[i]
				if f.MaxRevision == 0 && f.Early == 0 && !every || events.Time(f.MaxRequestTS) < since {
					continue
				}
				more := true
				err := o.scan(m, f, every, func(w joiner.Written) bool {
					if w.RequestTS.Add(time.Microsecond-1) >= since {
						more = yield(w, nil)
					}
					return more
				})
				if err != nil && more {
					yield(joiner.Written{}, err)
				}
				if err != nil || !more {
					return
				}
			}
		}
	}
}

// scan reads a committed file, once its bytes are known to be ours.
func (o *Output) scan(m *manifest, f *file, every bool, visit func(joiner.Written) bool) error {
	missing := func(reason string) error {
		return &MissingFileError{Dir: o.opts.Dir, Path: f.Path, Number: m.Number, Reason: reason}
	}
	r, err := o.bucket.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		cut, _, _ := o.Last()
		deleted, err := o.dayDeleted(cut.MaxEvent, path.Dir(f.Path))
		if !deleted && err == nil {
			err = missing("it is not there")
		}
		return err // nobody can see the rows of a deleted day, nor which revisions they had
	}
	if err != nil {
		return err
	}
	defer r.Close()
	if err := checkReader(r, f.Bytes, f.SHA256); err != nil {
		return missing(err.Error())
	}
	if err := rowfile.Scan(r, r.Size(), every, visit); err != nil {
		return fmt.Errorf("read %s: %w", f.Path, err)
	}
	return nil
}
