package joiner

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// Votes says that the outcomes that count for a label are votes: each rater has one, the last
// in Order that has a value.
type Votes struct {
	// By names the rater of an outcome, by its attributes. An outcome for which it is empty, or
	// longer than 256 bytes, is no vote.
	By   func(*events.Outcome) string
	Min  int // with fewer votes the label is null
	Ties Ties
	// Classes are the names of the votes 0, 1, 2 and so on; nil if votes are numbers.
	Classes []string
}

// Ties says what a label is where votes do not settle it: where two values have the most votes,
// or where the two middle votes differ.
type Ties uint8

// The rules for ties. With TiesNone a majority is null; a median is half the sum of the two
// middle votes, and null between two classes.
const (
	TiesNone Ties = iota
	TiesLowest
	TiesHighest
)

// longestRater bounds the name of a rater in bytes, as those of ids are bounded.
const longestRater = 256

var errNoRater = errors.New("it does not name its rater: the attribute of `by` has to be a text of 1 to 256 bytes, " +
	"or a number below 2^53; send large numbers as text")

// Columns are the columns that a label of votes has, before those that keep something of the
// outcome that decided it: how many votes there are, which share of them the commonest value
// has, the votes themselves as JSON, and the name of the class, if it has classes.
func (v *Votes) Columns(label string) []Column {
	columns := []Column{
		{Name: label + "_votes", Kind: events.ValueInt},
		{Name: label + "_agreement", Kind: events.ValueDouble},
		{Name: label + "_raters", Kind: events.ValueString},
	}
	if v.Classes != nil {
		columns = append(columns, Column{Name: label + "_class", Kind: events.ValueString})
	}
	return columns
}

// ownColumns are how many of a label's columns the votes have.
func (v *Votes) ownColumns() int {
	if v.Classes != nil {
		return 4
	}
	return 3
}

// vote is what one rater said last.
type vote struct {
	rater    string
	value    float64
	ts       events.Time
	position int            // in Order, among the votes of the label and the row
	kept     []events.Value // what the label's further columns hold of it
}

// ballot has the votes for one label of one row, one of each rater.
type ballot struct {
	votes     []vote
	raters    map[string]int // their indexes in votes
	positions int
}

// has reports whether a rater has a vote.
func (b *ballot) has(rater string) bool {
	if b == nil {
		return false
	}
	_, known := b.raters[rater]
	return known
}

func (b *ballot) add(v vote) {
	v.position = b.positions
	b.positions++
	if at, known := b.raters[v.rater]; known {
		b.votes[at] = v
		return
	}
	if b.raters == nil {
		b.raters = map[string]int{}
	}
	b.raters[v.rater] = len(b.votes)
	b.votes = append(b.votes, v)
}

// vote counts an outcome as a vote. The texts of an outcome may be of memory that is used again.
func (d *Decision) vote(row, label int, o *events.Outcome, f *Fact, value Number) {
	d.cells[row][label].n++
	if !value.Has || math.IsInf(value.Value, 0) || math.IsNaN(value.Value) {
		return
	}
	l, whole := &d.rules.Labels[label], o
	if f != nil {
		whole = f.whole()
	}
	rater := l.Votes.By(whole)
	if rater == "" || len(rater) > longestRater {
		d.fault(label, o, f, errNoRater)
		return
	}
	at := RowLabel{row, label}
	b := d.ballots[at]
	if !b.has(rater) && !d.makeRoom() {
		d.fault(label, o, f, errTooManyVotes)
		return
	}
	if b == nil {
		if d.ballots == nil {
			d.ballots = map[RowLabel]*ballot{}
		}
		b = &ballot{}
		d.ballots[at] = b
	}
	v := vote{rater: d.own(rater), value: value.Value + 0, ts: o.TS} // -0 is 0
	if kept := l.Kept(); len(kept) > 0 {
		v.kept = d.valuesOf(kept, row, label, o, f)
	}
	b.add(v)
}

// tally is what votes came to.
type tally struct {
	cell      Cell
	votes     []vote // in the order of the raters' names
	agreement float64
	decider   *vote // nil if the cell is null
}

