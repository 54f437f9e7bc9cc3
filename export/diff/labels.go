package diff

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/raters"
)

// LabelPair is two labels that are compared, or other columns.
type LabelPair struct{ A, B string }

// LabelsResult is what was found of labels that were compared. Rows are as of Result.
type LabelsResult struct {
	Rows  int64        `json:"rows"` // that were compared: those of the output, or those that both have
	OnlyA int64        `json:"rows_only_in_a,omitempty"`
	OnlyB int64        `json:"rows_only_in_b,omitempty"`
	Pairs []LabelsPair `json:"pairs"`
}

// LabelsPair is how far two labels agree.
type LabelsPair struct {
	A     string `json:"a"`
	B     string `json:"b"`
	Both  int64  `json:"both"`   // rows in which neither is null; what follows is of these
	OnlyA int64  `json:"only_a"` // rows in which B is null
	OnlyB int64  `json:"only_b"`
	None  int64  `json:"neither"`
	// Agree is the share of equal values; Kappa is Cohen's, and Alpha Krippendorff's: of values as names and,
	// of numbers, as ranks and as numbers. Nil: there is nothing to compare, or chance leaves nothing over.
	Agree         *float64 `json:"agree"`
	Kappa         *float64 `json:"kappa"`
	Alpha         *float64 `json:"alpha"`
	AlphaOrdinal  *float64 `json:"alpha_ordinal,omitempty"`
	AlphaInterval *float64 `json:"alpha_interval,omitempty"`
	// Precision is the share of the rows in which A is 1 in which B is 1 too, and Recall the reverse. Nil
	// unless both are 0 and 1.
	Precision *float64 `json:"precision,omitempty"`
	Recall    *float64 `json:"recall,omitempty"`
	// Table has a row for each value of A, and in it a count for each value of B. Nil: there are
	// more than MostShown values.
	Values   []string  `json:"values,omitempty"`
	Table    [][]int64 `json:"table,omitempty"`
	Examples []Example `json:"examples,omitempty"`

	counts raters.Table
}

// PairsOf are the pairs of labels that some words say: a=b is a pair. Of names alone, each is compared
// with each, in one output, or with that of its name in the other output.
func PairsOf(words []string, oneOutput bool) (pairs []LabelPair, err error) {
	var names []string
	for _, word := range words {
		a, b, both := strings.Cut(word, "=")
		switch {
		case a == "" || both && b == "":
			return nil, fmt.Errorf("%q names no two labels: write a=b", word)
		case both && a == b && oneOutput:
			return nil, fmt.Errorf("%q is one label, and there is one output: name two labels or two outputs", word)
		case both:
			pairs = append(pairs, LabelPair{a, b})
		case !oneOutput:
			pairs = append(pairs, LabelPair{a, a})
		default:
			for _, name := range names {
				pairs = append(pairs, LabelPair{name, a})
			}
			names = append(names, a)
		}
	}
	if len(names) == 1 {
		return nil, fmt.Errorf("%q alone is compared with nothing: name two labels, or two outputs", names[0])
	}
	return pairs, nil
}

// MostShown is how many values a table of two labels has at most.
const MostShown = 20

// CompareLabels holds labels against each other: those of one output, or, with b, those of A against those
// of B in the rows that both have. A and B are as of Compare. Of Options, Ignore has no effect.
func CompareLabels(ctx context.Context, a, b string, pairs []LabelPair, o Options) (*LabelsResult, error) {
	o.Memory = cmp.Or(o.Memory, 256<<20)
	d := &differ{opts: o, seed: maphash.MakeSeed(), out: &Result{}, index: map[string]int{}, valued: true,
		texts: map[string]string{}}
	out := &LabelsResult{Pairs: make([]LabelsPair, len(pairs))}
	for _, p := range pairs {
		for _, name := range []string{p.A, p.B} {
			if _, known := d.index[name]; !known {
				d.index[name] = len(d.names)
				d.names = append(d.names, name)
			}
		}
	}
	sides := []string{a}
	if b != "" {
		sides = append(sides, b)
	}
	for i, at := range sides {
		if err := d.survey(ctx, &d.sides[i], at); err != nil {
			return nil, err
		}
		for k, p := range pairs {
			names := []string{p.A, p.B}
			if b != "" {
				names = names[i : i+1]
			}
			for _, name := range names {
				if err := d.sides[i].has(at, name); err != nil {
					return nil, err
				}
			}
			out.Pairs[k].A, out.Pairs[k].B = p.A, p.B
		}
	}
	err := d.eachPass(ctx, len(sides), func(rows [2]map[string][]passRow) {
		if len(sides) == 1 {
			rows[1] = rows[0]
		}
		d.pairUp(rows[0], rows[1], out)
	})
	if err != nil {
		return nil, err
	}
	for i := range out.Pairs {
		out.Pairs[i].settle()
	}
	return out, nil
}

