// Package diff compares the rows of two outputs, column by column, in bounded memory.
package diff

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
)

// Options say what is compared.
type Options struct {
	// Ignore are columns that are not compared. Nil: revision and reason, which say how
	// live came to a row and not what it is.
	Ignore []string
	// Examples is how many rows are told of for each kind of difference; 0 is 3.
	Examples int
	// Memory bounds the rows that are held at once, in bytes; 0 is 256 MiB.
	Memory int64
	// Place opens the object store of an address like s3://bucket/prefix; nil: there are none.
	Place func(address string) (bucket.Bucket, error)
}

// Column is what was found in one column of the rows that both outputs have.
type Column struct {
	Name     string    `json:"name"`
	Matches  int64     `json:"matches"` // Nulls among them
	Nulls    int64     `json:"both_null"`
	OnlyA    int64     `json:"only_a"` // A has a value and B null
	OnlyB    int64     `json:"only_b"`
	Differ   int64     `json:"differ"` // both have one, and they differ
	Examples []Example `json:"examples,omitempty"`
}

// Same reports whether nothing differs in the column.
func (c *Column) Same() bool { return c.OnlyA+c.OnlyB+c.Differ == 0 }

// Example is a row that differs. A and B are the JSON of the column's value.
type Example struct {
	RequestID string          `json:"request_id"`
	ItemID    string          `json:"item_id,omitempty"`
	A         json.RawMessage `json:"a,omitempty"`
	B         json.RawMessage `json:"b,omitempty"`
}

// Result is what was found. Of several revisions of a row the highest counts; a row that
// was withdrawn counts as absent.
type Result struct {
	RowsA     int64     `json:"rows_a"`
	RowsB     int64     `json:"rows_b"`
	Both      int64     `json:"both"`
	OnlyA     int64     `json:"only_a"` // rows
	OnlyB     int64     `json:"only_b"`
	Differ    int64     `json:"differ"` // rows in both of which a column differs
	Columns   []Column  `json:"columns"`
	ExamplesA []Example `json:"examples_only_a,omitempty"`
	ExamplesB []Example `json:"examples_only_b,omitempty"`
}

// Same reports whether nothing differs.
func (r *Result) Same() bool { return r.OnlyA+r.OnlyB+r.Differ == 0 }

// side is one output.
type side struct {
	files   []file
	columns []string // of all its files
	rows    int64    // revisions and all
}

// ignored are the columns that say how a row came to be, which is not compared unless a caller says so.
func ignored() []string { return []string{"revision", "reason"} }

// Compare holds the rows of two outputs against each other, by request_id and item_id,
// and by request_ts where an id was used again. A and B name directories of outputs, or
// of other Parquet files with such columns, or files, or are addresses of outputs.
func Compare(ctx context.Context, a, b string, o Options) (*Result, error) {
	if o.Ignore == nil {
		o.Ignore = ignored()
	}
	o.Examples = cmp.Or(o.Examples, 3)
	o.Memory = cmp.Or(o.Memory, 256<<20)
	d := &differ{opts: o, seed: maphash.MakeSeed(), out: &Result{}}
	for i, at := range []string{a, b} {
		if err := d.survey(ctx, &d.sides[i], at); err != nil {
			return nil, err
		}
	}
	if err := d.settleColumns(); err != nil {
		return nil, err
	}
	if err := d.eachPass(ctx, len(d.sides), func(rows [2]map[string][]passRow) { d.merge(rows[0], rows[1]) }); err != nil {
		return nil, err
	}
	if err := d.lookUp(ctx); err != nil {
		return nil, err
	}
	return d.out, nil
}

// differ is one comparison.
type differ struct {
	opts  Options
	seed  maphash.Seed
	sides [2]side
	names []string       // of the columns that are compared
	index map[string]int // of these
	out   *Result
	asked map[string]bool // keys of the rows that are told of

	valued bool              // the values themselves are compared, and not their sums
	texts  map[string]string // the values that were read first: labels have few, and rows share them
}

// passRow is a row of one pass.
type passRow struct {
	ts       string // request_ts, as JSON
	revision int64
	gone     bool
	sums     []uint64 // of the values; 0 is null
	values   []string // themselves, as of valueText, where they are asked for
}

// rowSize is about how many bytes a row takes.
func (d *differ) rowSize() int64 {
	column := 8
	if d.valued { // the head of a text, and the text: a number, or one that rows share
		column = 32
	}
	return int64(160 + column*len(d.names))
}

// eachPass reads the rows of the first sides, in as many passes as the memory asks for. take gets those of
// one pass, by key.
func (d *differ) eachPass(ctx context.Context, sides int, take func(rows [2]map[string][]passRow)) error {
	passes := uint64(1 + (d.sides[0].rows+d.sides[1].rows)*d.rowSize()/d.opts.Memory)
	for pass := range passes {
		var rows [2]map[string][]passRow
		for i := range sides {
			var err error
			if rows[i], err = d.read(ctx, &d.sides[i], pass, passes); err != nil {
				return err
			}
		}
		take(rows)
	}
	return nil
}

// UnknownColumnError says that a column is to be left out which neither side has.
type UnknownColumnError struct {
	Name  string
	There []string // the columns that there are
}

func (e *UnknownColumnError) Error() string {
	return fmt.Sprintf("there is no column %q to ignore; there are %s", e.Name, strings.Join(e.There, ", "))
}

// Misuse reports that the command line is wrong.
func (e *UnknownColumnError) Misuse() bool { return true }

