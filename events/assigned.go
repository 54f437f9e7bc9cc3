package events

import (
	"encoding/binary"
	"math"
)

// An outcome that names no request is given to requests by the join. What a state holds of
// it for one of them is the event's bytes behind a head: the mark, the length of the
// request's id as a varint, the id, and the share as the bits of a float64, big-endian.
// No JSON begins with the mark.
const assignedMark = 0x01

// AppendAssigned appends an outcome as one that a request has by a share; 0 is all of it.
func AppendAssigned(b []byte, requestID string, share float64, data []byte) []byte {
	b = append(b, assignedMark)
	b = binary.AppendUvarint(b, uint64(len(requestID)))
	b = append(b, requestID...)
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(share))
	return append(b, data...)
}

// AssignedTo is the id of the request that what AppendAssigned has made is given to; ok is
// false if it is anything else.
func AssignedTo(stored []byte) (requestID string, ok bool) {
	requestID, _, _, ok = Assigned(stored)
	return requestID, ok
}

// Assigned parts what AppendAssigned has made; ok is false if it is anything else, and data is
// that then.
func Assigned(stored []byte) (requestID string, share float64, data []byte, ok bool) {
	if len(stored) == 0 || stored[0] != assignedMark {
		return "", 0, stored, false
	}
	n, size := binary.Uvarint(stored[1:])
	rest := stored[1+max(0, size):]
	if size <= 0 || n > MaxID || uint64(len(rest)) < n+8 {
		return "", 0, stored, false
	}
	return string(rest[:n]), math.Float64frombits(binary.BigEndian.Uint64(rest[n:])), rest[n+8:], true
}
