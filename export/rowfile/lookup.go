package rowfile

import (
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/joiner"
)

// Stored is a row as a file has it.
type Stored struct {
	Key
	Row    int64 // its number in the file, from 0
	Reason string
	Labels []joiner.Cell // in the order asked for; null where the file has no such column
}

// Lookup finds the rows of a request in a file of ours whose checksum was
// checked, and the values of labels in them.
func Lookup(r io.ReaderAt, size int64, requestID string, labels []string) (rows []Stored, err error) {
	defer guard(&err)
	groups, index, err := openForScan(r, size)
	if err != nil {
		return nil, err
	}
	first := int64(0)
	for _, group := range groups {
		found, err := lookupIn(group, index, requestID, labels)
		if err != nil {
			return nil, err
		}
		for i := range found {
			found[i].Row += first
		}
		rows = append(rows, found...)
		first += group.NumRows()
	}
	return rows, nil
}

// Labels reads all rows of a file of ours whose checksum was checked, in order.
// What visit is given is good until it returns.
func Labels(r io.ReaderAt, size int64, labels []string, visit func(*Stored)) (err error) {
	defer guard(&err)
	groups, index, err := openForScan(r, size)
	if err != nil {
		return err
	}
	for _, group := range groups {
		rows, err := storedIn(group, index, func([]byte) bool { return true }, labels)
		if err != nil {
			return err
		}
		for i := range rows {
			visit(&rows[i])
		}
	}
	return nil
}

func lookupIn(group parquet.RowGroup, index [scanned]int, requestID string, labels []string) ([]Stored, error) {
	return storedIn(group, index, func(id []byte) bool { return string(id) == requestID }, labels)
}

// storedIn reads the rows of a group whose request ids are wanted.
func storedIn(group parquet.RowGroup, index [scanned]int, wanted func(id []byte) bool, labels []string) (rows []Stored,
	err error) {
	n := group.NumRows()
	err = eachRow(group, index[scanID], n, func(row int, v *parquet.Value) {
		if id := v.ByteArray(); wanted(id) {
			rows = append(rows, Stored{Key: Key{RequestID: string(id)}, Row: int64(row)})
		}
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	cells := unknown(len(rows) * len(labels))
	for i := range rows {
		rows[i].Labels, cells = cells[:len(labels):len(labels)], cells[len(labels):]
	}
	read := func(column int, set func(*Stored, *parquet.Value)) {
		if err != nil {
			return
		}
		err = eachRow(group, column, n, func(row int, v *parquet.Value) {
			at, ok := slices.BinarySearchFunc(rows, int64(row), func(s Stored, row int64) int { return int(s.Row - row) })
			if ok && !v.IsNull() {
				set(&rows[at], v)
			}
		})
	}
	read(index[scanTS], func(s *Stored, v *parquet.Value) { s.RequestTS = fromMicros(v.Int64()) })
	read(index[scanItem], func(s *Stored, v *parquet.Value) { s.ItemID = string(v.ByteArray()) })
	read(index[scanRevision], func(s *Stored, v *parquet.Value) { s.Revision = uint32(v.Int32()) })
	read(index[scanReason], func(s *Stored, v *parquet.Value) { s.Reason = string(v.ByteArray()) })
	for i, name := range labels {
		if leaf, ok := group.Schema().Lookup(name); ok {
			read(leaf.ColumnIndex, func(s *Stored, v *parquet.Value) {
				s.Labels[i].Null = false
				if s.Labels[i].Value = v.Double(); v.Kind() == parquet.Int32 {
					s.Labels[i].Value = float64(v.Int32())
				}
			})
		}
		if leaf, ok := group.Schema().Lookup(name + "_ts"); ok {
			read(leaf.ColumnIndex, func(s *Stored, v *parquet.Value) { s.Labels[i].TS = fromMicros(v.Int64()) })
		}
	}
	return rows, err
}

func unknown(n int) []joiner.Cell {
	cells := make([]joiner.Cell, n)
	for i := range cells {
		cells[i] = joiner.Undecided()
	}
	return cells
}
