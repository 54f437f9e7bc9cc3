package rowfile

import (
	"encoding/binary"
	"errors"
	"sync"

	"github.com/klauspost/compress/huff0"
)

// literals makes zstd frames in which nothing is a repetition: each byte takes as many bits
// as it is rare (Huffman). For numbers and ids that do not repeat that is all that can be
// done, and looking for repetitions takes most of the time. RFC 8878 has the format.
type literals struct{ scratch sync.Pool }

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

	// A header of Huffman-coded literals in four streams, with sizes of 18 bits.
	literalsHuffman  = 2 | 3<<2
	literalsSizeBits = 18
	// leastLiterals is how long a block is that is worth a table.
	leastLiterals = 1024
)

// wantLog says by how much a block has to shrink: by a part in 2^6. Less is not worth the
// time that reading it takes.
const wantLog = 6

// append appends the frame of src.
func (l *literals) append(dst, src []byte) []byte {
	s, ok := l.scratch.Get().(*huff0.Scratch)
	if !ok {
		s = &huff0.Scratch{}
	}
	defer l.scratch.Put(s)
	dst = binary.LittleEndian.AppendUint32(dst, frameMagic)
	dst = binary.LittleEndian.AppendUint32(append(dst, frameSized), uint32(len(src)))
	for first := true; first || len(src) > 0; first = false {
		block := src[:min(len(src), blockMost)]
		src = src[len(block):]
		dst = appendBlock(dst, block, len(src) == 0, s)
	}
	return dst
}

// appendBlock appends a block of at most 128 KiB.
func appendBlock(dst, block []byte, last bool, s *huff0.Scratch) []byte {
	head := func(kind, size int) []byte {
		h := uint32(kind<<1 | size<<3)
		if last {
			h |= 1
		}
		return append(dst, byte(h), byte(h>>8), byte(h>>16))
	}
	if len(block) < leastLiterals {
		return append(head(blockRaw, len(block)), block...)
	}
	s.Reuse, s.WantLogLess = huff0.ReusePolicyNone, wantLog
	coded, _, err := huff0.Compress4X(block, s)
	switch {
	case errors.Is(err, huff0.ErrUseRLE):
		return append(head(blockRLE, len(block)), block[0])
	case err != nil:
		return append(head(blockRaw, len(block)), block...)
	}
	const size = 5 // of the header
	dst = head(blockCompressed, size+len(coded)+1)
	h := uint64(literalsHuffman) | uint64(len(block))<<4 | uint64(len(coded))<<(4+literalsSizeBits)
	dst = append(dst, byte(h), byte(h>>8), byte(h>>16), byte(h>>24), byte(h>>32))
	return append(append(dst, coded...), 0) // no sequences
}
