// Package literals makes zstd frames in which nothing is a repetition: each byte takes as many bits as it is rare
// (Huffman). For numbers and ids that do not repeat that is all that can be done, and looking for repetitions takes
// most of the time. RFC 8878 has the format.
package literals

import (
	"encoding/binary"

	"github.com/klauspost/compress/fse"
)

// Parts of a frame, as RFC 8878 has them in 3.1.1.
const (
	frameMagic = 0xFD2FB528
	// frameSized says that the size of the content follows, in four bytes, and that the
	// window is as large.
	frameSized = 0b10100000
	blockMost  = 128 << 10

	blockRaw        = 0
	blockRLE        = 1
	blockCompressed = 2

	// A header of Huffman-coded literals in four streams, with sizes of 18 bits: after a table of codes, or with that
	// of the block before.
	codedWithTable   = 2
	codedAsBefore    = 3
	fourStreams      = 3 << 2
	literalsSizeBits = 18
	literalsHead     = 5
	blockHead        = 3
	// leastLiterals is how long a block is that is worth a table.
	leastLiterals = 1024
)

// wantLog says by how much a block has to shrink: by a part in 2^6. Less is not worth the
// time that reading it takes.
const wantLog = 6

// wanted is what so many bytes have to be shorter than.
func wanted(n int) int { return n - n>>wantLog }

// Encoder makes frames. Its memory is used again; it is used by one goroutine.
type Encoder struct {
	counts  [symbols]uint32
	order   [symbols]uint64
	parents [2 * symbols]uint16
	lengths [symbols]uint8
	codes   codes
	table   []byte // the codes as a frame describes them
	weights [symbols]uint8
	fse     fse.Scratch
	streams [2]buffer
}

// Append appends the frame of src.
func (e *Encoder) Append(dst, src []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, frameMagic)
	dst = binary.LittleEndian.AppendUint32(append(dst, frameSized), uint32(len(src)))
	verdict := e.makeCodes(src)
	for first := true; first || len(src) > 0; first = false {
		block := src[:min(len(src), blockMost)]
		src = src[len(block):]
		dst = e.appendBlock(dst, block, verdict, len(src) == 0)
	}
	return dst
}

func (e *Encoder) appendBlock(dst, block []byte, v verdict, last bool) []byte {
	if v == verdictSame {
		return append(appendHead(dst, blockRLE, len(block), last), block[0])
	}
	if v == verdictCode && len(block) >= leastLiterals {
		if with, ok := e.appendCoded(dst, block, last); ok {
			return with
		}
	}
	return append(appendHead(dst, blockRaw, len(block), last), block...)
}

// appendHead appends the header of a block.
func appendHead(dst []byte, kind, size int, last bool) []byte {
	h := uint32(kind<<1 | size<<3)
	if last {
		h |= 1
	}
	return append(dst, byte(h), byte(h>>8), byte(h>>16))
}

// appendCoded appends a block in codes, if that makes it as much shorter as is wanted.
func (e *Encoder) appendCoded(dst, block []byte, last bool) (with []byte, ok bool) {
	at := len(dst)
	var room [blockHead + literalsHead]byte
	dst = append(append(dst, room[:]...), e.table...)
	dst = e.appendStreams(dst, block)
	coded := len(dst) - at - len(room)
	if coded >= wanted(len(block)) {
		return dst[:at], false
	}
	kind := uint64(codedWithTable)
	if len(e.table) == 0 {
		kind = codedAsBefore
	}
	e.table = e.table[:0] // the blocks after this one have the same codes
	appendHead(dst[:at], blockCompressed, literalsHead+coded+1, last)
	h := kind | fourStreams | uint64(len(block))<<4 | uint64(coded)<<(4+literalsSizeBits)
	for i := range literalsHead {
		dst[at+blockHead+i] = byte(h >> (8 * i))
	}
	return append(dst, 0), true // no sequences
}

// appendStreams appends the four streams of a block, after their sizes but for the last.
func (e *Encoder) appendStreams(dst, block []byte) []byte {
	quarter, sizes := (len(block)+3)/4, len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0)
	for i := 0; i < 4; i += 2 {
		first, second := block[i*quarter:(i+1)*quarter], block[(i+1)*quarter:min((i+2)*quarter, len(block))]
		n, m := e.encode(first, second)
		binary.LittleEndian.PutUint16(dst[sizes+2*i:], uint16(n))
		if i == 0 {
			binary.LittleEndian.PutUint16(dst[sizes+2:], uint16(m))
		}
		dst = append(append(dst, e.streams[0][:n]...), e.streams[1][:m]...)
	}
	return dst
}
