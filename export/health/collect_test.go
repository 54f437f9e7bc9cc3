package health_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/stats"
)

// written is a row as labeljoin writes it.
type written struct {
	At        int64   `parquet:"request_ts"`
	Score     float64 `parquet:"score"`
	Reason    string  `parquet:"reason,dict"`
	Clicked   *int64  `parquet:"clicked,optional"`
	ClickedAt *int64  `parquet:"clicked_ts,optional"`
	Device    string  `parquet:"device,dict"`
}

// TestCollectedCountsAreAFunctionOfTheRows: not of their order, nor of their division into files and row groups,
// though a column has more values than slices are made of.
func TestCollectedCountsAreAFunctionOfTheRows(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	const devices = health.MaxSlices + 57
	rows := make([]written, 4000)
	reasons := []string{"closed", "corrected", "late_request", "gap", "incomplete"}
	for i := range rows {
		r := &rows[i]
		*r = written{At: 1_763_700_000e6 + rng.Int64N(40*3600e6), Score: float64(rng.IntN(1000)) / 1000,
			Reason: reasons[rng.IntN(len(reasons))], Device: fmt.Sprintf("device%03d", rng.IntN(devices))}
		if clicked := rng.Int64N(3); clicked < 2 {
			r.Clicked = &clicked
			if clicked == 1 {
				r.ClickedAt = new(r.At + rng.Int64N(60e6))
			}
		}
	}
	var want []byte
	for range 4 {
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		var sources []stats.Source
		for rest := rows; len(rest) > 0; {
			n := min(1+rng.IntN(2000), len(rest))
			var out bytes.Buffer
			w := parquet.NewGenericWriter[written](&out, parquet.MaxRowsPerRowGroup(int64(100+rng.IntN(900))))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			sources = append(sources, stats.Source{Name: "part", ReaderAt: bytes.NewReader(out.Bytes()), Size: int64(out.Len())})
			rest = rest[n:]
		}
		table, err := health.Collect(t.Context(), sources, health.Options{Slices: []string{"device"}})
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			checkDivision(t, seed, table, len(rows))
		}
		got, err := health.Encode(table, []string{"device"})
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("seed %d: the counts depend on order or division", seed)
		}
	}
}

// checkDivision: the first values by bytes have slices, and all slices together have all rows.
func checkDivision(t *testing.T, seed uint64, table *health.Table, rows int) {
	t.Helper()
	var all, sliced, deciles uint64
	for k, c := range table.Cells {
		if k.Slice == health.All {
			all += c.Rows
		} else {
			sliced += c.Rows
		}
	}
	for i := range table.Deciles {
		deciles += table.Deciles[i].Rows
	}
	if n := uint64(rows); all != n || sliced != n || deciles != n {
		t.Errorf("seed %d: of %d rows there are %d, %d in slices and %d in deciles", seed, rows, all, sliced, deciles)
	}
	names := slices.DeleteFunc(table.Slices(), func(s string) bool { return !strings.HasPrefix(s, "device=") })
	if n := len(names); n != health.MaxSlices || names[n-1] != fmt.Sprintf("device=device%03d", health.MaxSlices-1) {
		t.Errorf("seed %d: there are %d slices, to %q", seed, n, names[n-1])
	}
}
