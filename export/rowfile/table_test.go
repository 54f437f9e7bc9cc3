package rowfile

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

var seedsFlag = flag.Uint64("seeds", 0, "how many random histories of types are tried; 0 is the test's own number")

// history writes rows, which are in the order of time, as commits. Each is cut anywhere.
type history struct {
	t      *testing.T
	rng    *rand.Rand
	l      *Layout
	known  []TableColumn
	files  [][]byte
	unfit  int64
	redone int
}

func (h *history) commit(rows []sample) {
	h.t.Helper()
	rows = slices.Clone(rows)
	order := h.rng.IntN(3)
	if order == byRedoing {
		h.rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		files, unfit, seed := len(h.files), h.unfit, h.rng.Uint64()
		table := h.write(rows, order, seed, nil)
		if d := table.Mistaken(); d != nil {
			h.files, h.unfit = h.files[:files], unfit
			if h.write(rows, order, seed, d).Mistaken() != nil {
				h.t.Fatal("it is mistaken again")
			}
			h.redone++
		}
		return
	}
	h.write(rows, order, 0, nil)
}

// The ways in which the rows of a commit come.
const (
	inTime    = iota // in the order of time, and files are finished on the way
	shuffled         // in any order, and files are finished at the end
	byRedoing        // in any order, and files are finished on the way: by redoing what was mistaken
)

func (h *history) write(rows []sample, order int, seed uint64, d *Decisions) *Table {
	table := h.l.NewTable(h.known)
	table.Decide(d)
	rng := h.rng
	if order == byRedoing {
		rng = rand.New(rand.NewPCG(seed, 1)) // the same again
	}
	if order == shuffled {
		h.rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	days := map[int]*Builder{}
	finish := func(day int) {
		h.unfit += table.Settle(slices.Collect(maps.Values(days))...)
		data, sum := encode(h.t, days[day])
		if err := Verify(bytes.NewReader(data), int64(len(data)), &sum); err != nil {
			h.t.Fatal(err)
		}
		delete(days, day)
		h.files = append(h.files, data)
	}
	for i := range rows {
		day := rng.IntN(3)
		if days[day] == nil {
			days[day] = table.NewBuilder()
		}
		unfit, err := days[day].Add(&rows[i].req, &rows[i].row)
		if err != nil {
			h.t.Fatal(err)
		}
		if h.unfit += unfit; order != shuffled && rng.IntN(8) == 0 {
			finish(day)
		}
	}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		finish(day)
	}
	if order != byRedoing || table.Mistaken() == nil {
		h.known = table.Columns()
	}
	return table
}

// However commits are cut and files are finished, the rows are those of the plain model
// over all rows at once, and a column stays what it is from the file on that brings it.
func TestTypesDoNotDependOnCommits(t *testing.T) {
	seeds, redone := *seedsFlag, 0
	if seeds == 0 {
		if seeds = 30; testing.Short() {
			seeds = 6
		}
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 11))
			in := samples(rng, 1+rng.IntN(80))
			slices.SortFunc(in, func(x, y sample) int { return cmp.Compare(x.req.TS, y.req.TS) })
			h := &history{t: t, rng: rng, l: newLayout(t, Config{})}
			for rest := in; len(rest) > 0; {
				n := 1 + rng.IntN(min(len(rest), 1+rng.IntN(30)))
				h.commit(rest[:n])
				rest = rest[n:]
			}
			want, columns := expected(in, false)
			got := map[any]record1{}
			var before []Column
			for i, data := range h.files {
				rows, _ := readAll(t, data)
				for _, r := range rows {
					got[r["request_id"]] = r
				}
				reader, err := NewReader(bytes.NewReader(data), int64(len(data)))
				if err != nil {
					t.Fatal(err)
				}
				now := reader.Columns()
				for _, c := range before {
					if !slices.Contains(now, c) {
						t.Fatalf("file %d has not the column %v of the files before: %v", i, c, now)
					}
				}
				before = now
			}
			var names []string
			for _, c := range h.known {
				names = append(names, c.Name)
			}
			if !slices.Equal(names, columns) {
				t.Fatalf("columns %q, want %q", names, columns)
			}
			for i := range in {
				// A file of a commit before has no such column, which reads as null.
				maps.DeleteFunc(want[i], func(_ string, v any) bool { return v == nil })
				equalRows(t, []record1{got[in[i].req.ID]}, want[i:i+1])
			}
			redone += h.redone
			if want := unfitOf(in); h.unfit != want {
				t.Fatalf("%d values do not fit, want %d", h.unfit, want)
			}
		})
	}
	if redone == 0 {
		t.Error("no commit was written again")
	}
}

