package store

import (
	"encoding/binary"

	"github.com/labeljoin/labeljoin/events"
)

// Beside each group stand the hashes and times of its requests, in a space of
// their own: a start, and forgetting, read these, a thirtieth of all bytes.

// hashed is a request as the index knows it.
type hashed struct {
	ts   events.Time
	hash uint64
}

// appendHashes encodes what the index needs of requests of one slice.
func appendHashes(v []byte, requests []fresh) []byte {
	v = append(v, valueVersion)
	v = binary.AppendUvarint(v, uint64(len(requests)))
	before := sliceStart(requests[0].place.TS)
	for i := range requests {
		v = binary.AppendUvarint(v, uint64(requests[i].place.TS-before))
		v = binary.LittleEndian.AppendUint64(v, requests[i].hash)
		before = requests[i].place.TS
	}
	return v
}

// decodeHashes appends what is in a value of hashes.
func decodeHashes(list []hashed, slice events.Time, value []byte) ([]hashed, error) {
	const least = 9 // bytes of one
	d := decoder{rest: value}
	d.version()
	before := slice
	for range d.count(least) {
		before += events.Time(d.uvarint())
		list = append(list, hashed{ts: before, hash: binary.LittleEndian.Uint64(d.bytes(8))})
	}
	return list, d.done()
}
