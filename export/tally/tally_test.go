package tally_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tally"
	"github.com/labeljoin/labeljoin/joiner"
)

// requests are random, each of two items, over some hours.
func requests(rng *rand.Rand, n int) (out []*events.Request) {
	for i := range n {
		r := &events.Request{ID: fmt.Sprint("r", i), TS: events.Time(rng.Int64N(5) * int64(time.Hour)), Model: "m"}
		put := func(name string, v events.Value) { r.Features = append(r.Features, events.Field{Name: name, Value: v}) }
		if rng.IntN(4) > 0 {
			put("size", events.Value{Kind: events.ValueDouble, Float: rng.NormFloat64() * 100})
		}
		put("count", events.Value{Kind: events.ValueInt, Int: rng.Int64N(2000) - 3})
		put("on", events.Value{Kind: events.ValueBool, Int: rng.Int64N(2)})
		put("kind", events.Value{Kind: events.ValueString, Str: []string{"a", "b", strings.Repeat("long", 50)}[rng.IntN(3)]})
		put("token", events.Value{Kind: events.ValueString, Str: fmt.Sprint("t", rng.IntN(3000))})
		for k := range 2 {
			r.Items = append(r.Items, events.Item{ID: fmt.Sprint(k), Score: rng.Float64(), HasScore: true})
		}
		out = append(out, r)
	}
	return out
}

// counts are those of a file with the rows of requests.
func counts(t *testing.T, in []*events.Request) *tally.Table {
	t.Helper()
	table, b := &tally.Table{}, file(t, in, 7)
	if len(in)%2 == 1 { // which makes no other counts
		b.CodeTexts()
	}
	table.Take(b)
	return table
}

