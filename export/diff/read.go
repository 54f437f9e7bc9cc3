package diff

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events/formats/columnar"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
)

// The columns by which rows are found.
const (
	idColumn       = "request_id"
	itemColumn     = "item_id"
	tsColumn       = "request_ts"
	revisionColumn = "revision"
	reasonColumn   = "reason"
)

// commitsDir is where the manifests of an output are.
const commitsDir = "_commits"

// survey finds the files of a side, and their columns.
func (d *differ) survey(ctx context.Context, s *side, at string) (err error) {
	if s.files, err = d.filesOf(at); err != nil {
		return err
	}
	if len(s.files) == 0 {
		return &SideError{at, "has no Parquet files"}
	}
	for _, f := range s.files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.add(f); err != nil {
			return fmt.Errorf("%s: %w", &f, err)
		}
	}
	return nil
}

// add takes in the footer of a file.
func (s *side) add(from file) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the file is damaged: %v", p)
		}
	}()
	return from.open(func(f io.ReaderAt, size int64) error {
		p, err := parquet.OpenFile(f, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
		if err != nil {
			return err
		}
		s.rows += p.NumRows()
		hasID := false
		for _, c := range p.Schema().Fields() {
			if hasID = hasID || c.Name() == idColumn; !slices.Contains(s.columns, c.Name()) {
				s.columns = append(s.columns, c.Name())
			}
		}
		if !hasID {
			return fmt.Errorf("there is no column %s", idColumn)
		}
		return nil
	})
}

// filesOf lists the files of a side: of an output the live ones of its table.
func (d *differ) filesOf(at string) (files []file, err error) {
	if strings.HasPrefix(at, "s3://") && d.opts.Place != nil {
		place, err := d.opts.Place(at)
		if err != nil {
			return nil, err
		}
		return live(place)
	}
	info, err := os.Stat(at)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		if known, err := columnar.IsParquet(at); err != nil || !known {
			return nil, cmp.Or[error](err, &SideError{at, "is no Parquet file"})
		}
		return []file{{name: at}}, nil
	}
	if _, err := os.Stat(filepath.Join(at, commitsDir)); err == nil {
		return live(bucket.NewDir(vfs.Default, at))
	}
	err = filepath.WalkDir(at, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && strings.HasSuffix(path, ".parquet") {
			files = append(files, file{name: path})
		}
		return err
	})
	return files, err
}

// file is a file of a side: of this machine, or one in a place.
type file struct {
	name string
	in   bucket.Bucket // nil: of this machine
}

func (f *file) String() string {
	if f.in != nil {
		return f.in.String() + "/" + f.name
	}
	return f.name
}

// live lists the live files of the output in a place.
func live(place bucket.Bucket) (files []file, err error) {
	archive, err := export.OpenArchive(place, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no output at %s: %w", place, err)
	}
	if err != nil {
		return nil, err
	}
	state, err := archive.Log().State()
	if err != nil {
		return nil, err
	}
	for f, err := range state.AllFiles("", "") {
		if err != nil {
			return nil, err
		}
		files = append(files, file{f.Path, place})
	}
	return files, nil
}

// open opens a file while do runs.
func (f *file) open(do func(r io.ReaderAt, size int64) error) (err error) {
	if f.in != nil {
		r, err := f.in.Open(f.name)
		if err != nil {
			return err
		}
		return errors.Join(do(r, r.Size()), r.Close())
	}
	r, err := os.Open(f.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	info, err := r.Stat()
	if err != nil {
		return err
	}
	return do(r, info.Size())
}

// rows reads all rows of a side.
func (d *differ) rows(ctx context.Context, s *side, visit func(key string, row *columnar.Row) error) error {
	for _, from := range s.files {
		var id, item = -1, -1
		err := from.open(func(f io.ReaderAt, size int64) error {
			return columnar.Rows(ctx, f, size, func(row *columnar.Row) error {
				if id < 0 {
					id, item = slices.Index(row.Names, idColumn), slices.Index(row.Names, itemColumn)
				}
				key := keyOf(textOf(row.Values[id]), "")
				if item >= 0 {
					key += textOf(row.Values[item])
				}
				return visit(key, row)
			})
		})
		if err != nil {
			return fmt.Errorf("%s: %w", &from, err)
		}
	}
	return nil
}

// textOf is the text of a JSON string; null is empty.
func textOf(value []byte) string {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return string(value)
	}
	return s
}

// read holds the rows of one pass, by key.
func (d *differ) read(ctx context.Context, s *side, pass, passes uint64) (map[string][]passRow, error) {
	rows := map[string][]passRow{}
	err := d.rows(ctx, s, func(key string, row *columnar.Row) error {
		if maphash.String(d.seed, key)%passes != pass {
			return nil
		}
		h := d.newRow()
		for i, name := range row.Names {
			value := row.Values[i]
			switch name {
			case tsColumn:
				h.ts = string(value)
			case revisionColumn:
				h.revision, _ = strconv.ParseInt(string(value), 10, 64)
			case reasonColumn:
				h.gone = string(value) == `"withdrawn"`
			}
			at, compared := d.index[name]
			switch {
			case compared && d.valued:
				h.values[at] = d.shared(valueText(value))
			case compared:
				h.sums[at] = d.sum(value)
			}
		}
		rows[key] = append(rows[key], h)
		return nil
	})
	return rows, err
}

func (d *differ) newRow() passRow {
	if d.valued {
		return passRow{values: make([]string, len(d.names))}
	}
	return passRow{sums: make([]uint64, len(d.names))}
}

// sum stands for a value; 0 for null. A number is its value: the two outputs may have
// given the column different types.
func (d *differ) sum(value []byte) uint64 {
	if string(value) == "null" {
		return 0
	}
	if c := value[0]; c == '-' || c >= '0' && c <= '9' {
		if f, err := strconv.ParseFloat(string(value), 64); err == nil && (f != math.Trunc(f) || math.Abs(f) < 1<<53) {
			value = strconv.AppendFloat(nil, f, 'g', -1, 64)
		}
	}
	return max(1, maphash.Bytes(d.seed, value))
}

// lookUp fills in the values of the rows that are told of.
func (d *differ) lookUp(ctx context.Context) error {
	if len(d.asked) == 0 {
		return nil
	}
	for i := range d.sides {
		newest := map[string]int64{}
		err := d.rows(ctx, &d.sides[i], func(key string, row *columnar.Row) error {
			if !d.asked[key] {
				return nil
			}
			revision := int64(0)
			if at := slices.Index(row.Names, revisionColumn); at >= 0 {
				revision, _ = strconv.ParseInt(string(row.Values[at]), 10, 64)
			}
			if known, ok := newest[key]; ok && known > revision {
				return nil
			}
			newest[key] = revision
			d.fill(i, key, row)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fill puts the values of a row into the examples that name it.
func (d *differ) fill(side int, key string, row *columnar.Row) {
	for i, name := range row.Names {
		at, compared := d.index[name]
		if !compared {
			continue
		}
		for j := range d.out.Columns[at].Examples {
			e := &d.out.Columns[at].Examples[j]
			if keyOf(e.RequestID, e.ItemID) != key {
				continue
			}
			if value := bytes.Clone(row.Values[i]); side == 0 {
				e.A = value
			} else {
				e.B = value
			}
		}
	}
}
