package joiner

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// Columns stands for everything in a row that comes from its request and its
// item, and for the columns of its labels: 128 bits of a SHA-256. Two requests with equal
// columns give files with equal values; the reverse need not hold (1 and 1.0 are
// one value in a column of doubles), and then a row is written once more.
type Columns [16]byte

// columnsOf hashes the columns of a request's rows. What all rows share is hashed
// once.
type columnsOf struct {
	req    *events.Request
	shared [sha256.Size]byte
	buf    []byte
}

func newColumns(req *events.Request) columnsOf {
	c := columnsOf{req: req}
	d := digest{Hash: sha256.New()}
	d.number(uint64(req.TS))
	d.text(req.Model)
	d.text(req.ModelVersion)
	d.text(req.UserID)
	d.fields(req.Features)
	d.Sum(c.shared[:0])
	return c
}

// row is of a row: that of an item, or of the whole request, whose score is the request's.
func (c *columnsOf) row(row *Row) (sum Columns) {
	item := row.Item
	d := digest{Hash: sha256.New()}
	_, _ = d.Write(c.shared[:])
	has, score := c.req.HasScore, c.req.Score
	if item >= 0 {
		i := &c.req.Items[item]
		d.optional(i.HasPosition, uint64(i.Position))
		d.fields(i.Features)
		has, score = i.HasScore, i.Score
	}
	d.optional(has, math.Float64bits(score))
	for i := range row.Extra {
		if v := &row.Extra[i]; v.Kind != events.ValueNull {
			d.number(uint64(i))
			d.value(v)
		}
	}
	c.buf = d.Sum(c.buf[:0])
	copy(sum[:], c.buf)
	return sum
}

// digest writes values so that no two different ones are written alike. Writing to
// a hash never fails.
type digest struct{ hash.Hash }

func (d digest) number(n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	_, _ = d.Write(b[:])
}

func (d digest) text(s string) {
	d.number(uint64(len(s)))
	_, _ = d.Write([]byte(s))
}

func (d digest) optional(has bool, n uint64) {
	if !has {
		d.number(0)
		return
	}
	d.number(1)
	d.number(n)
}

// fields writes features in order of their names, since a column is found by name.
// A null is the same as no feature.
func (d digest) fields(fields []events.Field) {
	given := slices.DeleteFunc(slices.Clone(fields), func(f events.Field) bool { return f.Value.Kind == events.ValueNull })
	slices.SortStableFunc(given, func(a, b events.Field) int { return strings.Compare(a.Name, b.Name) })
	d.number(uint64(len(given)))
	for i := range given {
		d.text(given[i].Name)
		d.value(&given[i].Value)
	}
}

func (d digest) value(v *events.Value) {
	d.number(uint64(v.Kind))
	switch v.Kind {
	case events.ValueNull:
	case events.ValueBool, events.ValueInt:
		d.number(uint64(v.Int))
	case events.ValueDouble:
		d.number(math.Float64bits(v.Float))
	case events.ValueString, events.ValueJSON:
		d.text(v.Str)
	case events.ValueList:
		d.number(uint64(len(v.List)))
		for i := range v.List {
			d.value(&v.List[i])
		}
	}
}