// file is a file with the rows of requests. Those of one in so many are there twice: the second time they are
// corrected.
func file(t *testing.T, in []*events.Request, again int) *rowfile.Builder {
	t.Helper()
	layout, err := rowfile.NewLayout(rowfile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	b := layout.NewTable(nil).NewBuilder()
	for i, r := range in {
		for k := range r.Items {
			row := &joiner.Row{Item: k, Weight: 1}
			if _, err := b.Add(r, row); err != nil {
				t.Fatal(err)
			}
			if i%again == 0 { // written again: no statistics of its own
				row.Revision, row.Reason = 1, joiner.ReasonCorrected
				if _, err := b.Add(r, row); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	b.Finish()
	return b
}

// TestShortStretchesCostLittle: where every second row is corrected, and hours alternate, what is done for a
// column is not done again for each of its rows.
func TestShortStretchesCostLittle(t *testing.T) {
	seed := rand.Uint64()
	in := requests(rand.New(rand.NewPCG(seed, 0)), 1500)
	b := file(t, in, 1)
	if n := testing.AllocsPerRun(2, func() { (&tally.Table{}).Take(b) }); n > 10_000 {
		t.Errorf("seed %d: the counts of 3000 rows of 13 columns take %v pieces of memory", seed, n)
	}
}

// TestSizeOfCounts: the bytes that counts have at least never shrink, and are a fair part of those they have.
func TestSizeOfCounts(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	table, before := &tally.Table{}, 0
	for range 5 {
		least := table.Take(file(t, requests(rng, 300), 7))
		if is := len(encoded(t, table)); least < before || least > is || least < is/5 {
			t.Errorf("seed %d: counts of %d bytes have at least %d, before %d", seed, is, least, before)
		}
		before = least
	}
}

func encoded(t *testing.T, table *tally.Table) []byte {
	t.Helper()
	data, err := table.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestPartsAddUp cuts rows into commits anywhere, and adds the counts up in any order: not a byte differs.
func TestPartsAddUp(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	all := requests(rng, 1500)
	want := encoded(t, counts(t, all))
	for range 4 {
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		var parts []*tally.Table
		for rest := all; len(rest) > 0; {
			n := 1 + rng.IntN(len(rest))
			read := &tally.Table{}
			if err := read.UnmarshalJSON(encoded(t, counts(t, rest[:n]))); err != nil {
				t.Fatal(err)
			}
			parts, rest = append(parts, read), rest[n:]
		}
		rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		sum := &tally.Table{}
		for _, p := range parts {
			sum.Join(p)
		}
		if got := encoded(t, sum); !bytes.Equal(got, want) {
			t.Fatalf("seed %d: %d parts give\n%s\nwant\n%s", seed, len(parts), clip(got), clip(want))
		}
	}
}

func clip(data []byte) []byte { return data[:min(len(data), 2000)] }

// TestCountsAreThoseOfTheRows compares with counts that are made plainly.
func TestCountsAreThoseOfTheRows(t *testing.T) {
	seed := rand.Uint64()
	in := requests(rand.New(rand.NewPCG(seed, 0)), 1500)
	h := counts(t, in).Sum(0, 1, 2, 3, 4)
	if h.Rows != 3000 || h.Requests != 1500 {
		t.Fatalf("%d rows of %d requests", h.Rows, h.Requests)
	}
	sum, sizes, kinds, tokens := 0.0, []float64{}, map[string]uint64{}, map[string]uint64{}
	for _, r := range in {
		for _, f := range r.Features {
			switch f.Name {
			case "size":
				sum += 2 * f.Value.Float
				sizes = append(sizes, f.Value.Float, f.Value.Float)
			case "kind":
				kinds[f.Value.Str] += 2
			case "token":
				tokens[f.Value.Str] += 2
			}
		}
	}
	size := h.Columns["size"]
	if size.Present != uint64(len(sizes)) || size.Numbers() != size.Present || size.Min != slices.Min(sizes) ||
		size.Max != slices.Max(sizes) {
		t.Errorf("seed %d: size is %+v, want %d values from %v to %v", seed, size, len(sizes), slices.Min(sizes),
			slices.Max(sizes))
	}
	slices.Sort(sizes)
	if got, want := size.Median(), sizes[len(sizes)/2]; math.Abs(got-want) > max(math.Abs(want)/4, 0.5) {
		t.Errorf("seed %d: the median is %v, want about %v", seed, got, want)
	}
	for _, f := range h.Statistics().Features {
		if f.GetPath().Step[0] != "size" {
			continue
		}
		n := f.GetNumStats()
		if math.Abs(n.Mean-sum/float64(len(sizes))) > 0.02 || math.Abs(n.StdDev-100) > 10 {
			t.Errorf("seed %d: mean %v and deviation %v, want %v and 100", seed, n.Mean, n.StdDev, sum/float64(len(sizes)))
		}
		shown := 0.0
		for _, b := range n.Histograms[0].Buckets {
			shown += b.SampleCount
		}
		if math.Abs(shown-float64(len(sizes))) > 1e-6 {
			t.Errorf("seed %d: the histogram has %v numbers, want %d", seed, shown, len(sizes))
		}
	}
	if got := h.Columns["kind"].Texts; got.More || len(got.Counts) != 3 {
		t.Errorf("seed %d: kind is %+v", seed, got)
	}
	for _, c := range h.Columns["kind"].Texts.Counts {
		if len(c.Text) < 64 && c.Count != kinds[c.Text] {
			t.Errorf("seed %d: %q is there %d times, want %d", seed, c.Text, c.Count, kinds[c.Text])
		}
	}
	token := h.Columns["token"].Texts
	if !token.More || len(token.Counts) != tally.MaxTexts {
		t.Errorf("seed %d: %d tokens are counted", seed, len(token.Counts))
	}
	for _, c := range token.Counts {
		if c.Count != tokens[c.Text] {
			t.Errorf("seed %d: %q is there %d times, want %d", seed, c.Text, c.Count, tokens[c.Text])
		}
	}
	if on := h.Columns["on"]; on.Numbers() != 3000 || on.Max != 1 || on.Zeros == 0 {
		t.Errorf("seed %d: on is %+v", seed, on)
	}
	if h.Columns["request_id"] != nil || h.Columns["model"] == nil || h.Columns["score"] == nil {
		t.Errorf("the columns are %q", h.Names())
	}
}

// TestLabelsAreNotCounted: neither labels, nor what they keep, nor labels of before are features. A feature is
// one, whatever its name.
func TestLabelsAreNotCounted(t *testing.T) {
	text := rowfile.Type{Scalar: rowfile.ScalarString}
	known := []rowfile.TableColumn{{Name: "bought", Type: rowfile.Type{Scalar: rowfile.ScalarInt32}, Kind: rowfile.KindLabel},
		{Name: "bought_ts", Type: rowfile.Type{Scalar: rowfile.ScalarTimestamp}, Kind: rowfile.KindLabel},
		{Name: "votes_raters", Type: text, Kind: rowfile.KindLabel}}
	labels := []joiner.Label{{Name: "clicked", Window: time.Hour,
		Columns: []joiner.Column{{Name: "clicked_where", Kind: events.ValueString}}}, {Name: "late", Window: 2 * time.Hour}}
	for name, c := range map[string]struct {
		config  rowfile.Config
		feature string
		want    []string
	}{
		"all at the close": {rowfile.Config{Labels: labels, Known: known}, "pending", []string{"model", "model_version", "pending",
			"position", "score"}},
		"in stages": {rowfile.Config{Labels: labels, Known: known, Stages: []time.Duration{time.Hour}}, "size",
			[]string{"model", "model_version", "position", "score", "size"}},
	} {
		t.Run(name, func(t *testing.T) {
			layout, err := rowfile.NewLayout(c.config)
			if err != nil {
				t.Fatal(err)
			}
			b := layout.NewTable(known).NewBuilder()
			row := &joiner.Row{Item: -1, Weight: 1, Cells: []joiner.Cell{{Value: 1, TS: 5}, joiner.Undecided()},
				Extra: []events.Value{{Kind: events.ValueString, Str: "somewhere"}}}
			if _, err := b.Add(&events.Request{ID: "r", Model: "m", Features: []events.Field{{Name: c.feature,
				Value: events.Value{Kind: events.ValueInt, Int: 1}}}}, row); err != nil {
				t.Fatal(err)
			}
			b.Finish()
			table := &tally.Table{}
			table.Take(b)
			if got := table.Sum(0).Names(); !slices.Equal(got, c.want) {
				t.Errorf("the columns are %q, want %q", got, c.want)
			}
		})
	}
}

// TestDamagedCountsAreErrors reads what is no counts.
func TestDamagedCountsAreErrors(t *testing.T) {
	for name, text := range map[string]string{
		"no list":   `{}`,
		"no hour":   `[{"hour": "yesterday"}]`,
		"no bin":    `[{"hour": "2026-11-21T05", "columns": {"x": {"bins": [[16384, 1, 0]]}}}]`,
		"no order":  `[{"hour": "2026-11-21T05", "columns": {"x": {"bins": [[2, 1, 0], [1, 1, 0]]}}}]`,
		"one count": `[{"hour": "2026-11-21T05", "columns": {"x": {"texts": ["a"], "counts": []}}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			if err := json.Unmarshal([]byte(text), &tally.Table{}); err == nil {
				t.Error("there is no error")
			}
		})
	}
}
