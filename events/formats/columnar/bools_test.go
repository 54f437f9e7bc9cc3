package columnar_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/labeljoin/labeljoin/events/formats/columnar"
)

// TestBools reads truth values in runs, which testdata/bools.py has written.
func TestBools(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		t.Run("version "+version, func(t *testing.T) {
			var b bytes.Buffer
			if err := columnar.Write(context.Background(), "testdata/bools"+version+".parquet", &b); err != nil {
				t.Fatal(err)
			}
			d := json.NewDecoder(&b)
			for i := range 2000 {
				var got map[string]any
				if err := d.Decode(&got); err != nil {
					t.Fatal(err)
				}
				if want := boolsOf(i); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("row %d is %v, want %v", i, got, want)
				}
			}
			if d.More() {
				t.Error("there are more rows")
			}
		})
	}
}

// boolsOf is a row as bools.py makes it.
func boolsOf(i int) map[string]any {
	list, deep := []any{}, []any{}
	for k := range i % 4 {
		list = append(list, (i+k)%7 < 5)
	}
	if i%11 < 8 {
		deep = append(deep, map[string]any{"b": true}, map[string]any{})
	}
	row := map[string]any{"all": i/300%2 == 0, "list": list, "deep": deep, "nested": []any{list, list[:min(1, len(list))]}}
	if i%5 != 0 {
		row["some"] = i%3 == 0 || i > 1500
	}
	return row
}
