// Package raters says how far people agree who judge the same rows, from the columns of labels of
// votes: each rater with the others, and all together.
package raters

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/export/stats"
)

// Agreement is how far the raters of a label agree.
type Agreement struct {
	Label string
	Rows  int // with a vote
	Votes int
	Alpha Alpha
	// Raters are those who have voted, the one whose votes fit least to those of the others first.
	Raters []Rater
	Pairs  []Pair // of raters who have rows in common, in the order of their names
}

// Alpha is Krippendorff's alpha of the votes on rows that several raters judged, by three measures
// of how far two votes are apart: as names that are equal or not, as ranks, and as numbers. It is 1
// if all agree, and 0 if they agree as often as they would by chance. Nil: there are no such rows,
// all votes on them are the same, or, of ranks and of numbers, votes are texts.
//
// K. Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011,
// https://repository.upenn.edu/handle/20.500.14332/2089.
type Alpha struct {
	Nominal  *float64
	Ordinal  *float64
	Interval *float64
}

// Rater is one rater against all others.
type Rater struct {
	Name   string
	Votes  int
	Common int // votes of others on the rows that this one judged
	// Agree is the share of those that are this one's. Kappa is the mean of the Kappa of its pairs,
	// each counted as often as the two have rows in common. Without is the nominal alpha if this rater's votes
	// are left out: where it is much larger than that of all, the others agree without this one.
	// Nil: there is nothing to compare.
	Agree, Kappa, Without *float64
}

// Pair is two raters.
type Pair struct {
	A, B   string
	Common int     // rows that both judged
	Agree  float64 // the share of them on which they agree
	// Kappa is Cohen's kappa: how much of the agreement that chance leaves over they have. Nil: both
	// said the same of every row, so that chance leaves nothing over.
	//
	// J. Cohen, A coefficient of agreement for nominal scales, Educational and Psychological
	// Measurement 20, 1960, https://doi.org/10.1177/001316446002000104.
	Kappa *float64
}

// LabelsIn are the labels of votes, by the names of all columns.
func LabelsIn(columns []string) []string {
	var labels []string
	for _, c := range columns {
		label, ok := strings.CutSuffix(c, "_raters")
		if ok && slices.Contains(columns, label+"_ts") && slices.Contains(columns, label+"_votes") {
			labels = append(labels, label)
		}
	}
	return labels
}

// Collect reads the votes of rows: of every label of votes, in the order of the columns.
func Collect(ctx context.Context, sources []stats.Source) ([]Agreement, error) {
	names, err := stats.ColumnNames(sources)
	if err != nil {
		return nil, err
	}
	labels := LabelsIn(names)
	if len(labels) == 0 {
		return nil, nil
	}
	all, columns := make([]Votes, len(labels)), make([]string, len(labels))
	for i, label := range labels {
		columns[i] = label + "_raters"
	}
	if err := stats.Scan(ctx, sources, columns, func(rows int, values []*stats.Values) error {
		for i, v := range values {
			if v == nil {
				continue
			}
			for row := range rows {
				if v.Null[row] {
					continue
				}
				if err := all[i].AddText(v.Texts[row]); err != nil {
					return fmt.Errorf("column %s: %w", columns[i], err)
				}
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	out := make([]Agreement, len(labels))
	for i := range labels {
		out[i] = all[i].Agreement()
		out[i].Label = labels[i]
	}
	return out, nil
}

// Votes are the votes on rows. Its zero value has none.
type Votes struct {
	raters []string
	known  map[string]int
	rows   [][]vote
	texts  bool
	values map[string]float64 // of texts
}

// vote is what one rater said of a row: a number, or the number of a text.
type vote struct {
	rater int
	value float64
}

// AddText adds a row, by what its column <label>_raters holds: a JSON object with a number or a text
// for each rater. The error says that it is none.
func (v *Votes) AddText(text string) error {
	var said map[string]any
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		return fmt.Errorf("%.80q is no object of raters and votes: %w", text, err)
	}
	return v.Add(said)
}

// Add adds a row: what each rater said, a float64 or a string. The error says that it is neither.
func (v *Votes) Add(said map[string]any) error {
	if v.known == nil {
		v.known, v.values = map[string]int{}, map[string]float64{}
	}
	row := make([]vote, 0, len(said))
	for name, x := range said {
		value := 0.0
		switch x := x.(type) {
		case float64:
			value = x
		case string:
			v.texts = true
			if _, known := v.values[x]; !known {
				v.values[x] = float64(len(v.values))
			}
			value = v.values[x]
		default:
			return fmt.Errorf("the vote of rater %.80q is neither a number nor a text", name)
		}
		at, known := v.known[name]
		if !known {
			at = len(v.raters)
			v.known[name], v.raters = at, append(v.raters, name)
		}
		row = append(row, vote{at, value})
	}
	if len(row) > 0 {
		v.rows = append(v.rows, row)
	}
	return nil
}

// Agreement says how far the raters agree. It is the same for every order of the rows.
func (v *Votes) Agreement() Agreement {
	a := Agreement{Rows: len(v.rows), Alpha: Alpha{Nominal: nominal(v.rows)}}
	if !v.texts {
		a.Alpha.Ordinal, a.Alpha.Interval = ordinal(v.rows), interval(v.rows)
	}
	votes := make([]int, len(v.raters))
	for _, row := range v.rows {
		a.Votes += len(row)
		for _, vote := range row {
			votes[vote.rater]++
		}
	}
	a.Pairs = v.pairs()
	for at, name := range v.raters {
		r := Rater{Name: name, Votes: votes[at], Without: nominal(without(v.rows, at))}
		r.compare(a.Pairs)
		a.Raters = append(a.Raters, r)
	}
	slices.SortFunc(a.Raters, func(x, y Rater) int {
		return cmp.Or(orLast(x.Kappa, y.Kappa), orLast(x.Agree, y.Agree), strings.Compare(x.Name, y.Name))
	})
	return a
}

// compare sums up the pairs of a rater.
func (r *Rater) compare(pairs []Pair) {
	agree, kappa, of := 0.0, 0.0, 0
	for i := range pairs {
		p := &pairs[i]
		if p.A != r.Name && p.B != r.Name {
			continue
		}
		r.Common += p.Common
		agree += p.Agree * float64(p.Common)
		if p.Kappa != nil {
			kappa += *p.Kappa * float64(p.Common)
			of += p.Common
		}
	}
	if r.Common > 0 {
		r.Agree = new(agree / float64(r.Common))
	}
	if of > 0 {
		r.Kappa = new(kappa / float64(of))
	}
}

// orLast orders numbers, and what is none behind them.
func orLast(x, y *float64) int {
	switch {
	case x == nil && y == nil:
		return 0
	case x == nil:
		return 1
	case y == nil:
		return -1
	}
	return cmp.Compare(*x, *y)
}

// without are the rows without the votes of a rater.
func without(rows [][]vote, rater int) [][]vote {
	out := make([][]vote, len(rows))
	for i, row := range rows {
		out[i] = slices.DeleteFunc(slices.Clone(row), func(v vote) bool { return v.rater == rater })
	}
	return out
}
