package shards

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/s2"

	"github.com/labeljoin/labeljoin/export/rowfile"
)

// spill spreads rows over the buckets of a scratch file. Rows are added in portions;
// of each portion, a bucket's rows lie together, so that a bucket is read back with
// one read for each portion.
type spill struct {
	fs   vfs.FS
	path string
	file vfs.File
	out  *bufio.Writer

	types   []rowfile.Type // of the columns
	buckets int
	blocks  [][]block // per bucket
	end     int64
	workers int

	rows, size int64 // of all rows, and about how many bytes they take
}

// block is where a bucket's rows of one portion are.
type block struct {
	offset int64
	sizes  []uint32 // of the columns, one after the other
}

// spillBuffer is how much is written at once, in bytes.
const spillBuffer = 1 << 20

func newSpill(fs vfs.FS, path string, types []rowfile.Type, buckets, workers int) (*spill, error) {
	file, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("make the scratch file: %w", err)
	}
	return &spill{
		fs: fs, path: path, file: file, out: bufio.NewWriterSize(file, spillBuffer),
		types: types, buckets: buckets, blocks: make([][]block, buckets), workers: workers,
	}, nil
}

// add adds a portion. buckets says of each row where it belongs.
func (s *spill) add(columns []*vector, buckets []uint16) error {
	s.rows += int64(len(buckets))
	for _, v := range columns {
		s.size += v.size()
	}
	starts := make([]int32, s.buckets+1)
	for _, b := range buckets {
		starts[b+1]++
	}
	for b := range s.buckets {
		starts[b+1] += starts[b]
	}
	order, next := make([]int32, len(buckets)), slices.Clone(starts)
	for row, b := range buckets {
		order[next[b]] = int32(row)
		next[b]++
	}
	packed, sizes := make([][]byte, len(columns)), make([][]uint32, len(columns))
	err := parallel(s.workers, len(columns), func(i int) error {
		var raw, out []byte
		for b := range s.buckets {
			before := len(out)
			if rows := order[starts[b]:starts[b+1]]; len(rows) > 0 {
				raw = appendRows(raw[:0], columns[i], rows)
				out = slices.Grow(out, s2.MaxEncodedLen(len(raw)))
				out = out[:before+len(s2.Encode(out[before:cap(out)], raw))]
			}
			sizes[i] = append(sizes[i], uint32(len(out)-before))
		}
		packed[i] = out
		return nil
	})
	if err != nil {
		return err
	}
	for b := range s.buckets {
		if starts[b] == starts[b+1] {
			continue
		}
		at := block{offset: s.end, sizes: make([]uint32, len(columns))}
		for i := range columns {
			n := sizes[i][b]
			if _, err := s.out.Write(packed[i][:n]); err != nil {
				return fmt.Errorf("write the scratch file: %w", err)
			}
			packed[i] = packed[i][n:]
			at.sizes[i], s.end = n, s.end+int64(n)
		}
		s.blocks[b] = append(s.blocks[b], at)
	}
	return nil
}

// finish ends the adding: load may be called then.
func (s *spill) finish() error {
	err := s.out.Flush()
	err = errors.Join(err, s.file.Close())
	s.file = nil
	if err != nil {
		return fmt.Errorf("write the scratch file: %w", err)
	}
	if s.file, err = s.fs.Open(s.path); err != nil {
		return fmt.Errorf("read the scratch file: %w", err)
	}
	return nil
}

// load reads a bucket into columns, in the order in which its rows were added.
func (s *spill) load(bucket int, into []*vector) error {
	blocks := s.blocks[bucket]
	raw := make([][]byte, len(blocks))
	for i, b := range blocks {
		total := 0
		for _, n := range b.sizes {
			total += int(n)
		}
		raw[i] = make([]byte, total)
		if _, err := s.file.ReadAt(raw[i], b.offset); err != nil {
			return fmt.Errorf("read the scratch file: %w", err)
		}
	}
	return parallel(s.workers, len(into), func(c int) error {
		into[c].reset()
		var plain []byte
		for i, b := range blocks {
			from := 0
			for _, n := range b.sizes[:c] {
				from += int(n)
			}
			var err error
			if plain, err = s2.Decode(plain[:cap(plain)], raw[i][from:from+int(b.sizes[c])]); err != nil {
				return fmt.Errorf("the scratch file is damaged: %w: check the disk and the memory of this machine", err)
			}
			if _, err := into[c].readRows(plain); err != nil {
				return err
			}
		}
		return nil
	})
}

