package stats

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// statisticsOf are those of numbers that come in portions, of which each is said to be there so many times.
func statisticsOf(portions [][]float64, times [][]uint64) *tfmd.FeatureNameStatistics {
	t := &rows{kinds: map[string]tfmd.FeatureNameStatistics_Type{"x": tfmd.FeatureNameStatistics_FLOAT},
		o: Options{PinOwn: true}.withDefaults()}
	c := t.newCells("x")
	for i, xs := range portions {
		c.quickValues(&page{floats: xs, times: times[i]}, 0)
		n := uint64(len(xs))
		if times[i] != nil {
			n = 0
			for _, k := range times[i] {
				n += k
			}
		}
		c.valencies[0].addScalars(n, 0)
	}
	if err := c.further(context.Background(), "x", 0); err != nil {
		panic(err)
	}
	return c.feature(0, "x", false)
}

// anyNumber is a number of any kind, of few or of many different ones.
func anyNumber(rng *rand.Rand, few bool) float64 {
	switch {
	case few:
		return float64(rng.IntN(50)) - 3
	case rng.IntN(20) > 0:
		return rng.NormFloat64()
	}
	return []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 0, 5e-324, 1e300, -1e-300,
		float64(rng.Int64())}[rng.IntN(9)]
}

// TestNumbersTogether: numbers whose equals are counted together have the statistics of all of them one by one, and
// so have neighbours that are equal.
func TestNumbersTogether(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, few := range []bool{true, false} {
		t.Run(fmt.Sprint("few ", few), func(t *testing.T) {
			var one, neighbours []float64
			var distinct []float64
			var times []uint64
			for range 4000 {
				x, n := anyNumber(rng, few), uint64(1+rng.IntN(6))
				distinct, times = append(distinct, x), append(times, n)
				for range n {
					one = append(one, x)
				}
			}
			neighbours = slices.Clone(one)
			rng.Shuffle(len(one), func(i, j int) { one[i], one[j] = one[j], one[i] })
			want := statisticsOf([][]float64{one[:100], one[100:]}, make([][]uint64, 2))
			for name, got := range map[string]*tfmd.FeatureNameStatistics{
				"neighbours": statisticsOf([][]float64{neighbours}, make([][]uint64, 1)),
				"times":      statisticsOf([][]float64{distinct[:1000], distinct[1000:]}, [][]uint64{times[:1000], times[1000:]}),
			} {
				if !proto.Equal(got, want) {
					t.Errorf("seed %d, %s:\n%v\nwant\n%v", seed, name, got, want)
				}
			}
		})
	}
}

// TestMinusZeroIsZero: beside numbers that begin with the same bits, minus zero is counted as zero.
func TestMinusZeroIsZero(t *testing.T) {
	var xs []float64
	for i := range 4000 {
		xs = append(xs, 1+float64(i)/1000)
		if i < 3000 {
			xs = append(xs, -5e-324, math.Copysign(0, -1))
		}
	}
	got := statisticsOf([][]float64{xs}, make([][]uint64, 1)).GetNumStats()
	zeros := slices.Clone(xs)
	for i, x := range zeros {
		zeros[i] = x + 0 // which makes minus zero to zero
	}
	if want := statisticsOf([][]float64{zeros}, make([][]uint64, 1)).GetNumStats(); !proto.Equal(got, want) ||
		got.Median != 0 || math.Signbit(got.Median) {
		t.Errorf("%v\nwant\n%v", got, want)
	}
}

// TestWeightsAreTaken: a page of a file with weights does not take the way of those without.
func TestWeightsAreTaken(t *testing.T) {
	c := (&rows{kinds: map[string]tfmd.FeatureNameStatistics_Type{"x": tfmd.FeatureNameStatistics_FLOAT},
		o: Options{Weight: "w"}.withDefaults()}).newCells("x")
	if c.quick(&group{rows: 1, weights: []int64{weightScale}}, &page{rows: 1, floats: []float64{1}}, 0) {
		t.Error("it takes the quick way, which counts no weights")
	}
	if c.quick(&group{rows: 1}, &page{rows: 1, floats: []float64{1}}, 0) {
		t.Error("it takes the quick way though the numbers of the column are weighted")
	}
}

// TestPowersOfMany: a number that is there very often adds as often, whatever is folded in between.
func TestPowersOfMany(t *testing.T) {
	for _, n := range []uint64{1, 3, powerTimes, powerTimes + 1, 10 * powerAdds} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			a := newNumbers(false)
			a.spill()
			for range 5 {
				a.addAll([]float64{math.Pi, -0.1}, []uint64{n, n})
			}
			a.powers.fold(&a.sum, &a.squares)
			var sum, squares sum
			addTimes(&sum, &squares, math.Pi, float64(5*n))
			addTimes(&sum, &squares, -0.1, float64(5*n))
			if a.n != 10*n || a.sum.integer().Cmp(sum.integer()) != 0 || a.squares.integer().Cmp(squares.integer()) != 0 {
				t.Errorf("%d numbers add up to something else", a.n)
			}
		})
	}
}

// TestTextsAreCounted counts so many texts that the table grows, long ones among them, against a map.
func TestTextsAreCounted(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	texts, want := newTexts(false, 1<<20), map[string]uint64{}
	long := strings.Repeat("long", 50_000)
	for range 40 {
		var text []byte
		offsets := []uint32{0}
		for range 4000 {
			one := fmt.Sprint("text ", rng.IntN(60_000))
			switch rng.IntN(500) {
			case 0:
				one = long[rng.IntN(3):]
			case 1:
				one = ""
			}
			for range 1 + rng.IntN(2) {
				text = append(text, one...)
				offsets = append(offsets, uint32(len(text)))
				want[one]++
			}
		}
		texts.addAll(text, offsets)
	}
	texts.add([]byte("\xff"), 2, 0)
	want[invalidText] += 2
	size := 0
	got := map[string]uint64{}
	texts.known.each(func(r record) {
		got[string(r.text())] += r.count()
		size += len(r.text())
	})
	if len(got) != len(want) || texts.known.used != len(want) || texts.known.bytes != size || texts.known.size() < size {
		t.Errorf("seed %d: %d texts of %d bytes, want %d; %d are told of %d bytes", seed, len(got), size, len(want),
			texts.known.used, texts.known.bytes)
	}
	for text, n := range want {
		if got[text] != n {
			t.Fatalf("seed %d: %.20q is there %d times, want %d", seed, text, got[text], n)
		}
	}
}
