package jsonevent

import (
	"encoding/binary"
	"math/bits"
)

// page holds the event that a Parser reads, and zeros after it. No JSON holds a
// zero byte, so whatever reads on ends there without asking for the length. An
// index is cut to the page's size, which costs less than a check that it is
// inside, and makes no difference: nothing gets past the zeros.
type page [pageSize + pageSlack]byte

const (
	pageSize  = 1 << 20
	pageSlack = 256 // zeros, and how far may be looked beyond an index
	pageMask  = pageSize - 1
	// pageMost is how long an event may be so that its zeros are on the page.
	pageMost = pageSize - pageSlack
)

func (b *page) at(i int) byte { return b[i&pageMask] }

// word is the eight bytes at i, the first in the lowest byte.
func (b *page) word(i int) uint64 { return binary.LittleEndian.Uint64(b[i&pageMask:]) }

// space skips white space.
func (b *page) space(i int) int {
	for isSpace(b.at(i)) {
		i++
	}
	return i
}

// One bit of each byte of a word.
const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// stops marks, by its top bit, each byte at which the scan of a string has to
// stop: a quote, a backslash, a control character. A borrow can only disturb
// bytes above one that is truly marked, so the lowest mark is always right.
func stops(w uint64) uint64 {
	quote, slash := w^(ones*'"'), w^(ones*'\\')
	return ((w - ones*' ') | (quote - ones) | (slash - ones)) &^ w & tops
}

// nonDigits marks each byte that is no digit, the lowest mark being always
// right. It wants the bytes XOR '0', which makes digits of them.
func nonDigits(x uint64) uint64 { return (x + ones*(0x80-10) | x) & tops }

// lowest is the index of the lowest byte that is marked, 8 if none is.
func lowest(marks uint64) int { return bits.TrailingZeros64(marks) >> 3 }
