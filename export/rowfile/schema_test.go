package rowfile

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// A file says of its columns what the summary says, and is verified by either.
func TestColumnsOfAFile(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	data, sum := encode(t, build(t, newLayout(t, Config{Weight: true}), samples(rng, 300)))
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	columns, err := columnsOf(f.Schema().Fields())
	if err != nil || !slices.Equal(columns, sum.Columns) {
		t.Fatalf("columns %v, want %v: %v", columns, sum.Columns, err)
	}
	sum.Columns = nil
	if err := Verify(bytes.NewReader(data), int64(len(data)), &sum); err != nil {
		t.Fatal(err)
	}
	sum.Hash = "another"
	if err := Verify(bytes.NewReader(data), int64(len(data)), &sum); err == nil {
		t.Fatal("another hash is taken for the file's")
	}
}
