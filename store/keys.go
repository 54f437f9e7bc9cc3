package store

import (
	"encoding/binary"
	"fmt"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// The key spaces, one first byte each. FORMAT.md has the table.
const (
	spaceDeadLetter = 'd'
	spaceEvents     = 'e'
	spaceGroup      = 'g'
	spaceHistory    = 'h'
	spaceSaved      = 'm'
	spaceOutcome    = 'o'
	spaceRequest    = 'r'
	spaceOutbox     = 'u'
	spaceWaiting    = 'w'
)

// hashLen is how much of an outcome's hash its key holds: enough to keep the
// order of outcomes that share timestamp and outcome_id.
const hashLen = 16

// originLen is the length of an encoded events.Origin.
const originLen = 1 + 8 + 4

// appendTime encodes a timestamp so that keys sort as times do.
func appendTime(key []byte, t events.Time) []byte {
	return binary.BigEndian.AppendUint64(key, uint64(t)^1<<63)
}

func readTime(key []byte) events.Time {
	return events.Time(binary.BigEndian.Uint64(key) ^ 1<<63)
}

// appendID encodes a string of any bytes so that encodings sort as the strings
// do and none is a prefix of another: 0x00 becomes 0x00 0xFF, and 0x00 0x01
// ends it.
func appendID(key []byte, id string) []byte {
	for i := 0; i < len(id); i++ {
		key = append(key, id[i])
		if id[i] == 0 {
			key = append(key, 0xFF)
		}
	}
	return append(key, 0x00, 0x01)
}

// readID decodes an appendID and returns what follows it.
func readID(key []byte) (id string, rest []byte, err error) {
	plain := make([]byte, 0, len(key))
	for i := 0; i+1 < len(key); i++ {
		switch {
		case key[i] != 0:
			plain = append(plain, key[i])
		case key[i+1] == 0xFF:
			plain = append(plain, 0)
			i++
		case key[i+1] == 0x01:
			return string(plain), key[i+2:], nil
		default:
			return "", nil, fmt.Errorf("state key holds the escape 00 %02x, which means nothing", key[i+1])
		}
	}
	return "", nil, fmt.Errorf("state key ends within an id")
}

func appendKey(key []byte, space byte, p joiner.RequestKey) []byte {
	return appendID(appendTime(append(key, space), p.TS), p.ID)
}

// readKey decodes a key of the spaces that are ordered by request key, and returns
// what follows the place.
func readKey(key []byte) (joiner.RequestKey, []byte, error) {
	if len(key) < 9 {
		return joiner.RequestKey{}, nil, fmt.Errorf("state key %x is too short for a place", key)
	}
	id, rest, err := readID(key[9:])
	return joiner.RequestKey{TS: readTime(key[1:]), ID: id}, rest, err
}

func appendOutcome(key []byte, p joiner.RequestKey, o *joiner.StoredOutcome) []byte {
	key = appendTime(appendKey(key, spaceOutcome, p), o.TS)
	return appendOrigin(append(appendID(key, o.ID), o.Hash[:hashLen]...), o.Origin)
}

func appendWaiting(key []byte, id string, o *joiner.StoredOutcome) []byte {
	key = appendID(appendTime(append(key, spaceWaiting), o.Until), id)
	return appendOrigin(append(appendID(key, o.ID), o.Hash[:hashLen]...), o.Origin)
}

func appendOrigin(key []byte, o events.Origin) []byte {
	key = binary.BigEndian.AppendUint64(append(key, o.Input), o.Seq)
	return binary.BigEndian.AppendUint32(key, o.Index)
}

// readTail fills an outcome from the end of its key: outcome_id, hash, origin.
func readTail(o *joiner.StoredOutcome, key []byte) error {
	id, rest, err := readID(key)
	if err != nil {
		return err
	}
	if len(rest) != hashLen+originLen {
		return fmt.Errorf("state key of an outcome ends in %d bytes, not %d", len(rest), hashLen+originLen)
	}
	o.ID = id
	origin := rest[hashLen:]
	o.Origin = events.Origin{
		Input: origin[0],
		Seq:   binary.BigEndian.Uint64(origin[1:]),
		Index: binary.BigEndian.Uint32(origin[9:]),
	}
	return nil
}

func numbered(space byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{space}, n)
}

// bound is the first key of a space at or after a time.
func bound(space byte, t events.Time) []byte {
	if t == events.MaxTime {
		return []byte{space + 1}
	}
	return appendTime([]byte{space}, t)
}
