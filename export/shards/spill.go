package shards

import (
	"bufio"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/s2"
)

// spill spreads rows over the buckets of a scratch file. Rows are added in portions;
// of each portion, a bucket's rows lie together, so that a bucket is read back with
// one read for each portion.
type spill struct {
	fs   vfs.FS
	path string
	file vfs.File
	out  *bufio.Writer

	buckets int
	blocks  [][]block // per bucket
	end     int64
	workers int

	rows, size int64 // of all rows, and about how many bytes they take

	packed [][]byte  // memory of add: columns, compressed
	raw    [][]byte  // memory of load: blocks as they lie in the file
	plain  sync.Pool // of *[]byte, memory of both: rows of a column before compression
}

// block is where a bucket's rows of one portion are.
type block struct {
	offset int64
	sizes  []uint32 // of the columns, one after the other
}

// spillBuffer is how much is written at once, in bytes.
const spillBuffer = 1 << 20

func newSpill(fs vfs.FS, path string, buckets, workers int) (*spill, error) {
	file, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("make the scratch file: %w", err)
	}
	return &spill{
		fs: fs, path: path, file: file, out: bufio.NewWriterSize(file, spillBuffer),
		buckets: buckets, blocks: make([][]block, buckets), workers: workers,
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
	for len(s.packed) < len(columns) {
		s.packed = append(s.packed, nil)
	}
	sizes := make([][]uint32, len(columns))
	err := parallel(s.workers, len(columns), func(i int) error {
		plain := s.buffer()
		defer s.plain.Put(plain)
		raw, out := (*plain)[:0], s.packed[i][:0]
		for b := range s.buckets {
			before := len(out)
			if rows := order[starts[b]:starts[b+1]]; len(rows) > 0 {
				raw = appendRows(raw[:0], columns[i], rows)
				out = slices.Grow(out, s2.MaxEncodedLen(len(raw)))
				out = out[:before+len(s2.Encode(out[before:cap(out)], raw))]
			}
			sizes[i] = append(sizes[i], uint32(len(out)-before))
		}
		*plain, s.packed[i] = raw, out
		return nil
	})
	if err != nil {
		return err
	}
	packed := slices.Clone(s.packed) // what is left of each to write
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

// buffer is memory for rows of a column. It goes back to s.plain.
func (s *spill) buffer() *[]byte {
	if b, ok := s.plain.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
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
	for i, b := range blocks {
		total := 0
		for _, n := range b.sizes {
			total += int(n)
		}
		if i == len(s.raw) {
			s.raw = append(s.raw, nil)
		}
		s.raw[i] = slices.Grow(s.raw[i][:0], total)[:total]
		if _, err := s.file.ReadAt(s.raw[i], b.offset); err != nil {
			return fmt.Errorf("read the scratch file: %w", err)
		}
	}
	return parallel(s.workers, len(into), func(c int) error {
		into[c].reset()
		memory := s.buffer()
		defer s.plain.Put(memory)
		for i, b := range blocks {
			from := 0
			for _, n := range b.sizes[:c] {
				from += int(n)
			}
			plain, err := s2.Decode((*memory)[:cap(*memory)], s.raw[i][from:from+int(b.sizes[c])])
			if err != nil {
				return fmt.Errorf("the scratch file is damaged: %w: check the disk and the memory of this machine", err)
			}
			*memory = plain
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
