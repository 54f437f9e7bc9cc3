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
	var parts []part
	err := a.readSized(f, func(r sizedReader) error {
		text, err := partsOf(f, r)
		if err == nil {
			parts, err = parseParts(text)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Commit, len(rows))
	known := map[uint64]Commit{}
	for i := range rows {
		of, err := partAt(parts, rows[i].Row)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.Path, err)
		}
		operation, number := of.operation, of.commit
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

// part are rows of a file that come from one commit.
type part struct {
	operation, commit uint64
	rows              int64
}

// parseParts reads what partsOf says.
func parseParts(text string) (parts []part, err error) {
	for one := range strings.SplitSeq(text, ",") {
		fields := strings.Split(one, "/")
		if len(fields) != 3 {
			return nil, fmt.Errorf("%q is not made of parts like operation/commit/rows", text)
		}
		var p part
		var errs [3]error
		p.operation, errs[0] = strconv.ParseUint(fields[0], 10, 64)
		p.commit, errs[1] = strconv.ParseUint(fields[1], 10, 64)
		p.rows, errs[2] = strconv.ParseInt(fields[2], 10, 64)
		if err := errors.Join(errs[:]...); err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// partAt is the part that a row is in.
func partAt(parts []part, row int64) (part, error) {
	before := int64(0)
	for _, p := range parts {
		if before += p.rows; row < before {
			return p, nil
		}
	}
	return part{}, fmt.Errorf("row %d is of no commit, as the file has %d rows of commits", row, before)
}

// laterThan tells of each row of a file, one call a row, whether a commit after one wrote it; 0 is without end.
func laterThan(f *tablelog.File, r sizedReader, through uint64) (isLater func() bool, err error) {
	if through == 0 || f.LastCommit <= through {
		return func() bool { return false }, nil
	}
	text, err := partsOf(f, r)
	if err != nil {
		return nil, err
	}
	parts, err := parseParts(text)
	if err != nil {
		return nil, err
	}
	return func() bool {
		for len(parts) > 0 && parts[0].rows == 0 {
			parts = parts[1:]
		}
		if len(parts) == 0 {
			return false
		}
		parts[0].rows--
		return parts[0].operation > 0 && parts[0].commit > through // a replay put what is of no operation there
	}, nil
}
