package colfile

import (
	"encoding/binary"
	"math/bits"

	"github.com/parquet-go/parquet-go/encoding/rle"
)

// groupOf is how many numbers are packed together; a run of fewer is not worth being one.
const groupOf = 8

// runs encodes numbers as runs of the same one and as packed bits. The library begins a run at
// every eighth number only; the columns of a request repeat for each of its items, however
// many they are, and are runs here of whatever length.
// https://parquet.apache.org/docs/file-format/data-pages/encodings/#run-length-encoding--bit-packing-hybrid-rle--3
type runs struct{ scratch []byte }

// appendIndexes appends numbers of a dictionary as a page has them: after their width.
func (r *runs) appendIndexes(dst []byte, indexes []int32) ([]byte, error) {
	width := widthOf(indexes)
	return r.append(append(dst, byte(width)), indexes, width)
}

// widthOf is how many bits the largest of the numbers has. Those that any of them has say so as well, and are found in
// less time.
func widthOf(numbers []int32) int {
	var a, b, c, d int32
	for ; len(numbers) >= 4; numbers = numbers[4:] {
		some := (*[4]int32)(numbers)
		a, b, c, d = a|some[0], b|some[1], c|some[2], d|some[3]
	}
	for _, n := range numbers {
		a |= n
	}
	return bits.Len32(uint32(a | b | c | d))
}

// append appends numbers of so many bits.
func (r *runs) append(dst []byte, numbers []int32, width int) ([]byte, error) {
	var err error
	packed := 0 // up to where numbers are in dst
	for from, to := nextRun(numbers, 0); from < to; from, to = nextRun(numbers, to) {
		// What is packed before the run takes some of it, up to whole groups.
		begin := from + (groupOf-(from-packed)%groupOf)%groupOf
		if to-begin < groupOf {
			continue
		}
		if dst, err = r.pack(dst, numbers[packed:begin], width); err != nil {
			return dst, err
		}
		dst = binary.AppendUvarint(dst, uint64(to-begin)<<1)
		for value, left := uint32(numbers[begin]), width; left > 0; value, left = value>>8, left-8 {
			dst = append(dst, byte(value))
		}
		packed = to
	}
	return r.pack(dst, numbers[packed:], width)
}

// nextRun is the first run of at least groupOf numbers that begins at after or later, where another one begins; from
// is to if there is none. Whatever its beginning is, two numbers of it are found that are half a group apart.
func nextRun(numbers []int32, after int) (from, to int) {
	const half = groupOf / 2
	for at := after; at+half < len(numbers); at += half {
		some := numbers[at : at+half+1]
		if some[0] != some[half] || some[0] != some[1] || some[0] != some[2] || some[0] != some[3] {
			continue
		}
		for from, to = at, at+half+1; from > after && numbers[from-1] == some[0]; from-- {
		}
		for to < len(numbers) && numbers[to] == some[0] {
			to++
		}
		if to-from >= groupOf {
			return from, to
		}
	}
	return 0, 0
}

// pack appends numbers that are no long run.
func (r *runs) pack(dst []byte, numbers []int32, width int) (_ []byte, err error) {
	if len(numbers) == 0 {
		return dst, nil
	}
	e := rle.Encoding{BitWidth: width}
	r.scratch, err = e.EncodeInt32(r.scratch, numbers)
	return append(dst, r.scratch...), err
}
