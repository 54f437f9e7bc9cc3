package guard

import (
	"encoding/base64"
	"encoding/binary"
	"math"
)

// Counts is a histogram by slot, from slot 0. As text it is base64 of uvarints, which is
// short: it is stored with every batch.
type Counts []uint32

// at is the count at an index, 0 beyond the end.
func (c Counts) at(i int64) int64 {
	if i < 0 || i >= int64(len(c)) {
		return 0
	}
	return int64(c[i])
}

// add counts one at an index, as long as there is room for it.
func (c *Counts) add(i int64) {
	if i < 0 || i >= maxSlots {
		return
	}
	for int64(len(*c)) <= i {
		*c = append(*c, 0)
	}
	(*c)[i]++
}

// drop forgets the first n.
func (c *Counts) drop(n int64) {
	*c = append((*c)[:0], (*c)[min(n, int64(len(*c))):]...)
}

// MarshalText implements encoding.TextMarshaler: varints, in base64.
func (c Counts) MarshalText() ([]byte, error) {
	data := make([]byte, 0, 2*len(c))
	for _, n := range c {
		data = binary.AppendUvarint(data, uint64(n))
	}
	return base64.RawStdEncoding.AppendEncode(nil, data), nil
}

// UnmarshalText implements encoding.TextUnmarshaler. What does not fit is
// dropped: counts are of use even where they are short.
func (c *Counts) UnmarshalText(text []byte) error {
	*c = nil
	data, err := base64.RawStdEncoding.AppendDecode(nil, text)
	for len(data) > 0 && len(*c) < maxSlots {
		n, size := binary.Uvarint(data)
		if size <= 0 || n > math.MaxUint32 {
			break
		}
		*c = append(*c, uint32(n))
		data = data[size:]
	}
	return err
}
