package columnar

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// runs are numbers as Parquet's hybrid encoding has them: runs of one number, and groups of eight numbers, bit by bit.
// https://parquet.apache.org/docs/file-format/data-pages/encodings/
type runs struct {
	bytes pageBytes
	width int // bits of a number
	left  int // numbers of the run at hand
	same  bool
	value uint32 // of a run of one number
	// eight are the numbers of a group, of which the last few are left.
	eight [8]uint32
	kept  int
}

// mostRun is more numbers than a page has.
const mostRun = 1 << 31

var errRuns = errors.New("damaged: a run of numbers that no page has")

// begin reads the head of the next run.
func (r *runs) begin() error {
	head := uint64(0)
	for shift := 0; ; shift += 7 {
		b, err := r.bytes.next(1)
		if err != nil {
			return err
		}
		if shift > 28 {
			return errRuns
		}
		if head |= uint64(b[0]&0x7f) << shift; b[0] < 0x80 {
			break
		}
	}
	r.left, r.same = int(head>>1), head&1 == 0
	if !r.same {
		if r.left *= 8; r.left >= mostRun {
			return errRuns
		}
		return nil
	}
	b, err := r.bytes.next((r.width + 7) / 8)
	r.value = 0
	for i, x := range b {
		r.value |= uint32(x) << (8 * i)
	}
	return err
}

// check reads all runs, if they are in memory, and looks whether there are so many numbers at least.
func (r *runs) check(least int) error {
	if r.bytes.from != nil {
		return nil
	}
	all := 0
	for walk := *r; len(walk.bytes.rest) > 0; all += walk.left {
		if err := walk.begin(); err != nil {
			return err
		}
		if !walk.same {
			if _, err := walk.bytes.next(walk.left / 8 * walk.width); err != nil {
				return err
			}
		}
	}
	if all < least {
		return errRuns
	}
	return nil
}

// count says how many of the next n numbers are a certain one. They are in memory.
func (r *runs) count(n int, wanted byte) (found int, err error) {
	var some [8 * groupsAtOnce]byte
	for walk := *r; n > 0; {
		if walk.left == 0 {
			if err := walk.begin(); err != nil {
				return 0, err
			}
			continue
		}
		if next := min(n, walk.left); walk.same {
			if walk.value == uint32(wanted) {
				found += next
			}
			n, walk.left = n-next, walk.left-next
			continue
		}
		next := some[:min(n, walk.left, len(some))]
		if err := fill(&walk, next); err != nil {
			return 0, err
		}
		found += bytes.Count(next, []byte{wanted})
		n -= len(next)
	}
	return found, nil
}

// fill makes numbers the next ones.
func fill[T byte | uint32](r *runs, numbers []T) error {
	for len(numbers) > 0 {
		if r.left == 0 {
			if err := r.begin(); err != nil {
				return err
			}
			continue
		}
		n := min(r.left, len(numbers))
		if r.same {
			for i := range numbers[:n] {
				numbers[i] = T(r.value)
			}
		} else if err := unpack(r, numbers[:n]); err != nil {
			return err
		}
		numbers, r.left = numbers[n:], r.left-n
	}
	return nil
}

// groupsAtOnce is how many groups are unpacked at once.
const groupsAtOnce = 128

// unpack makes numbers the next ones of the groups at hand.
func unpack[T byte | uint32](r *runs, numbers []T) error {
	for len(numbers) > 0 {
		if r.kept > 0 { // of a group that is used in part
			n := min(r.kept, len(numbers))
			for i, x := range r.eight[len(r.eight)-r.kept:][:n] {
				numbers[i] = T(x)
			}
			numbers, r.kept = numbers[n:], r.kept-n
			continue
		}
		groups := min(len(numbers)/8, groupsAtOnce)
		b, err := r.bytes.next(max(groups, 1) * r.width)
		if err != nil {
			return err
		}
		if groups == 0 {
			unpackGroups(r.eight[:], b, r.width)
			r.kept = len(r.eight)
			continue
		}
		unpackGroups(numbers[:groups*8], b, r.width)
		numbers = numbers[groups*8:]
	}
	return nil
}

// unpackGroups makes numbers those that stand in bytes, bit by bit.
func unpackGroups[T byte | uint32](numbers []T, b []byte, width int) {
	mask := uint64(1)<<width - 1
	bit, i := 0, 0
	for ; i < len(numbers) && bit>>3+8 <= len(b); i++ { // eight bytes can be read from where the number begins
		numbers[i] = T(binary.LittleEndian.Uint64(b[bit>>3:]) >> (bit & 7) & mask)
		bit += width
	}
	var end [16]byte
	from := bit >> 3
	copy(end[:], b[from:])
	for ; i < len(numbers); i++ {
		numbers[i] = T(binary.LittleEndian.Uint64(end[bit>>3-from:]) >> (bit & 7) & mask)
		bit += width
	}
}
