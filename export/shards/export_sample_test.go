package shards

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
)

// TestSampling keeps all positives, and weighs the negatives that it keeps.
func TestSampling(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	var rows []testRow
	for i := range 1000 {
		rows = append(rows, testRow{id: fmt.Sprint("r", i), item: "i", ts: testDay(), clicked: float64(i % 2)})
	}
	writeOutput(t, fsys, [][]testRow{rows}, 1000, events.MaxTime-1, nil)
	o := testOptions(fsys)
	o.Sampling.Negatives = 0.25
	m := mustExport(t, o)
	positives, negatives := 0, int64(0)
	for _, r := range readShards(t, fsys, m) {
		if r.clicked == 1 {
			positives++
		} else {
			negatives++
		}
	}
	if positives != 500 || negatives < 80 || negatives > 170 || negatives+m.Counts.Sampled != 500 {
		t.Errorf("%d positives and %d negatives, %d sampled out", positives, negatives, m.Counts.Sampled)
	}
	if !slices.ContainsFunc(m.Columns, func(c ColumnFacts) bool { return c.Role == RoleWeight }) {
		t.Error("there is no weight")
	}
}

// TestSamplingByModel has a share for one model, and another for all others.
func TestSamplingByModel(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	var rows []testRow
	for i := range 3000 {
		rows = append(rows, testRow{id: fmt.Sprint("r", i), item: "i", ts: testDay(), clicked: float64(i % 2),
			model: []string{"thin", "whole", "other"}[i%3]})
	}
	writeOutput(t, fsys, [][]testRow{rows}, 1000, events.MaxTime-1, nil)
	o := testOptions(fsys)
	o.Sampling = Sampling{Negatives: 0.5, Models: map[string]float64{"thin": 0.1, "whole": 1}}
	m := mustExport(t, o)
	kept := map[string]map[float64]float64{}
	weighed := map[string]float64{}
	for _, r := range readShards(t, fsys, m) {
		if kept[r.model] == nil {
			kept[r.model] = map[float64]float64{}
		}
		kept[r.model][r.clicked]++
		if r.clicked == 0 {
			weighed[r.model] += r.weight
		} else if r.weight != 1 {
			t.Errorf("a positive weighs %v", r.weight)
		}
	}
	for model, share := range map[string]float64{"thin": 0.1, "whole": 1, "other": 0.5} {
		t.Run(model, func(t *testing.T) {
			if n := kept[model][0]; kept[model][1] != 500 || n < 500*share*0.6 || n > 500*share*1.4 ||
				math.Abs(weighed[model]-n/share) > 1e-6 {
				t.Errorf("model %s: %v of 500 negatives and 500 positives, which weigh %v, want a share of %v", model, kept[model],
					weighed[model], share)
			}
		})
	}
}

// TestSamplingByLabel has a sample for each label: what its weights say of a label is what all rows
// say of it, and so does the weight of the row.
func TestSamplingByLabel(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	var rows []testRow
	for i := range 8000 {
		r := testRow{id: fmt.Sprint("r", i), item: "i", ts: testDay(), clicked: float64(i % 4 / 3)}
		if i%40 == 3 { // of each ten that were clicked
			r.spent = 2
		}
		rows = append(rows, r)
	}
	writeOutput(t, fsys, [][]testRow{rows}, 1000, events.MaxTime-1, nil)
	o := testOptions(fsys)
	o.Sampling = Sampling{Negatives: 0.5, Labels: map[string]float64{"spent": 0.1}}
	m := mustExport(t, o)
	// By whether a row was clicked and bought: how many rows there are, and what they weigh.
	type sums struct{ rows, weight, clicked, spent float64 }
	found, sampled := map[[2]bool]sums{}, map[string]int64{}
	for _, r := range readShards(t, fsys, m) {
		key := [2]bool{r.clicked != 0, r.spent != 0}
		s := found[key]
		found[key] = sums{s.rows + 1, s.weight + r.weight, s.clicked + r.clickedWeight, s.spent + r.spentWeight}
		if want := map[bool]float64{true: 1, false: 2}[key[0]]; r.weight != want || r.clickedWeight != want {
			t.Fatalf("row %+v weighs %v, and %v for clicked, want %v", r.testRow, r.weight, r.clickedWeight, want)
		}
		if u := share(newHasher("sample").sum([]byte(r.id))); !key[1] && (u < 0.1) != (r.spentWeight == 10) ||
			key[1] && r.spentWeight != 1 || !key[1] && u >= 0.1 && r.spentWeight != 0 {
			t.Fatalf("row %+v weighs %v for spent", r.testRow, r.spentWeight)
		}
		if r.clickedWeight != 0 {
			sampled["clicked"]++
		}
		if r.spentWeight != 0 {
			sampled["spent"]++
		}
	}
	for key, rows := range map[[2]bool]float64{{true, true}: 200, {true, false}: 1800, {false, false}: 6000} {
		s := found[key]
		if key[0] && s.rows != rows || !key[0] && (s.rows < 2700 || s.rows > 3300) {
			t.Errorf("%v rows that are %v, of %v", s.rows, key, rows)
		}
		for name, weight := range map[string]float64{"weight": s.weight, "clicked": s.clicked, "spent": s.spent} {
			if math.Abs(weight-rows) > 0.3*rows {
				t.Errorf("by %s the rows that are %v weigh %v, and there are %v", name, key, weight, rows)
			}
		}
	}
	for _, s := range m.Splits {
		for _, l := range s.Labels {
			sampled[l.Name] -= l.Sampled
		}
	}
	if sampled["clicked"] != 0 || sampled["spent"] != 0 || m.Counts.Sampled+m.Counts.Written != 8000 {
		t.Errorf("the manifest counts %v samples too few; %+v", sampled, m.Counts)
	}
}

// TestSamplingThatCannotBe: samples by label have no other shares beside them, and a column for
// each weight.
func TestSamplingThatCannotBe(t *testing.T) {
	t.Parallel()
	labels := map[string]float64{"clicked": 0.5}
	for name, s := range map[string]Sampling{
		"no share": {Labels: map[string]float64{"clicked": 0}}, "one label": {Label: "spent", Labels: labels},
		"models": {Models: map[string]float64{"m": 0.5}, Labels: labels},
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(vfs.NewMem())
			o.Sampling = s
			if _, err := o.withDefaults(); err == nil {
				t.Error("it is accepted")
			}
		})
	}
	fsys := vfs.NewMem()
	rules := testRules().Labels
	rules[1].Name = "clicked_weight"
	writeLabels(t, fsys, rules, [][]testRow{{{id: "r", item: "i", ts: testDay()}}}, 10, events.MaxTime-1, nil)
	o := testOptions(fsys)
	o.Rules.Labels, o.Sampling.Labels = rules, labels
	if _, err := exportDay(t, o); err == nil || !strings.Contains(err.Error(), `"clicked_weight" already`) {
		t.Errorf("got %v, want that the column is taken", err)
	}
}
