package rowfile

import (
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events"
)

// Key names a row and one of its revisions. Where an id was used again, the times
// of its requests are far apart; revisions of one row may differ in it too.
type Key struct {
	RequestID, ItemID string
	Revision          uint32
	RequestTS         events.Time // the microsecond in the file
	// Staged says that the file has rows that are written before all their labels are final:
	// then numbers of revisions may be missing.
	Staged bool
}

// Keys reads the keys of all rows, in order, in a file of ours whose checksum
// was checked. It stops early, without an error, when visit returns false.
func Keys(r io.ReaderAt, size int64, visit func(Key) bool) error {
	groups, index, err := openForScan(r, size)
	if err != nil {
		return err
	}
	for _, group := range groups {
		keys, err := keysOf(group, index)
		if err != nil {
			return err
		}
		for _, k := range keys {
			k.Staged = index[scanPending] >= 0
			if !visit(k) {
				return nil
			}
		}
	}
	return nil
}

func keysOf(group parquet.RowGroup, index [scanned]int) (keys []Key, err error) {
	defer guard(&err)
	n := group.NumRows()
	keys = make([]Key, n)
	for _, c := range []struct {
		column int
		set    func(*Key, *parquet.Value)
	}{
		{scanID, func(k *Key, v *parquet.Value) { k.RequestID = string(v.ByteArray()) }},
		{scanItem, func(k *Key, v *parquet.Value) { k.ItemID = string(v.ByteArray()) }},
		{scanRevision, func(k *Key, v *parquet.Value) { k.Revision = uint32(v.Int32()) }},
		{scanTS, func(k *Key, v *parquet.Value) { k.RequestTS = fromMicros(v.Int64()) }},
	} {
		err := eachRow(group, index[c.column], n, func(row int, v *parquet.Value) {
			if !v.IsNull() {
				c.set(&keys[row], v)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}
