package health

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
)

// TestLongCommitIsBounded counts the commit of a long log. What does not fit into a manifest is not collected
// first, and what is left is what it would be without.
func TestLongCommitIsBounded(t *testing.T) {
	labels := []string{"clicked"}
	cell := []joiner.Cell{{Value: 1, TS: 5}}
	statistics := func(t *testing.T, c *Counter) []byte {
		t.Helper()
		data, err := c.Statistics(&joiner.Cut{})
		if err != nil || len(data) == 0 {
			t.Fatal(len(data), err)
		}
		return data
	}
	t.Run("features", func(t *testing.T) {
		seed := rand.Uint64()
		rng := rand.New(rand.NewPCG(seed, 0))
		c, plain := NewCounter(labels, nil), NewCounter(labels, nil)
		c.Features = true
		most := 0
		for day := range 8 {
			b := dayFile(t, rng, day, func(req *events.Request, row *joiner.Row) {
				c.Row(req, row)
				plain.Row(req, row)
			})
			c.File(b)
			most = max(most, len(c.t.Features.Hours))
		}
		if c.Features || most < 24 || most > 6*24 || len(c.t.Features.Hours) > 0 {
			t.Errorf("seed %d: features are counted: %v; of %d hours at most", seed, c.Features, most)
		}
		if got, want := statistics(t, c), statistics(t, plain); !bytes.Equal(got, want) {
			t.Errorf("seed %d: got\n%s\nwant\n%s", seed, got, want)
		}
	})
	t.Run("slices", func(t *testing.T) {
		c, plain := NewCounter(labels, []string{"device"}), NewCounter(labels, nil)
		most := 0
		for hour := range 100 {
			for i := range MaxSlices {
				req := &events.Request{TS: events.Time(hour) * events.Time(time.Hour), Features: []events.Field{{Name: "device",
					Value: events.Value{Kind: events.ValueString, Str: fmt.Sprint("device", i)}}}}
				row := &joiner.Row{Item: -1, Cells: cell}
				c.Row(req, row)
				plain.Row(req, row)
				most = max(most, len(c.t.Cells))
			}
		}
		if most < 1000 || most > 50*MaxSlices || len(c.t.Cells) != 100 {
			t.Errorf("there were %d cells, and %d are left", most, len(c.t.Cells))
		}
		if got, want := statistics(t, c), statistics(t, plain); !bytes.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// dayFile is a file with rows of all hours of a day, of many features.
func dayFile(t *testing.T, rng *rand.Rand, day int, see func(*events.Request, *joiner.Row)) *rowfile.Builder {
	t.Helper()
	layout, err := rowfile.NewLayout(rowfile.Config{Labels: []joiner.Label{{Name: "clicked", Window: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	b := layout.NewTable(nil).NewBuilder()
	for i := range 240 {
		req := &events.Request{ID: fmt.Sprint(day, "-", i), TS: events.Time(24*day+i/10) * events.Time(time.Hour)}
		for n := range 100 {
			req.Features = append(req.Features, events.Field{Name: fmt.Sprint("f", n),
				Value: events.Value{Kind: events.ValueDouble, Float: rng.NormFloat64()}})
		}
		row := &joiner.Row{Item: -1, Weight: 1, Cells: []joiner.Cell{{TS: events.MinTime}}}
		if _, err := b.Add(req, row); err != nil {
			t.Fatal(err)
		}
		see(req, row)
	}
	b.Finish()
	return b
}
