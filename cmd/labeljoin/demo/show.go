package demo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/parquet-go/parquet-go"
)

// showRows prints some rows of the Parquet files below dir, positives first:
// read back from the files, as any reader of theirs would.
func showRows(w io.Writer, dir string, columns []string, n int) error {
	var positive, other [][]string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".parquet") {
			return err
		}
		return ReadRows(path, columns, func(row []string, isPositive bool) bool {
			if isPositive {
				positive = append(positive, row)
			} else {
				other = append(other, row)
			}
			return len(positive) < n || len(other) < n
		})
	})
	if err != nil {
		return err
	}
	positives := min(len(positive), n/2+1)
	rows := append(positive[:positives], other[:min(len(other), n-positives)]...)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  "+strings.Join(columns, "\t"))
	for _, row := range rows {
		fmt.Fprintln(t, "  "+strings.Join(row, "\t"))
	}
	return t.Flush()
}

// ReadRows calls visit with the named columns of each row until it returns
// false. A row is positive if the fifth of them, the first label, is 1.
func ReadRows(path string, columns []string, visit func(row []string, positive bool) bool) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return fmt.Errorf("reading back %s: %w", path, err)
	}
	at := map[int]int{}
	for i, name := range columns {
		if leaf, ok := file.Schema().Lookup(name); ok {
			at[leaf.ColumnIndex] = i
		}
	}
	reader := parquet.NewReader(file)
	defer reader.Close()
	for buffer := make([]parquet.Row, 64); ; {
		n, err := reader.ReadRows(buffer)
		for _, values := range buffer[:n] {
			row := make([]string, len(columns))
			for _, v := range values {
				if i, ok := at[v.Column()]; ok {
					row[i] = v.String()
				}
			}
			if !visit(row, row[4] == "1") {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading back %s: %w", path, err)
		}
	}
}
