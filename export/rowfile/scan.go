package rowfile

import (
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// The columns that Scan reads.
const (
	scanID = iota
	scanTS
	scanItem
	scanRevision
	scanReason
	scanned
)

// Scan reads every row, or those that have a revision above base or were written early, in a file of ours whose
// checksum was checked. Times are the microseconds in
// the file. It stops early, without an error, when visit returns false.
func Scan(r io.ReaderAt, size int64, base uint32, every bool,
	visit func(joiner.Written) bool) error {
	groups, index, err := openForScan(r, size)
	if err != nil {
		return err
	}
	for _, group := range groups {
		written, err := scanGroup(group, index, base, every)
		if err != nil {
			return err
		}
		for _, w := range written {
			if !visit(w) {
				return nil
			}
		}
	}
	return nil
}

func openForScan(r io.ReaderAt, size int64) (groups []parquet.RowGroup, index [scanned]int, err error) {
	defer guard(&err)
	file, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, index, err
	}
	for i, name := range [scanned]string{"request_id", "request_ts", "item_id", "revision", "reason"} {
		leaf, ok := file.Schema().Lookup(name)
		if !ok {
			return nil, index, fmt.Errorf("it has no column %q", name)
		}
		index[i] = leaf.ColumnIndex
	}
	return file.RowGroups(), index, nil
}

// scanGroup finds the rows first by their revisions and reasons, which are
// small columns, and then reads the rest of those.
func scanGroup(group parquet.RowGroup, index [scanned]int, base uint32, every bool) (written []joiner.Written,
	err error) {
	defer guard(&err)
	n := group.NumRows()
	revisions, reasons := make([]uint32, n), make([]joiner.Reason, n)
	err = eachRow(group, index[scanRevision], n, func(row int, v *parquet.Value) { revisions[row] = uint32(v.Int32()) })
	if err != nil {
		return nil, err
	}
	err = eachRow(group, index[scanReason], n, func(row int, v *parquet.Value) {
		for _, reason := range [...]joiner.Reason{joiner.ReasonEarly, joiner.ReasonWithdrawn, joiner.ReasonPending} {
			if string(v.ByteArray()) == reason.String() {
				reasons[row] = reason
			}
		}
	})
	if err != nil {
		return nil, err
	}
	at := make([]int, n) // position in written, plus one
	for i := range revisions {
		early, pending := reasons[i] == joiner.ReasonEarly, reasons[i] == joiner.ReasonPending
		if every || revisions[i] > base || early {
			written = append(written, joiner.Written{Revision: revisions[i], Early: early || pending, Pending: pending,
				Withdrawn: reasons[i] == joiner.ReasonWithdrawn})
			at[i] = len(written)
		}
	}
	if len(written) == 0 {
		return nil, nil
	}
	set := [...]func(*joiner.Written, *parquet.Value){
		scanID:   func(w *joiner.Written, v *parquet.Value) { w.RequestID = string(v.ByteArray()) },
		scanTS:   func(w *joiner.Written, v *parquet.Value) { w.RequestTS = fromMicros(v.Int64()) },
		scanItem: func(w *joiner.Written, v *parquet.Value) { w.ItemID = string(v.ByteArray()) },
	}
	for i, f := range set {
		err := eachRow(group, index[i], n, func(row int, v *parquet.Value) {
			if at[row] > 0 && !v.IsNull() {
				f(&written[at[row]-1], v)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return written, nil
}

// batchRows is how many values are read at a time, so that they stay in the
// cache.
const batchRows = 1024

// eachRow calls f with every value of a column that has one per row.
func eachRow(group parquet.RowGroup, index int, n int64, f func(row int, v *parquet.Value)) error {
	row := 0
	err := eachValue(group.ColumnChunks()[index], make([]parquet.Value, batchRows), func(values []parquet.Value) error {
		if row+len(values) > int(n) {
			return fmt.Errorf("a column has more values than there are rows")
		}
		for i := range values {
			f(row, &values[i])
			row++
		}
		return nil
	})
	if err == nil && row != int(n) {
		err = fmt.Errorf("a column has %d values for %d rows", row, n)
	}
	return err
}

// fromMicros is the start of the microsecond, or the start of time.
func fromMicros(us int64) events.Time {
	if us < math.MinInt64/1000 {
		return events.MinTime
	}
	return events.Time(us * 1000)
}