// unfitOf counts what the plain model makes null.
func unfitOf(in []sample) (n int64) {
	raw := map[string][]events.Value{}
	for i, s := range in {
		add := func(prefix string, fields []events.Field) {
			for _, f := range fields {
				if raw[prefix+f.Name] == nil {
					raw[prefix+f.Name] = make([]events.Value, len(in))
				}
				raw[prefix+f.Name][i] = f.Value
			}
		}
		add("", s.req.Features)
		if s.row.Item >= 0 {
			add("item_", s.req.Items[s.row.Item].Features)
		}
	}
	for _, values := range raw {
		typ, out := typeAll(in, values)
		for i, v := range values {
			list, isList := out[i].([]any)
			switch {
			case typ == "" || v.Kind == events.ValueNull:
			case out[i] == nil && (typeNamed(v) != "" || decidedBefore(in, values, i)):
				n++
			case isList:
				for j := range list {
					if list[j] == nil && v.List[j].Kind != events.ValueNull {
						n++
					}
				}
			}
		}
	}
	return n
}

// decidedBefore reports whether a request before row i has decided the type.
func decidedBefore(in []sample, values []events.Value, i int) bool {
	return slices.ContainsFunc(in, func(s sample) bool {
		return s.req.TS < in[i].req.TS && typeNamed(values[slices.IndexFunc(in,
			func(x sample) bool { return x.req.ID == s.req.ID })]) != ""
	})
}

// A column that an earlier version made one of integers stays one until a fraction comes.
// Then it is one of doubles, in every file from then on.
func TestIntegersOfOldBecomeDoubles(t *testing.T) {
	l := newLayout(t, Config{Labels: nil, Features: []Feature{{Name: "kept", Type: "int64"}}})
	known := []TableColumn{{"size", Type{Scalar: ScalarInt64}, KindFeature},
		{"kept", Type{Scalar: ScalarInt64}, KindFeature}}
	half := events.Value{Kind: events.ValueDouble, Float: 0.5}
	row := func(v events.Value) sample {
		s := with(values{"size": v, "kept": v}, nil)
		s.row.Cells = make([]joiner.Cell, len(testLabels))
		return s
	}
	table := l.NewTable(known)
	one, other := table.NewBuilder(), table.NewBuilder()
	for i, step := range []struct {
		to    *Builder
		v     events.Value
		unfit int64
	}{{one, integer(1 << 60), 0}, {other, integer(3), 0}, {other, events.Value{Kind: events.ValueDouble, Float: 4},
		0}, {one, half, 1}} {
		s := row(step.v)
		if unfit, err := step.to.Add(&s.req, &s.row); err != nil || unfit != step.unfit {
			t.Fatalf("row %d: %d do not fit, want %d: %v", i, unfit, step.unfit, err)
		}
	}
	rows, _ := readAll(t, first(encode(t, one)))
	more, _ := readAll(t, first(encode(t, other)))
	var got []any
	for _, r := range append(rows, more...) {
		got = append(got, r["size"], r["kept"])
	}
	want := []any{float64(1 << 60), int64(1 << 60), 0.5, nil, 3.0, int64(3), 4.0, int64(4)}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("values %v, want %v", got, want)
	}
	notes := table.Notes()
	if len(notes) != 2 || notes[1].Column != "size" || notes[1].From.String() != "int64" ||
		notes[1].Type.String() != "double" ||
		notes[1].Rounded != 0 || notes[0].Unfit != 1 || notes[0].Example != "0.5" {
		t.Fatalf("notes %+v", notes)
	}
	s := row(integer(7))
	next := l.NewTable(table.Columns())
	b := next.NewBuilder()
	if _, err := b.Add(&s.req, &s.row); err != nil {
		t.Fatal(err)
	}
	if rows, _ := readAll(t, first(encode(t, b))); rows[0]["size"] != 7.0 {
		t.Fatalf("in the next commit 7 is %#v", rows[0]["size"])
	}
}

