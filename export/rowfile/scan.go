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
	scanPending // -1: the file has no such column
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
	for i, name := range [scanPending]string{"request_id", "request_ts", "item_id", "revision", "reason"} {
		leaf, ok := file.Schema().Lookup(name)
		if !ok {
			return nil, index, fmt.Errorf("it has no column %q", name)
		}
		index[i] = leaf.ColumnIndex
	}
	index[scanPending] = -1
	leaf, ok := file.Schema().Lookup(pendingColumn)
	if ok && leaf.ColumnIndex > index[scanReason] { // else a feature or a label has the name
		index[scanPending] = leaf.ColumnIndex
	}
	return file.RowGroups(), index, nil
}

// scanGroup finds the rows first by their revisions and reasons, which are
// small columns, and then reads the rest of those.
func scanGroup(group parquet.RowGroup, index [scanned]int, base uint32, every bool) (written []joiner.Written,
	err error) {
	defer guard(&err)
	n := group.NumRows()
	revisions, reasons, pending, err := scanMarks(group, index, n)
	if err != nil {
		return nil, err
	}
	at := make([]int, n) // position in written, plus one
	for i := range revisions {
		early := reasons[i] == joiner.ReasonEarly
		if every || revisions[i] > base || early {
			written = append(written, joiner.Written{Revision: revisions[i], Early: early || pending[i], Pending: pending[i],
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

// scanMarks reads of each row its revision, its reason, if it is one of those that Scan looks
// for, and whether it was written at the end of a stage. The reason alone does not say the
// latter: it is that of a gap if one makes a final label unknown.
func scanMarks(group parquet.RowGroup, index [scanned]int, n int64) (revisions []uint32, reasons []joiner.Reason,
	pending []bool, err error) {
	revisions, reasons, pending = make([]uint32, n), make([]joiner.Reason, n), make([]bool, n)
	err = eachRow(group, index[scanRevision], n, func(row int, v *parquet.Value) { revisions[row] = uint32(v.Int32()) })
	if err != nil {
		return nil, nil, nil, err
	}
	err = eachRow(group, index[scanReason], n, func(row int, v *parquet.Value) {
		for _, reason := range [...]joiner.Reason{joiner.ReasonEarly, joiner.ReasonWithdrawn, joiner.ReasonPending} {
			if string(v.ByteArray()) == reason.String() {
				reasons[row], pending[row] = reason, reason == joiner.ReasonPending
			}
		}
	})
	if err != nil || index[scanPending] < 0 {
		return revisions, reasons, pending, err
	}
	err = eachRow(group, index[scanPending], n, func(row int, v *parquet.Value) {
		pending[row] = pending[row] || !v.IsNull()
	})
	return revisions, reasons, pending, err
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
