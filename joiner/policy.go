package joiner

import (
	"crypto/sha256"
	"encoding/binary"
)

// leaveOut marks the negative rows that the policies drop and weighs those
// that sampling keeps. Rows with a positive label always stay.
func (d *Decision) leaveOut(rows []Row) {
	below := d.lastPositive(rows)
	kept := d.rules.SampleRate <= 0 || d.rules.SampleHash.Share(d.req.ID) < d.rules.SampleRate
	for i := range rows {
		if d.positive(i) {
			continue
		}
		switch {
		case d.rules.Negatives == NegativesSeen && !d.seen[i]:
			rows[i].LeftOut = LeftOutUnseen
		case d.rules.Negatives == NegativesAboveLastPositive && d.position(i) > below:
			rows[i].LeftOut = LeftOutUnseen
		case !kept:
			rows[i].LeftOut = LeftOutSampled
		case d.rules.SampleRate > 0:
			rows[i].Weight = 1 / d.rules.SampleRate
		}
	}
}

// lastPositive is the position of the lowest positive row; with no positive
// nothing is below it.
func (d *Decision) lastPositive(rows []Row) int64 {
	last, found := int64(0), false
	for i := range rows {
		if p := d.position(i); d.positive(i) && (!found || p > last) {
			last, found = p, true
		}
	}
	if !found {
		return 1<<63 - 1
	}
	return last
}

// position is where a row stood: as its item says, or else as it was listed.
func (d *Decision) position(row int) int64 {
	if row < len(d.req.Items) && d.req.Items[row].HasPosition {
		return d.req.Items[row].Position
	}
	return int64(row)
}

// sampleSalt stands before the request id in what SampleSHA256 hashes, so that the negatives
// that are kept are no stretch of an export's order, nor a part of its splits.
const sampleSalt = "negatives:"

// Share is the hash of a request id, at least 0 and below 1. The negatives of a request are
// kept if it is below the rate. It is the same everywhere and for ever, which is why the old
// hash is spelled out here.
func (h SampleHash) Share(id string) float64 {
	if h == SampleSHA256 {
		sum := sha256.Sum256([]byte(sampleSalt + id))
		return float64(binary.BigEndian.Uint64(sum[:])>>12) / (1 << 52)
	}
	n := uint64(14695981039346656037)
	for i := 0; i < len(id); i++ {
		n = (n ^ uint64(id[i])) * 1099511628211
	}
	n = (n ^ n>>33) * 0xff51afd7ed558ccd
	n = (n ^ n>>33) * 0xc4ceb9fe1a85ec53
	n ^= n >> 33
	return float64(n>>11) / (1 << 53)
}