// The modes say which features have columns; what has none is counted and named.
func TestModes(t *testing.T) {
	known := []TableColumn{{"old", Type{Scalar: ScalarInt64}, KindFeature}}
	for name, c := range map[string]struct {
		mode Mode
		want string // the columns of features that have a value
		left int64
	}{
		"evolve":   {ModeEvolve, "declared new old", 0},
		"declared": {ModeDeclared, "declared", 2},
		"frozen":   {ModeFrozen, "declared old", 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLayout(t, Config{Mode: c.mode, Features: []Feature{{Name: "declared", Type: "double"}}})
			table := l.NewTable(known)
			b := table.NewBuilder()
			s := with(values{"old": integer(1), "new": integer(2), "declared": integer(3)}, nil)
			s.row.Cells = make([]joiner.Cell, len(testLabels))
			if unfit, err := b.Add(&s.req, &s.row); err != nil || unfit != 0 {
				t.Fatalf("%d do not fit: %v", unfit, err)
			}
			rows, columns := readAll(t, first(encode(t, b)))
			var got []string
			for _, f := range []string{"declared", "new", "old"} {
				if rows[0][f] != nil {
					got = append(got, f)
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("values in %q, want %q", got, c.want)
			}
			if !slices.Contains(columns, "old") {
				t.Error("a column of the table is not in the file")
			}
			if left, names := table.LeftOut(); left != c.left || int64(len(names)) != c.left {
				t.Errorf("%d values of %q are left out, want %d", left, names, c.left)
			}
		})
	}
}

// Labels that the configuration has no more keep their columns, and a label's column never
// becomes narrower.
func TestLabelsOfBefore(t *testing.T) {
	whole := Type{Scalar: ScalarInt32}
	when := Type{Scalar: ScalarTimestamp}
	known := []TableColumn{
		{"clicked", Type{Scalar: ScalarDouble}, KindLabel}, {"clicked_ts", when, KindLabel},
		{"gone", whole, KindLabel}, {"gone_ts", when, KindLabel}, {"weight", Type{Scalar: ScalarDouble}, KindOwn},
		{"revenue", Type{Scalar: ScalarDouble}, KindFeature},
		{"source", Type{Scalar: ScalarString}, KindLabel}, {"dwell_ms", Type{Scalar: ScalarDouble}, KindLabel},
	}
	labels := slices.Clone(testLabels)
	labels[0].Columns = []joiner.Column{{Name: "dwell_ms", Kind: events.ValueDouble},
		{Name: "by", Kind: events.ValueString},
		{Name: "muted", Kind: events.ValueBool}}
	l := newLayout(t, Config{Known: known, Labels: labels})
	b := l.NewTable(known).NewBuilder()
	s := with(values{"gone": integer(1)}, nil)
	s.row.Weight = 1
	for range testLabels {
		s.row.Cells = append(s.row.Cells, joiner.Cell{Value: 1, TS: events.MinTime})
	}
	s.row.Extra = []events.Value{{Kind: events.ValueDouble, Float: 1.5}, {Kind: events.ValueString, Str: "ann"}, {}}
	all := []joiner.Labeled{{Request: &s.req, Row: &s.row}, {Request: &s.req, Row: &s.row}}
	if _, err := b.AddAll(&gathered.Rows{List: all}, 0, len(all)); err != nil {
		t.Fatal(err)
	}
	rows, columns := readAll(t, first(encode(t, b)))
	want := []string{"feature_gone", "clicked", "clicked_ts", "revenue", "revenue_ts", "n", "n_ts", "dwell_ms", "by",
		"muted",
		"gone", "gone_ts", "source", "weight", "revision", "reason"}
	if !slices.Equal(columns[8:], want) {
		t.Fatalf("columns %q, want %q", columns[8:], want)
	}
	if len(rows) != len(all) || !reflect.DeepEqual(rows[0], rows[1]) {
		t.Fatalf("rows %v", rows)
	}
	r := rows[0]
	if r["clicked"] != 1.0 || r["n"] != int64(1) || r["gone"] != nil || r["weight"] != 1.0 || r["feature_gone"] != 1.0 ||
		r["dwell_ms"] != 1.5 || r["by"] != "ann" || r["muted"] != nil || r["source"] != nil {
		t.Fatalf("row %v", r)
	}
}
