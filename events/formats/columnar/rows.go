package columnar

import (
	"context"
	"io"
)

// Row is a row of a Parquet file by its top columns.
type Row struct {
	Names []string
	// Values are JSON, null where there is none. They are good until the next row.
	Values [][]byte
}

// Rows reads the rows of a Parquet file of ours, in order. The error names the row at
// which the file is damaged.
func Rows(ctx context.Context, file io.ReaderAt, size int64, visit func(*Row) error) error {
	return eachRow(ctx, file, size, nil, &jsonRows{visit: visit})
}

// jsonRows makes each row a Row.
type jsonRows struct {
	fields []*tree
	row    Row
	visit  func(*Row) error
}

func (r *jsonRows) begin(t *tree) {
	r.fields = t.fields
	for _, f := range t.fields {
		r.row.Names, r.row.Values = append(r.row.Names, f.name), append(r.row.Values, nil)
	}
}

func (r *jsonRows) assemble(c *cursor) {
	for i, f := range r.fields {
		r.row.Values[i] = f.append(r.row.Values[i][:0], c)
	}
}

func (r *jsonRows) take() error { return r.visit(&r.row) }
