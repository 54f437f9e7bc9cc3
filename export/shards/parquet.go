package shards

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/labeljoin/labeljoin/export/colfile"
	"github.com/labeljoin/labeljoin/export/rowfile"
)

// createdBy is constant so that the same rows give the same bytes.
const createdBy = "labeljoin version 1 (build parquet-go)"

// parquetMemory is what the Parquet files of a day share.
type parquetMemory struct {
	codec  *zstd.Codec
	memory *colfile.Memory
	spare  [][]*pending // of files that are written
}

func newParquetMemory() *parquetMemory {
	return &parquetMemory{codec: &zstd.Codec{Level: zstd.SpeedFastest}, memory: new(colfile.Memory)}
}

// columns are columns without rows, with the memory of files that are written. Files are written by
// one goroutine.
func (m *parquetMemory) columns(columns []Column) (list []*pending) {
	if n := len(m.spare); n > 0 {
		list, m.spare = m.spare[n-1], m.spare[:n-1]
		return list
	}
	for i := range columns {
		list = append(list, newPending(columns[i].Type))
	}
	return list
}

// parquetEncoder writes a Parquet file. Its row groups have the same number of rows,
// but for the last, whatever the portions are in which they come.
type parquetEncoder struct {
	to        io.Writer
	columns   []Column
	meta      map[string]string
	groupRows int
	workers   int
	shared    *parquetMemory
	take      func(column int, values *colfile.Column) // is shown what is written; nil: nothing is

	pending []*pending
	rows    int
	file    *colfile.Writer // nil before the first row group
	// dictionary says which columns of the file have one.
	dictionary []bool
}

func (e *parquetEncoder) write(vectors []*vector, rows []int32) error {
	if e.pending == nil {
		e.pending = e.shared.columns(e.columns)
	}
	for len(rows) > 0 {
		n := min(len(rows), e.groupRows-e.rows)
		err := parallel(e.workers, len(e.columns), func(i int) error {
			e.pending[i].gather(vectors[e.columns[i].at], rows[:n])
			return nil
		})
		if err != nil {
			return err
		}
		rows = rows[n:]
		if e.rows += n; e.rows == e.groupRows {
			if err := e.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// begin writes the schema, for which the first row group says which values repeat.
func (e *parquetEncoder) begin() (err error) {
	n := len(e.columns)
	columns, required, repeats := make([]rowfile.Column, n), make([]bool, n), rowfile.Repeats{}
	e.dictionary = make([]bool, n)
	for i := range e.columns {
		c := &e.columns[i]
		columns[i], required[i] = c.Column, c.Required
		e.dictionary[i] = e.pending != nil && e.pending[i].repeats(&repeats, c.Type, e.groupRows)
	}
	e.file, err = colfile.NewWriter(e.to, rowfile.NewSchema(columns, required, e.dictionary), colfile.Options{
		CreatedBy: createdBy, Metadata: e.meta, Codec: e.shared.codec, Memory: e.shared.memory,
	})
	return err
}

// flush writes the pending rows as a row group.
func (e *parquetEncoder) flush() error {
	if e.file == nil {
		if err := e.begin(); err != nil {
			return err
		}
	}
	chunks := make([]*colfile.Chunk, len(e.columns))
	err := parallel(e.workers, len(e.columns), func(i int) (err error) {
		c := &e.columns[i]
		if c.Required && e.pending[i].nulls > 0 {
			return fmt.Errorf("column %q has nulls and must not", c.Name)
		}
		if !e.dictionary[i] {
			e.pending[i].expand(c.Type)
		}
		encoder := e.file.NewEncoder()
		defer encoder.Release()
		values := e.pending[i].column(c.Type, c.Required)
		if chunks[i], err = encoder.Encode(i, values); err == nil && e.take != nil {
			e.take(i, values)
		}
		e.pending[i].reset(c.Type)
		return err
	})
	if err != nil {
		return err
	}
	for _, chunk := range chunks {
		if err := e.file.Column(chunk); err != nil {
			return err
		}
	}
	e.rows = 0
	return e.file.EndGroup()
}

func (e *parquetEncoder) close() error {
	if e.rows > 0 {
		if err := e.flush(); err != nil {
			return err
		}
	}
	if e.file == nil {
		if err := e.begin(); err != nil {
			return err
		}
	}
	if e.pending != nil {
		e.shared.spare, e.pending = append(e.shared.spare, e.pending), nil
	}
	return e.file.Close()
}
