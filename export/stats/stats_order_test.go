package stats_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"
	"google.golang.org/protobuf/proto"

	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// example is a row of the tests of this file.
type example struct {
	ID     string   `parquet:"id"`
	Device string   `parquet:"device,dict"`
	Price  *float64 `parquet:"price,optional"`
	Count  int32    `parquet:"count"`
	Click  bool     `parquet:"click"`
	Tags   []string `parquet:"tags,list"`
	Weight float64  `parquet:"weight"`
}

func examples(rng *rand.Rand, n int) []example {
	rows := make([]example, n)
	for i := range rows {
		price := math.Exp(rng.NormFloat64() * 20)
		rows[i] = example{
			ID: fmt.Sprintf("id-%d", rng.IntN(n)), Device: []string{"phone", "tablet", "tv"}[rng.IntN(3)], Price: &price,
			Count: int32(rng.IntN(3000)) - 5, Click: rng.IntN(20) == 0, Weight: float64(rng.IntN(9)) / 3,
		}
		if rng.IntN(10) == 0 {
			rows[i].Price = nil
		}
		for range rng.IntN(3) {
			rows[i].Tags = append(rows[i].Tags, string(rune('a'+rng.IntN(26))))
		}
	}
	return rows
}

func fileOf(t *testing.T, rows []example) stats.Source {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewGenericWriter[example](&out, parquet.MaxRowsPerRowGroup(700))
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return stats.Source{Name: "part.parquet", ReaderAt: bytes.NewReader(out.Bytes()), Size: int64(out.Len())}
}

// TestStatisticsAreAFunctionOfTheSetOfRows shuffles rows and cuts them into files
// anywhere: not a byte may differ, whatever is held in memory.
func TestStatisticsAreAFunctionOfTheSetOfRows(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	rows := examples(rng, 5000)
	for name, o := range map[string]stats.Options{
		"plain":              {},
		"slices and weights": {Slices: []string{"device", "click"}, Weight: "weight"},
		"pins":               {PinOwn: true, Pins: map[string][]float64{"price": {1, 2, 1e6}, "count": {0, 100}}},
		"little memory":      {Hold: 1, Distinct: 1000, Slices: []string{"device"}},
	} {
		t.Run(name, func(t *testing.T) {
			var want []byte
			for range 4 {
				rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
				var files []stats.Source
				for rest := rows; len(rest) > 0; {
					n := 1 + rng.IntN(len(rest))
					files, rest = append(files, fileOf(t, rest[:n])), rest[n:]
				}
				got, err := stats.Of(t.Context(), files, o)
				if err != nil {
					t.Fatal(err)
				}
				data, err := proto.MarshalOptions{Deterministic: true}.Marshal(got.Statistics)
				if err != nil {
					t.Fatal(err)
				}
				if want == nil {
					want = data
				}
				if !bytes.Equal(want, data) {
					t.Fatalf("seed %d: the statistics depend on order or division", seed)
				}
			}
		})
	}
}

// TestManyNumbersAreRankedExactly compares both ways of counting numbers, which
// the recorded cases are too small for, with a sorted copy.
func TestManyNumbersAreRankedExactly(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	rows := examples(rng, 20000)
	got, err := stats.Of(t.Context(), []stats.Source{fileOf(t, rows)}, stats.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var prices []float64
	for _, r := range rows {
		if r.Price != nil {
			prices = append(prices, *r.Price)
		}
	}
	checkRanks(t, seed, got.Statistics.Datasets[0], prices)
}

// TestKeepLeavesRowsOut drops every second row.
func TestKeepLeavesRowsOut(t *testing.T) {
	rows := examples(rand.New(rand.NewPCG(1, 2)), 3000)
	some := fileOf(t, rows)
	some.Keep = func(row int64) bool { return row%2 == 0 }
	var kept []example
	for i := 0; i < len(rows); i += 2 {
		kept = append(kept, rows[i])
	}
	o := stats.Options{Slices: []string{"device"}, Weight: "weight"}
	got, err := stats.Of(t.Context(), []stats.Source{some}, o)
	if err != nil {
		t.Fatal(err)
	}
	want, err := stats.Of(t.Context(), []stats.Source{fileOf(t, kept)}, o)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got.Statistics, want.Statistics) {
		t.Errorf("rows that do not count have left a trace:\n%v\nwant\n%v", got.Statistics.Datasets[1], want.Statistics.Datasets[1])
	}
}

// checkRanks compares the statistics of the column price with its numbers.
func checkRanks(t *testing.T, seed uint64, d *tfmd.DatasetFeatureStatistics, numbers []float64) {
	t.Helper()
	slices.Sort(numbers)
	var s *tfmd.NumericStatistics
	for _, f := range d.Features {
		if f.GetPath().Step[0] == "price" {
			s = f.GetNumStats()
		}
	}
	n := len(numbers)
	if s.Median != numbers[n/2] || s.Min != numbers[0] || s.Max != numbers[n-1] {
		t.Errorf("seed %d: median %v of %v to %v, want %v of %v to %v", seed, s.Median, s.Min, s.Max, numbers[n/2], numbers[0], numbers[n-1])
	}
	for k, b := range s.Histograms[1].Buckets {
		low, high := numbers[k*n/10], numbers[min((k+1)*n/10, n-1)]
		if b.LowValue != low || b.HighValue != high {
			t.Errorf("seed %d: quantile %d is from %v to %v, want %v to %v", seed, k, b.LowValue, b.HighValue, low, high)
		}
	}
	total := 0.0
	for _, b := range s.Histograms[0].Buckets {
		want := 0
		for _, x := range numbers {
			if (x > b.LowValue || x == numbers[0] && b.LowValue == x) && x <= b.HighValue {
				want++
			}
		}
		if b.SampleCount != float64(want) {
			t.Errorf("seed %d: %v numbers from %v to %v, want %d", seed, b.SampleCount, b.LowValue, b.HighValue, want)
		}
		total += b.SampleCount
	}
	if total != float64(n) {
		t.Errorf("seed %d: %v numbers of %d in the histogram", seed, total, n)
	}
	mean := 0.0
	for _, x := range numbers {
		mean += x / float64(n)
	}
	if math.Abs(mean-s.Mean) > 1e-9*math.Abs(mean) {
		t.Errorf("seed %d: mean %v, want %v", seed, s.Mean, mean)
	}
}
