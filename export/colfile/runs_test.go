package colfile

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/rle"
)

// The library reads the numbers that were meant, whatever the lengths of runs.
func TestRunsOfNumbers(t *testing.T) {
	var r runs
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 43))
		var numbers []int32
		most, longest := 1+rng.IntN(1<<rng.IntN(20)), 1+rng.IntN(40)
		for range rng.IntN(60) {
			numbers = append(numbers, slices.Repeat([]int32{int32(rng.IntN(most))}, 1+rng.IntN(longest))...)
		}
		data, err := r.appendIndexes(nil, numbers)
		if err != nil {
			t.Fatal(err)
		}
		got, err := (*rle.DictionaryEncoding)(nil).DecodeInt32(nil, data)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got = got[:min(len(got), len(numbers))]; !slices.Equal(got, numbers) {
			t.Fatalf("seed %d: wrote %v, read %v", seed, numbers, got)
		}
	}
}

// Ten rows of each request are one run, wherever they begin.
func TestRunsOfRequests(t *testing.T) {
	var r runs
	var numbers []int32
	for i := range int32(5000) {
		numbers = append(numbers, slices.Repeat([]int32{i}, 10)...)
	}
	data, err := r.appendIndexes(nil, numbers)
	if err != nil {
		t.Fatal(err)
	}
	if each := 1 + (bits.Len(4999)+7)/8; len(data) != 1+5000*each {
		t.Fatalf("5000 runs take %d bytes, not %d each", len(data), each)
	}
}