// close removes the scratch file.
func (s *spill) close() error {
	var err error
	if s.file != nil {
		err = s.file.Close()
	}
	return errors.Join(err, s.fs.Remove(s.path))
}

// parallel calls work with 0 to n-1, on several goroutines, and returns the first
// error by number.
func parallel(workers, n int, work func(i int) error) error {
	errs := make([]error, n)
	var taken atomic.Int64
	var running sync.WaitGroup
	for range min(workers, n) {
		running.Go(func() {
			for i := int(taken.Add(1)) - 1; i < n; i = int(taken.Add(1)) - 1 {
				errs[i] = work(i)
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// appendRows appends rows of a vector in the scratch file's form: how many there are,
// which of them are null, and their values. Null rows have a value too, of nothing.
func appendRows(dst []byte, v *vector, rows []int32) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(rows)))
	for _, row := range rows {
		dst = append(dst, byte(bit(v.null[row])))
	}
	switch {
	case v.typ.List:
		var elems []int32
		for _, row := range rows {
			from, to := v.start(int(row)), v.ends[row]
			dst = binary.AppendUvarint(dst, uint64(to-from))
			for i := from; i < to; i++ {
				elems = append(elems, int32(i))
			}
		}
		return appendRows(dst, v.elems, elems)
	case v.typ.Scalar == rowfile.ScalarString:
		for _, row := range rows {
			dst = binary.AppendUvarint(dst, uint64(v.ends[row]-v.start(int(row))))
		}
		for _, row := range rows {
			dst = append(dst, v.bytes(int(row))...)
		}
	case v.typ.Scalar == rowfile.ScalarBool:
		for _, row := range rows {
			dst = append(dst, byte(v.nums[row]))
		}
	case v.typ.Scalar == rowfile.ScalarInt32:
		for _, row := range rows {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(v.nums[row]))
		}
	default:
		for _, row := range rows {
			dst = binary.LittleEndian.AppendUint64(dst, v.nums[row])
		}
	}
	return dst
}

// errScratch says that the scratch file does not hold what was written to it.
var errScratch = errors.New("the scratch file is damaged: check the disk and the memory of this machine")

// readRows adds what appendRows has written and returns what follows it.
func (v *vector) readRows(src []byte) (rest []byte, err error) {
	count, n := binary.Uvarint(src)
	if n <= 0 || count > uint64(len(src)-n) {
		return nil, errScratch
	}
	src = src[n:]
	rows := int(count)
	for _, null := range src[:rows] {
		v.null = append(v.null, null != 0)
	}
	src = src[rows:]
	width := 8
	switch {
	case v.typ.List, v.typ.Scalar == rowfile.ScalarString:
		return v.readEnds(src, rows)
	case v.typ.Scalar == rowfile.ScalarBool:
		width = 1
	case v.typ.Scalar == rowfile.ScalarInt32:
		width = 4
	}
	if len(src) < rows*width {
		return nil, errScratch
	}
	for i := range rows {
		switch width {
		case 1:
			v.nums = append(v.nums, uint64(src[i]))
		case 4:
			v.nums = append(v.nums, uint64(int64(int32(binary.LittleEndian.Uint32(src[4*i:])))))
		default:
			v.nums = append(v.nums, binary.LittleEndian.Uint64(src[8*i:]))
		}
	}
	return src[rows*width:], nil
}

func (v *vector) readEnds(src []byte, rows int) (rest []byte, err error) {
	first := v.end()
	end := first
	for range rows {
		size, n := binary.Uvarint(src)
		if n <= 0 {
			return nil, errScratch
		}
		src, end = src[n:], end+uint32(size)
		v.ends = append(v.ends, end)
	}
	if v.typ.List {
		return v.elems.readRows(src)
	}
	size := int(end - first)
	if size > len(src) {
		return nil, errScratch
	}
	v.text = append(v.text, src[:size]...)
	return src[size:], nil
}
