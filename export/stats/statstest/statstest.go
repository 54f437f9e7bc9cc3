// Package statstest makes Parquet files for tests out of data that was recorded
// with TensorFlow Data Validation.
package statstest

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/export/stats"
)

// Series is a column as the recorded cases have it: of type int, float, double
// or string, a list of values for each row, nil where it is null. Numbers that
// JSON does not have are "nan", "inf" and "-inf"; texts that are not UTF-8 are
// an object with their bytes as "hex".
type Series struct {
	Type   string  `json:"type"`
	Values [][]any `json:"values"`
}

// File writes columns as lists into a Parquet file in memory.
func File(t testing.TB, columns map[string]Series) stats.Source {
	t.Helper()
	group, rows := parquet.Group{}, 0
	for name, c := range columns {
		leaf := map[string]parquet.Node{"int": parquet.Int(64), "float": parquet.Leaf(parquet.DoubleType),
			"double": parquet.Leaf(parquet.DoubleType), "string": parquet.String()}[c.Type]
		group[name] = parquet.Optional(parquet.List(leaf))
		rows = len(c.Values)
	}
	schema := parquet.NewSchema("case", group)
	var names []string
	for name := range columns {
		names = append(names, name)
	}
	slices.Sort(names)
	var out bytes.Buffer
	w := parquet.NewWriter(&out, schema)
	for i := range rows {
		var row parquet.Row
		for column, name := range names {
			c := columns[name]
			if c.Values[i] == nil {
				row = append(row, parquet.Value{}.Level(0, 0, column))
				continue
			}
			if len(c.Values[i]) == 0 {
				row = append(row, parquet.Value{}.Level(0, 1, column))
			}
			for k, x := range c.Values[i] {
				row = append(row, valueOf(t, c.Type, x).Level(min(k, 1), 2, column))
			}
		}
		if _, err := w.WriteRows([]parquet.Row{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return stats.Source{Name: "case.parquet", ReaderAt: bytes.NewReader(out.Bytes()), Size: int64(out.Len())}
}

func valueOf(t testing.TB, kind string, x any) parquet.Value {
	t.Helper()
	switch x := x.(type) {
	case float64:
		if kind == "int" {
			return parquet.ValueOf(int64(x))
		}
		return parquet.ValueOf(x)
	case string:
		if kind == "string" {
			return parquet.ValueOf([]byte(x))
		}
		return parquet.ValueOf(map[string]float64{"nan": math.NaN(), "inf": math.Inf(1), "-inf": math.Inf(-1)}[x])
	case map[string]any:
		raw, err := hex.DecodeString(x["hex"].(string))
		if err != nil {
			t.Fatal(err)
		}
		return parquet.ValueOf(raw)
	}
	t.Fatalf("a value %v of type %T", x, x)
	return parquet.Value{}
}