// has says which labels there are, if one is not.
func (s *side) has(at, name string) error {
	if slices.Contains(s.columns, name) {
		return nil
	}
	var labels []string
	for _, c := range s.columns {
		if slices.Contains(s.columns, c+"_ts") && c != "request" {
			labels = append(labels, c)
		}
	}
	return fmt.Errorf("%s has no column %q: its labels are %s", at, name, strings.Join(labels, ", "))
}

// pairUp counts the rows of a pass that both sides have.
func (d *differ) pairUp(a, b map[string][]passRow, out *LabelsResult) {
	for key, rows := range a {
		inA, inB := uses(rows), uses(b[key])
		single := len(inA) == 1 && len(inB) == 1
		for i := range inA {
			at := slices.IndexFunc(inB, func(h passRow) bool { return single || h.ts == inA[i].ts })
			if at < 0 {
				out.OnlyA++
				continue
			}
			out.Rows++
			for k := range out.Pairs {
				p := &out.Pairs[k]
				p.add(key, inA[i].values[d.index[p.A]], inB[at].values[d.index[p.B]], d.opts.Examples)
			}
			inB = slices.Delete(inB, at, at+1)
		}
		out.OnlyB += int64(len(inB))
	}
	for key, rows := range b {
		if len(a[key]) == 0 {
			out.OnlyB += int64(len(uses(rows)))
		}
	}
}

// add counts a row.
func (p *LabelsPair) add(key, a, b string, examples int) {
	switch {
	case a == "" && b == "":
		p.None++
	case b == "":
		p.OnlyA++
	case a == "":
		p.OnlyB++
	default:
		p.Both++
		p.counts.Add(raters.Both{A: a, B: b}, 1)
		if a != b {
			p.example(key, a, b, examples)
		}
	}
}

// example keeps the first rows that differ, by their keys.
func (p *LabelsPair) example(key, a, b string, most int) {
	id, item := splitKey(key)
	e := Example{RequestID: id, ItemID: item, A: []byte(a), B: []byte(b)}
	at, _ := slices.BinarySearchFunc(p.Examples, e, func(x, y Example) int {
		return cmp.Or(strings.Compare(x.RequestID, y.RequestID), strings.Compare(x.ItemID, y.ItemID))
	})
	if at == most {
		return
	}
	p.Examples = slices.Insert(p.Examples, at, e)
	p.Examples = p.Examples[:min(most, len(p.Examples))]
}

// settle makes the figures of the counts.
func (p *LabelsPair) settle() {
	t := &p.counts
	alpha := t.Alpha()
	p.Agree, p.Kappa = t.Agree(), t.Kappa()
	p.Alpha, p.AlphaOrdinal, p.AlphaInterval = alpha.Nominal, alpha.Ordinal, alpha.Interval
	values := t.Values()
	if t.Crowded || len(values) > MostShown {
		return
	}
	p.Values, p.Table = values, make([][]int64, len(values))
	for i, a := range values {
		for _, b := range values {
			p.Table[i] = append(p.Table[i], t.Counts[raters.Both{A: a, B: b}])
		}
	}
	if slices.ContainsFunc(values, func(v string) bool { return v != "0" && v != "1" }) {
		return
	}
	hits := t.Counts[raters.Both{A: "1", B: "1"}]
	share := func(of int64) *float64 {
		if hits+of == 0 {
			return nil
		}
		return new(float64(hits) / float64(hits+of))
	}
	p.Precision, p.Recall = share(t.Counts[raters.Both{A: "1", B: "0"}]), share(t.Counts[raters.Both{A: "0", B: "1"}])
}

