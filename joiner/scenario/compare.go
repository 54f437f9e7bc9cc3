package scenario

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/labeljoin/labeljoin/events"
)

// Failure is an expectation that was not met.
type Failure struct {
	Line int    // of the expectation, from 1
	Text string // what was expected and what came; may have several lines
}

// compare holds what was seen against what is expected of it.
func (w *world) compare(x *expectation, s *seen) []Failure {
	var failures []Failure
	fail := func(line int, format string, args ...any) {
		failures = append(failures, Failure{Line: line, Text: fmt.Sprintf(format, args...)})
	}
	if x.open != nil {
		want, got := slices.Sorted(slices.Values(x.open)), slices.Sorted(slices.Values(s.open))
		if !slices.Equal(want, got) {
			fail(x.line, "open: want %s, got %s", listed(want), listed(got))
		}
	}
	if x.rows != nil {
		if text := w.compareRows(x.rows, s.rows, "revision"); text != "" {
			fail(x.line, "rows:\n%s", text)
		}
	}
	for i := range x.counts {
		c := &x.counts[i]
		if got := c.in(&s.ledger); got != c.n {
			name := c.name
			if len(c.of) == 1 {
				name = sourceNames[c.of[0]] + "." + name
			}
			fail(c.line, "counts: want %s: %d, got %d", name, c.n, got)
		}
	}
	if x.letters != nil && !slices.Equal(x.letters, s.letters) {
		fail(x.line, "dead_letters: want %s, got %s", listed(x.letters), listed(s.letters))
	}
	if x.published != nil {
		if text := w.compareRows(x.published, s.published, "phase"); text != "" {
			fail(x.line, "published:\n%s", text)
		}
	}
	return failures
}

func listed(names []string) string { return "[" + strings.Join(names, ", ") + "]" }

// compareRows matches rows in any order and returns a table of those that have
// no match, empty if there are none. The column tells apart rows of the same
// request and item.
func (w *world) compareRows(want []wantedRow, got []map[string]string, column string) string {
	m := matching{want: len(want), wantedOf: make([]int, len(got))}
	for i := range m.wantedOf {
		m.wantedOf[i] = -1
	}
	m.fits = func(i, j int) bool { return w.fits(&want[i], got[j]) }
	var missing []int
	for i := range want {
		if !m.assign(i, make([]bool, len(got))) {
			missing = append(missing, i)
		}
	}
	var extra []int
	for j, i := range m.wantedOf {
		if i < 0 {
			extra = append(extra, j)
		}
	}
	if len(missing) == 0 && len(extra) == 0 {
		return ""
	}
	return w.table(want, got, missing, extra, column)
}

func (w *world) fits(want *wantedRow, got map[string]string) bool {
	for i := range want.cells {
		c := &want.cells[i]
		if value, ok := got[c.column]; !ok && c.json != "null" || ok && !sameValue(c.value(&w.o.Rules), value) {
			return false
		}
	}
	return true
}

// matching pairs wanted rows with written ones so that as many as possible are
// paired, by augmenting paths: a row that asks for little must not take the
// only one that fits another.
type matching struct {
	want     int
	wantedOf []int // by written row: the wanted one, or -1
	fits     func(want, got int) bool
}

func (m *matching) assign(i int, tried []bool) bool {
	for j := range m.wantedOf {
		if tried[j] || !m.fits(i, j) {
			continue
		}
		tried[j] = true
		if m.wantedOf[j] < 0 || m.assign(m.wantedOf[j], tried) {
			m.wantedOf[j] = i
			return true
		}
	}
	return false
}

// table shows the rows without a match, a wanted one above the written one of
// the same request and item.
func (w *world) table(want []wantedRow, got []map[string]string, missing, extra []int, column string) string {
	columns := w.shownColumns(want, column)
	out := &strings.Builder{}
	lines := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(head string, cell func(column string) string) {
		fmt.Fprint(lines, "  "+head)
		for _, column := range columns {
			fmt.Fprint(lines, "\t"+OneLine(cell(column)))
		}
		fmt.Fprintln(lines)
	}
	line("", func(column string) string { return column })
	showGot := func(j int) {
		line("got", func(column string) string { return w.show(column, got[j][column]) })
	}
	for _, i := range missing {
		line(fmt.Sprintf("want (line %d)", want[i].line), func(column string) string { return w.wanted(&want[i], column) })
		if at := slices.IndexFunc(extra, func(j int) bool { return w.sameRow(&want[i], got[j]) }); at >= 0 {
			showGot(extra[at])
			extra = slices.Delete(extra, at, at+1)
		}
	}
	for _, j := range extra {
		showGot(j)
	}
	lines.Flush()
	return strings.TrimRight(out.String(), "\n")
}

// OneLine writes the ends of lines and the tabs of a text as JSON does: a name or an id must not look like a line of
// ours.
func OneLine(text string) string { return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(text) }

// shownColumns are those that tell rows apart and those that are compared, or
// the labels if there are none.
func (w *world) shownColumns(want []wantedRow, column string) []string {
	columns := []string{"request_id", "item_id", column}
	for i := range want {
		for _, c := range want[i].cells {
			if !slices.Contains(columns, c.column) {
				columns = append(columns, c.column)
			}
		}
	}
	if len(want) == 0 {
		for _, l := range w.o.Rules.Labels {
			columns = append(columns, l.Name)
		}
	}
	return columns
}

// sameRow reports whether a written row is the one that a wanted one names.
func (w *world) sameRow(want *wantedRow, got map[string]string) bool {
	for i := range want.cells {
		c := &want.cells[i]
		if (c.column == "request_id" || c.column == "item_id") && c.value(&w.o.Rules) != got[c.column] {
			return false
		}
	}
	return true
}

func (w *world) wanted(row *wantedRow, column string) string {
	for i := range row.cells {
		if c := &row.cells[i]; c.column == column {
			return w.show(column, c.value(&w.o.Rules))
		}
	}
	return "" // anything will do
}

// show prints a value for people: text without quotes, times as offsets.
func (w *world) show(column, value string) string {
	if value == "" {
		return "absent"
	}
	var s string
	if json.Unmarshal([]byte(value), &s) != nil || value == "null" {
		return value
	}
	if t, err := events.ParseTime(s); err == nil && isTime(&w.o.Rules, column) {
		offset := t.Sub(w.c.start).String()
		for _, zero := range []string{"m0s", "h0m"} {
			if strings.HasSuffix(offset, zero) {
				offset = offset[:len(offset)-2]
			}
		}
		return offset
	}
	return s
}
