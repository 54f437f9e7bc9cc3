package export

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// Written lists the rows of requests with ts >= since that have a revision above base or
// were written early, or every row, oldest commit first. RequestTS is cut to the
// microsecond, which is what the files have; a request within the microsecond
// of since is listed. Rows of days that were deleted are not.
func (o *Output) Written(since events.Time, base uint32, every bool) iter.Seq2[joiner.Written, error] {
	return func(yield func(joiner.Written, error) bool) {
		files, err := o.revised(since, base, every)
		if err != nil {
			yield(joiner.Written{}, err)
			return
		}
		for i := range files {
			more := true
			err := o.scan(&files[i], base, every, func(w joiner.Written) bool {
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

// revised lists the live files that have rows for Written, those of older commits
// first.
func (o *Output) revised(since events.Time, base uint32, every bool) (files []tablelog.File, err error) {
	for f, err := range o.writer.State().AllFiles(dayBound(since), "") {
		if err != nil {
			return nil, err
		}
		if (f.MaxRevision > base || f.Early > 0 || every) && f.MaxRequestTS >= since {
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b tablelog.File) int {
		return cmp.Or(cmp.Compare(a.FirstCommit, b.FirstCommit), cmp.Compare(a.Path, b.Path))
	})
	return files, nil
}

// scan reads a committed file, once its bytes are known to be ours.
func (o *Output) scan(f *tablelog.File, base uint32, every bool, visit func(joiner.Written) bool) error {
	missing := func(reason string) error {
		return &MissingFileError{Dir: o.dir, Path: f.Path, Number: f.LastCommit, Reason: reason}
	}
	r, err := o.log.OpenFile(f.Artifact())
	if errors.Is(err, fs.ErrNotExist) {
		cut, _, _ := o.Last()
		deleted, err := o.dayDeleted(cut.MaxEvent, path.Dir(f.Path))
		if !deleted && err == nil {
			err = missing("it is not there")
		}
		return err // the rows of a deleted day cannot be seen, nor which revisions they had
	}
	if err != nil {
		return err
	}
	defer r.Close()
	if err := checkReader(r, f.Bytes, f.SHA256); err != nil {
		return missing(err.Error())
	}
	if err := rowfile.Scan(r, r.Size(), base, every, visit); err != nil {
		return fmt.Errorf("read %s: %w", f.Path, err)
	}
	return nil
}