// Print writes the result for people.
func (r *LabelsResult) Print(w io.Writer) error {
	fmt.Fprint(w, events.Count(r.Rows, "row"))
	if r.OnlyA+r.OnlyB > 0 {
		fmt.Fprintf(w, " in both; %d only in A, %d only in B", r.OnlyA, r.OnlyB)
	}
	fmt.Fprintln(w)
	for i := range r.Pairs {
		if err := r.Pairs[i].print(w); err != nil {
			return err
		}
	}
	return nil
}

func (p *LabelsPair) print(w io.Writer) error {
	fmt.Fprintf(w, "\n%s and %s: both in %s, %d only %s, %d only %s, %d neither\n", p.A, p.B,
		events.Count(p.Both, "row"), p.OnlyA, p.nameA(), p.OnlyB, p.nameB(), p.None)
	fmt.Fprintf(w, "  equal %s; Cohen's kappa %s; Krippendorff's alpha %s", raters.Figure(p.Agree), raters.Figure(p.Kappa),
		raters.Figure(p.Alpha))
	if p.AlphaInterval != nil {
		fmt.Fprintf(w, " (as ranks %s, as numbers %s)", raters.Figure(p.AlphaOrdinal), raters.Figure(p.AlphaInterval))
	}
	fmt.Fprintln(w)
	if p.Precision != nil || p.Recall != nil {
		fmt.Fprintf(w, "  where %s is 1, %s is 1 in %s of the rows; where %s is 1, %s is 1 in %s\n", p.nameA(), p.nameB(),
			raters.Figure(p.Precision), p.nameB(), p.nameA(), raters.Figure(p.Recall))
	}
	if len(p.Values) > 0 {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprint(t, "  \t")
		for _, v := range p.Values {
			fmt.Fprintf(t, "%s %s\t", p.nameB(), v)
		}
		for i, v := range p.Values {
			fmt.Fprintf(t, "\n  %s %s\t", p.nameA(), v)
			for _, n := range p.Table[i] {
				fmt.Fprintf(t, "%d\t", n)
			}
		}
		fmt.Fprintln(t)
		if err := t.Flush(); err != nil {
			return err
		}
	} else if p.Both > 0 {
		fmt.Fprintf(w, "  they have more than %d values: there is no table\n", MostShown)
	}
	for _, e := range p.Examples {
		item := ""
		if e.ItemID != "" {
			item = fmt.Sprintf(", item %q", e.ItemID)
		}
		if _, err := fmt.Fprintf(w, "  for one: request %q%s: %s and %s\n", e.RequestID, item, e.A, e.B); err != nil {
			return err
		}
	}
	return nil
}

// nameA and nameB tell the two apart if they have one name.
func (p *LabelsPair) nameA() string {
	if p.A == p.B {
		return "A's " + p.A
	}
	return p.A
}

func (p *LabelsPair) nameB() string {
	if p.A == p.B {
		return "B's " + p.B
	}
	return p.B
}

// valueText is the JSON of a value by which it is compared; empty: it is null. A number is its value,
// whatever the type of its column, and true and false are 1 and 0, as labels have them.
func valueText(value []byte) string {
	switch text := string(value); {
	case text == "null":
		return ""
	case text == "true":
		return "1"
	case text == "false":
		return "0"
	case text[0] == '-' || text[0] >= '0' && text[0] <= '9':
		if f, err := strconv.ParseFloat(text, 64); err == nil && (f != math.Trunc(f) || math.Abs(f) < 1<<53) {
			return strconv.FormatFloat(f+0, 'g', -1, 64)
		}
		return text
	default:
		return text
	}
}

// mostTexts is how many values rows share. Labels that have more are numbers, as a rule, which are short.
const mostTexts = 1 << 12

// shared is a text that rows with the same one share, so that a pass holds long ones once.
func (d *differ) shared(text string) string {
	if known, ok := d.texts[text]; ok {
		return known
	}
	if len(d.texts) < mostTexts {
		d.texts[text] = text
	}
	return text
}
