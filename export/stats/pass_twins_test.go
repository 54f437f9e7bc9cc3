package stats_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/parquet-go/parquet-go"
	"google.golang.org/protobuf/proto"

	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// odd is a row with the values that ways of counting could differ in.
type odd struct {
	Any   float64  `parquet:"any"`
	Near  int64    `parquet:"near"`
	Small *float64 `parquet:"small,optional"`
	Text  string   `parquet:"text"`
	Word  string   `parquet:"word,dict"`
}

func odds(rng *rand.Rand, n int) []odd {
	special := []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64,
		math.SmallestNonzeroFloat64, 1e-320, -1e-160, 1e160, 1, -1}
	rows := make([]odd, n)
	for i := range rows {
		small := float64(rng.IntN(3000) / 2)
		rows[i] = odd{Any: rng.NormFloat64() * math.Exp2(float64(rng.IntN(60)-30)),
			Near: 1_790_000_000_000_000 + rng.Int64N(86_400_000_000), Small: &small, Text: fmt.Sprintf("id-%d", i/7),
			Word: []string{"a", "b", "\xff", ""}[rng.IntN(4)]}
		switch rng.IntN(20) {
		case 0:
			rows[i].Any, rows[i].Small, rows[i].Text = special[rng.IntN(len(special))], nil, "\xfe"
		case 1:
			*rows[i].Small = -small / 2
		}
	}
	return rows
}

// oneByOne makes every row of a file count by itself.
func oneByOne(s stats.Source) stats.Source {
	s.Keep = func(int64) bool { return true }
	return s
}

// TestWholePagesAreCountedAsTheirRows compares what is counted of a whole page with what is counted
// row by row.
func TestWholePagesAreCountedAsTheirRows(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, n := range []int{1, 900, 30_000} {
		for _, name := range []string{"any", "ordinary"} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				rows := odds(rng, n)
				if name == "ordinary" { // infinities leave no moments to compare
					for i := range rows {
						if x := &rows[i].Any; math.IsInf(*x, 0) || math.Abs(*x) > 1e100 {
							*x = 1
						}
					}
				}
				var out bytes.Buffer
				w := parquet.NewGenericWriter[odd](&out, parquet.MaxRowsPerRowGroup(20_000))
				if _, err := w.Write(rows); err != nil {
					t.Fatal(err)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				file := stats.Source{Name: "odd.parquet", ReaderAt: bytes.NewReader(out.Bytes()), Size: int64(out.Len())}
				o := stats.Options{PinOwn: true, Pins: map[string][]float64{"any": {-1e3, 0, 1}, "near": {1.79000002e15}}}
				var found [2][]byte
				for i, source := range []stats.Source{file, oneByOne(file)} {
					got, err := stats.Of(t.Context(), []stats.Source{source}, o)
					if err != nil {
						t.Fatal(err)
					}
					checkHistogram(t, seed, got.Statistics.Datasets[0], rows)
					if found[i], err = (proto.MarshalOptions{Deterministic: true}).Marshal(got.Statistics); err != nil {
						t.Fatal(err)
					}
				}
				if !bytes.Equal(found[0], found[1]) {
					t.Errorf("seed %d: whole pages give other statistics than their rows", seed)
				}
			})
		}
	}
}

// checkHistogram counts the numbers of the column near between the edges that its histogram has, and
// between its pins.
func checkHistogram(t *testing.T, seed uint64, d *tfmd.DatasetFeatureStatistics, rows []odd) {
	t.Helper()
	for _, f := range d.Features {
		if stats.NameOf(f) != "near" {
			continue
		}
		for i, b := range f.GetNumStats().Histograms[0].Buckets {
			n := 0.0
			for _, r := range rows {
				if x := float64(r.Near); x <= b.HighValue && (x > b.LowValue || i == 0) {
					n++
				}
			}
			if n != b.SampleCount {
				t.Errorf("seed %d: bucket %d from %v to %v has %v numbers, want %v", seed, i, b.LowValue, b.HighValue,
					b.SampleCount, n)
			}
		}
		below := 0.0
		for _, r := range rows {
			if float64(r.Near) < 1.79000002e15 {
				below++
			}
		}
		if got := stats.Pinned(f).Buckets[0].SampleCount; got != below {
			t.Errorf("seed %d: %v numbers are below the pin, want %v", seed, got, below)
		}
	}
}
