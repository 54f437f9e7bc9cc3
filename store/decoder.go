package store

import (
	"encoding/binary"
	"math"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// decoder reads a value from its front. The first error sticks: after it every
// read yields a zero value, and done reports it.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) version() { d.versionOf(valueVersion) }

func (d *decoder) versionOf(version byte) {
	if d.byte() != version && d.err == nil {
		d.err = errVersion
	}
}

// bytes takes n bytes; after an error, or when there are fewer, it yields n
// zeroes, so that fixed-size conversions are safe. Callers bound n.
func (d *decoder) bytes(n int) []byte {
	if d.err == nil && n <= len(d.rest) {
		b := d.rest[:n]
		d.rest = d.rest[n:]
		return b
	}
	if d.err == nil {
		d.err = errShort
	}
	return make([]byte, min(n, 32))
}

func (d *decoder) byte() byte { return d.bytes(1)[0] }

func (d *decoder) uint64() uint64 { return binary.BigEndian.Uint64(d.bytes(8)) }

func (d *decoder) uvarint() uint64 {
	u, n := binary.Uvarint(d.rest)
	if n <= 0 || d.err != nil {
		if d.err == nil {
			d.err = errShort
		}
		return 0
	}
	d.rest = d.rest[n:]
	return u
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	if u&1 != 0 {
		return ^int64(u >> 1)
	}
	return int64(u >> 1)
}

// atMost reads a number that must not be larger than most.
func (d *decoder) atMost(most int) int {
	n := d.uvarint()
	if n > uint64(most) {
		if d.err == nil {
			d.err = errShort
		}
		return 0
	}
	return int(n)
}

// count reads how many things of at least size bytes follow: a number that the
// rest cannot hold is an error here and not an allocation later.
func (d *decoder) count(size int) int {
	n := d.uvarint()
	if n > uint64(len(d.rest)/size) {
		if d.err == nil {
			d.err = errShort
		}
		return 0
	}
	return int(n)
}

func (d *decoder) sized() []byte { return d.bytes(d.count(1)) }

func (d *decoder) origin() events.Origin {
	b := d.bytes(originLen)
	return events.Origin{Input: b[0], Seq: binary.BigEndian.Uint64(b[1:]), Index: binary.BigEndian.Uint32(b[9:])}
}

func (d *decoder) cells() []joiner.Cell {
	n := d.count(17)
	cells := make([]joiner.Cell, 0, n)
	for ; n > 0; n-- {
		cells = append(cells, joiner.Cell{
			Null: d.byte() != 0, Value: math.Float64frombits(d.uint64()), TS: events.Time(d.uint64()),
		})
	}
	return cells
}

func (d *decoder) done() error {
	if d.err == nil && len(d.rest) > 0 {
		d.err = errShort
	}
	return d.err
}
