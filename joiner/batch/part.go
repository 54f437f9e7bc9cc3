package batch

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// hashBits is how many bits of a SHA-256 stand for an id: every SQL engine can compute
// with as many.
const hashBits = 52

// Part is which of n parts an id belongs to, from 0 on: the first 52 bits of its SHA-256,
// times n, divided by 2^52.
func Part(id []byte, n int) int {
	sum := sha256.Sum256(id)
	high, low := bits.Mul64(binary.BigEndian.Uint64(sum[:])>>(64-hashBits), uint64(n))
	return int(high<<(64-hashBits) | low>>hashBits)
}
