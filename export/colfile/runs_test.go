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

// The runs are those that are found one number after the other.
func TestNextRun(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 44))
		var numbers []int32
		most, longest := 1+rng.IntN(4), 1+rng.IntN(20)
		for range rng.IntN(40) {
			numbers = append(numbers, slices.Repeat([]int32{int32(rng.IntN(most))}, 1+rng.IntN(longest))...)
		}
		next := 0
		for from, to := 0, 0; from < len(numbers); from = to {
			for to = from + 1; to < len(numbers) && numbers[to] == numbers[from]; to++ {
			}
			if to-from < groupOf {
				continue
			}
			a, b := nextRun(numbers, next)
			if a != from || b != to {
				t.Fatalf("seed %d: after %d of %v comes %d to %d, not %d to %d", seed, next, numbers, a, b, from, to)
			}
			next = to
		}
		if a, b := nextRun(numbers, next); a != b {
			t.Fatalf("seed %d: after %d of %v comes %d to %d, and there is none", seed, next, numbers, a, b)
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

// The width is that of the greatest number.
func TestWidthOfNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 45))
	for n := range 40 {
		numbers, most := make([]int32, n), int32(0)
		for i := range numbers {
			numbers[i] = rng.Int32N(1 << rng.IntN(20))
			most = max(most, numbers[i])
		}
		if got, want := widthOf(numbers), bits.Len32(uint32(most)); got != want {
			t.Errorf("the width of %v is %d, not %d", numbers, got, want)
		}
	}
}