// tally counts the votes for a label of a row.
func (d *Decision) tally(row, label int) tally {
	t := tally{cell: Undecided()}
	b, l := d.ballots[RowLabel{row, label}], &d.rules.Labels[label]
	if b == nil {
		return t
	}
	t.votes = slices.Clone(b.votes)
	slices.SortFunc(t.votes, func(a, b vote) int { return strings.Compare(a.rater, b.rater) })
	most, lowest, highest := commonest(t.votes)
	t.agreement = float64(most) / float64(len(t.votes))
	if len(t.votes) < l.Votes.Min {
		return t
	}
	value, decided := 0.0, true
	switch l.Agg {
	case AggMajority:
		value, decided = l.Votes.between(lowest, highest)
	case AggConsensus:
		value, decided = lowest, most == len(t.votes)
	case AggMedian:
		value, decided = l.Votes.median(t.votes)
	default:
		value = meanOf(t.votes)
	}
	if !decided || math.IsInf(value, 0) || math.IsNaN(value) {
		return t
	}
	for i := range t.votes {
		v := &t.votes[i]
		said := v.value == value || l.Agg != AggMajority && l.Agg != AggConsensus
		if said && (t.decider == nil || v.position > t.decider.position) {
			t.decider = v
		}
	}
	t.cell = Cell{Value: value, TS: t.decider.ts}
	return t
}

// tallies are those of a row, by label.
func (d *Decision) tallies(row int) []tally {
	all := make([]tally, len(d.rules.Labels))
	for i := range all {
		if d.rules.Labels[i].Votes != nil {
			all[i] = d.tally(row, i)
		}
	}
	return all
}

// commonest says how many votes the commonest value has, and which are the lowest and the
// highest of the values that have as many.
func commonest(votes []vote) (most int, lowest, highest float64) {
	values := valuesInOrder(votes)
	for from := 0; from < len(values); {
		to := from
		for to < len(values) && values[to] == values[from] {
			to++
		}
		switch n := to - from; {
		case n > most:
			most, lowest, highest = n, values[from], values[from]
		case n == most:
			highest = values[from]
		}
		from = to
	}
	return most, lowest, highest
}

// between settles what lies between two values, if they differ, by the rule for ties.
func (v *Votes) between(lowest, highest float64) (value float64, decided bool) {
	if v.Ties == TiesHighest {
		return highest, true
	}
	return lowest, v.Ties == TiesLowest || lowest == highest
}

// median is the middle vote, or what lies between the two in the middle.
func (v *Votes) median(votes []vote) (value float64, decided bool) {
	values := valuesInOrder(votes)
	low, high := values[(len(values)-1)/2], values[len(values)/2]
	if value, decided = v.between(low, high); decided || v.Classes != nil {
		return value, decided
	}
	return (low + high) / 2, true
}

// meanOf adds the votes in the order of the raters' names, so that it is one double.
func meanOf(votes []vote) float64 {
	sum := 0.0
	for i := range votes {
		sum += votes[i].value
	}
	return sum / float64(len(votes))
}

func valuesInOrder(votes []vote) []float64 {
	values := make([]float64, len(votes))
	for i := range votes {
		values[i] = votes[i].value
	}
	slices.SortFunc(values, cmp.Compare[float64])
	return values
}

// votesOf sets the values of the columns of a label of votes, which are null.
func (l *Label) votesOf(t *tally, values []events.Value) {
	values[0] = events.Value{Kind: events.ValueInt, Int: int64(len(t.votes))}
	if len(t.votes) == 0 {
		return
	}
	values[1] = events.Value{Kind: events.ValueDouble, Float: t.agreement}
	values[2] = events.Value{Kind: events.ValueString, Str: l.Votes.json(t.votes)}
	if t.decider == nil {
		return
	}
	if l.Votes.ownColumns() > 3 {
		values[3] = events.Value{Kind: events.ValueString, Str: l.Votes.class(t.cell.Value)}
	}
	copy(values[len(values)-len(t.decider.kept):], t.decider.kept)
}

// class is the name of a vote.
func (v *Votes) class(value float64) string {
	if at := int(value); at >= 0 && at < len(v.Classes) && float64(at) == value {
		return v.Classes[at]
	}
	return ""
}

// json is an object of JSON with what each rater said.
func (v *Votes) json(votes []vote) string {
	text := []byte{'{'}
	for i := range votes {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(appendText(text, votes[i].rater), ':')
		if v.Classes != nil {
			text = appendText(text, v.class(votes[i].value))
		} else {
			text = appendNumber(text, votes[i].value)
		}
	}
	return string(append(text, '}'))
}

// appendText writes a text, which is UTF-8, as JSON.
func appendText(to []byte, text string) []byte {
	to = append(to, '"')
	for _, c := range []byte(text) {
		switch {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c < ' ':
			to = fmt.Appendf(to, "\\u%04x", c)
		default:
			to = append(to, c)
		}
	}
	return append(to, '"')
}

// appendNumber writes a finite number as JSON: whole ones without a fraction, and with an exponent
// only what would be long without.
func appendNumber(to []byte, x float64) []byte {
	format := byte('f')
	if size := math.Abs(x); size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(to, x, format, -1, 64)
}
