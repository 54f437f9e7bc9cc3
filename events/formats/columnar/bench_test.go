package columnar_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events/formats/columnar"
)

// BenchmarkLines writes the rows of a file as lines: of items with features, and of lists in lists.
func BenchmarkLines(b *testing.B) {
	type nested struct {
		ID     string  `parquet:"request_id"`
		Lists  []item  `parquet:"lists,list"`
		Prices float64 `parquet:"features.price"`
	}
	three, begin := int64(3), time.UnixMicro(1767225600000001)
	var items []item
	for range 20 {
		items = append(items, item{ID: "i", Position: &three, Features: map[string]float64{"a": 0.5, "b": 1.25}})
	}
	var requests []request
	var lists []nested
	for range 2000 {
		requests = append(requests, request{ID: "r", TS: begin, Score: 0.5, Items: items, Old: []int32{1, 2}})
		lists = append(lists, nested{ID: "r", Lists: items, Prices: 0.25})
	}
	b.Run("items", func(b *testing.B) { benchmarkLines(b, requests) })
	b.Run("nested", func(b *testing.B) { benchmarkLines(b, lists) })
}

func benchmarkLines[T any](b *testing.B, rows []T) {
	var file bytes.Buffer
	if err := parquet.Write(&file, rows); err != nil {
		b.Fatal(err)
	}
	path := put(b, file.Bytes())
	b.ReportAllocs()
	for b.Loop() {
		if err := columnar.Write(context.Background(), path, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows)), "ns/row")
}
