package export

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// partsOf says which rows of a file come from which commit, as partsKey has it. Rows that a
// replay has put in the place of others are of no operation that made a commit: it is 0, and
// the commit is the newest one at that time.
func partsOf(f *tablelog.File, r sizedReader) (string, error) {
	if name, ok := tablelog.ParseFileName(path.Base(f.Path)); ok && !name.Operation {
		return fmt.Sprintf("%d/%d/%d", f.Operation, f.FirstCommit, f.Rows), nil
	}
	parts, err := rowfile.Metadata(r, r.Size(), partsKey)
	if err == nil && parts == "" {
		parts = fmt.Sprintf("0/%d/%d", f.LastCommit, f.Rows)
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", f.Path, err)
	}
	return parts, nil
}

// sizedReader is a file that is read at random.
type sizedReader interface {
	io.ReaderAt
	Size() int64
}

// commitsOf finds the commits that rows of a file come from, by their numbers in the
// file. A commit whose manifest was ended has its number only.
func (a *Archive) commitsOf(f *tablelog.File, rows []rowfile.Stored) ([]Commit, error) {
	parts := ""
	err := a.readSized(f, func(r sizedReader) (err error) {
		parts, err = partsOf(f, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Commit, len(rows))
	known := map[uint64]Commit{}
	for i := range rows {
		operation, number, err := partAt(parts, rows[i].Row)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.Path, err)
		}
		c, ok := known[operation]
		if !ok && operation == 0 {
			c = Commit{Cut: joiner.Cut{Number: number}}
		} else if !ok {
			op, err := a.log.Read(operation)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				c = Commit{Cut: joiner.Cut{Number: number}}
			case err != nil:
				return nil, err
			case op.Commit == nil:
				return nil, fmt.Errorf("operation %d is no commit", operation)
			default:
				c = commitOf(op)
			}
			known[operation] = c
		}
		out[i] = c
	}
	return out, nil
}

// partAt is the operation and the commit that a row comes from.
func partAt(parts string, row int64) (operation, commit uint64, err error) {
	before := int64(0)
	for part := range strings.SplitSeq(parts, ",") {
		fields := strings.Split(part, "/")
		if len(fields) != 3 {
			break
		}
		operation, err1 := strconv.ParseUint(fields[0], 10, 64)
		commit, err2 := strconv.ParseUint(fields[1], 10, 64)
		rows, err3 := strconv.ParseInt(fields[2], 10, 64)
		if err := errors.Join(err1, err2, err3); err != nil {
			return 0, 0, err
		}
		if before += rows; row < before {
			return operation, commit, nil
		}
	}
	return 0, 0, fmt.Errorf("row %d is of no commit in %q", row, parts)
}
