package shards

import (
	"crypto/sha256"
	"encoding/binary"
)

// hashBits is how many bits of SHA-256 a hash has: as many as a double holds exactly,
// so that every SQL engine can compute the share that it stands for.
const hashBits = 52

// hasher hashes keys with a salt. It is used by one goroutine.
type hasher struct {
	buf  []byte
	salt int
}

// newHasher returns the hash of a purpose: the first 52 bits of the SHA-256 of the
// salt, a colon and the key. Different purposes need different salts, or a split
// would be a stretch of the order.
func newHasher(salt string) *hasher {
	return &hasher{buf: append([]byte(salt), ':'), salt: len(salt) + 1}
}

func (h *hasher) sum(key []byte) uint64 {
	h.buf = append(h.buf[:h.salt], key...)
	sum := sha256.Sum256(h.buf)
	return binary.BigEndian.Uint64(sum[:]) >> (64 - hashBits)
}

// share is the hash as a number from 0 to 1, 1 excluded.
func share(hash uint64) float64 { return float64(hash) / (1 << hashBits) }

// part is which of n equal parts of all hashes a hash lies in.
func part(hash uint64, n int) int { return int(hash * uint64(n) >> hashBits) }