// settleColumns lists the columns of both sides.
func (d *differ) settleColumns() error {
	d.index, d.asked = map[string]int{}, map[string]bool{}
	there := slices.Concat(d.sides[0].columns, d.sides[1].columns)
	for _, name := range d.opts.Ignore {
		if !slices.Contains(there, name) && !slices.Contains(ignored(), name) {
			slices.Sort(there)
			return &UnknownColumnError{Name: name, There: slices.Compact(there)}
		}
	}
	for _, name := range there {
		_, known := d.index[name]
		if known || name == idColumn || name == itemColumn || slices.Contains(d.opts.Ignore, name) {
			continue
		}
		d.index[name] = len(d.names)
		d.names = append(d.names, name)
		d.out.Columns = append(d.out.Columns, Column{Name: name})
	}
	return nil
}

// merge compares the rows of one pass.
func (d *differ) merge(a, b map[string][]passRow) {
	for _, key := range slices.Sorted(maps.Keys(a)) {
		usesA, usesB := uses(a[key]), uses(b[key])
		d.out.RowsA += int64(len(usesA))
		d.out.RowsB += int64(len(usesB))
		if len(usesA) == 1 && len(usesB) == 1 {
			d.compare(key, &usesA[0], &usesB[0])
			continue
		}
		for i := range usesA {
			at := slices.IndexFunc(usesB, func(h passRow) bool { return h.ts == usesA[i].ts })
			if at < 0 {
				d.only(key, &d.out.OnlyA, &d.out.ExamplesA)
				continue
			}
			d.compare(key, &usesA[i], &usesB[at])
			usesB = slices.Delete(usesB, at, at+1)
		}
		for range usesB {
			d.only(key, &d.out.OnlyB, &d.out.ExamplesB)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(b)) {
		if len(a[key]) > 0 {
			continue
		}
		for range uses(b[key]) {
			d.out.RowsB++
			d.only(key, &d.out.OnlyB, &d.out.ExamplesB)
		}
	}
}

// uses are the newest revisions of the rows of one key. Two rows with one revision are
// of two requests of one id, which their times tell apart.
func uses(rows []passRow) []passRow {
	if len(rows) == 0 {
		return nil
	}
	again := false
	for i := range rows {
		again = again || slices.ContainsFunc(rows[:i], func(h passRow) bool { return h.revision == rows[i].revision })
	}
	newest := map[string]passRow{}
	for _, h := range rows {
		use := ""
		if again {
			use = h.ts
		}
		if n, known := newest[use]; !known || h.revision >= n.revision {
			newest[use] = h
		}
	}
	var out []passRow
	for _, use := range slices.Sorted(maps.Keys(newest)) {
		if h := newest[use]; !h.gone {
			out = append(out, h)
		}
	}
	return out
}

// only counts a row that one side has.
func (d *differ) only(key string, n *int64, examples *[]Example) {
	*n++
	if len(*examples) < d.opts.Examples {
		id, item := splitKey(key)
		*examples = append(*examples, Example{RequestID: id, ItemID: item})
	}
}

// compare counts a row that both sides have.
func (d *differ) compare(key string, a, b *passRow) {
	d.out.Both++
	same := true
	for i := range d.names {
		c, x, y := &d.out.Columns[i], a.sums[i], b.sums[i]
		switch {
		case x == y:
			c.Matches++
			if x == 0 {
				c.Nulls++
			}
			continue
		case y == 0:
			c.OnlyA++
		case x == 0:
			c.OnlyB++
		default:
			c.Differ++
		}
		same = false
		if len(c.Examples) < d.opts.Examples {
			id, item := splitKey(key)
			c.Examples = append(c.Examples, Example{RequestID: id, ItemID: item})
			d.asked[key] = true
		}
	}
	if !same {
		d.out.Differ++
	}
}

func keyOf(id, item string) string { return id + "\x00" + item }

// splitKey is the id and the item of a key.
func splitKey(key string) (id, item string) {
	id, item, _ = strings.Cut(key, "\x00")
	return id, item
}

// String is the result in words.
func (r *Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in A, %d in B: %d in both, %d only in A, %d only in B; of those in both %d differ\n",
		events.Count(r.RowsA, "row"), r.RowsB, r.Both, r.OnlyA, r.OnlyB, r.Differ)
	tell := func(what string, examples []Example) {
		for _, e := range examples {
			fmt.Fprintf(&b, "  %s: request %q", what, e.RequestID)
			if e.ItemID != "" {
				fmt.Fprintf(&b, ", item %q", e.ItemID)
			}
			if e.A != nil || e.B != nil {
				fmt.Fprintf(&b, ": %s in A, %s in B", cmp.Or(string(e.A), "null"), cmp.Or(string(e.B), "null"))
			}
			b.WriteByte('\n')
		}
	}
	tell("only in A", r.ExamplesA)
	tell("only in B", r.ExamplesB)
	same := 0
	for i := range r.Columns {
		c := &r.Columns[i]
		if c.Same() {
			same++
			continue
		}
		fmt.Fprintf(&b, "%s: %d match, %d differ, %d only in A, %d only in B\n",
			c.Name, c.Matches, c.Differ, c.OnlyA, c.OnlyB)
		tell("for one", c.Examples)
	}
	fmt.Fprintf(&b, "%d of %d columns are the same\n", same, len(r.Columns))
	return b.String()
}

// SideError says that there are no rows where the rows of a side are said to be.
type SideError struct{ At, Fault string }

func (e *SideError) Error() string {
	return fmt.Sprintf("%s %s: name the directory of an output, a Parquet file, or a directory of them", e.At, e.Fault)
}

// Misuse reports that the command line is wrong.
func (e *SideError) Misuse() bool { return true }
