package joiner

import (
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/guard"
)

// Rules is everything that takes part in deciding labels but the events: what
// the configuration says, and the gaps that were declared since.
// The zero value of each policy is its documented default.
type Rules struct {
	Labels      []Label       // in column order
	ClockSkew   time.Duration // how long before its request an outcome may be stamped
	Lateness    time.Duration // how far behind the largest timestamp an event may still come
	Corrections time.Duration // how long after the close a late outcome still corrects
	PerRequest  bool          // rows: request; one row per request whatever its items
	Merge       bool          // duplicates: merge
	SameID      SameID        // which of several outcomes with one outcome_id counts
	Early       bool          // emit: early
	// Stages are those of the Windows, from the shortest on, at whose ends rows are written before
	// the close, without the labels that are not final, but for provisional values. A replay has none.
	Stages     []time.Duration
	Negatives  Negatives
	Impression func(*events.Outcome) bool // what proves that a row was seen; for NegativesSeen
	SampleRate float64                    // share of negative rows kept; 0 means sampling is off
	SampleHash SampleHash                 // says which share that is
	Guard      guard.Config               // when silence is no evidence
	Gaps       []events.Gap               // declared so far; the slice is replaced, never changed
	Attribute  *Attribution               // of outcomes that name no request; nil: each has to name one
}

// SameID says which of the outcomes of a request counts that have one outcome_id.
type SameID uint8

// The rules for outcomes with one id. With SameFirst they are copies of one, and the smallest
// in Order counts. With SameLast they are edits of one: for each label the largest in Order
// counts that is stamped before the label's window ends, and what it replaces does not.
const (
	SameFirst SameID = iota
	SameLast
)

// Negatives is the policy that says which negative rows are kept.
type Negatives uint8

// The policies for negatives.
const (
	NegativesAll               Negatives = iota // every row
	NegativesSeen                               // rows with an outcome that matches Impression
	NegativesAboveLastPositive                  // rows not below the last positive position
)

// SampleHash is the hash of a request id that decides which negatives sampling keeps.
type SampleHash uint8

// The hashes. SampleFNV1a is FNV-1a with the finalizer of MurmurHash3, whose high bits are
// uniform where FNV's own are not. SampleSHA256 is the first 52 bits of the SHA-256 of
// "negatives:" and the id, which every SQL engine can compute.
const (
	SampleFNV1a SampleHash = iota
	SampleSHA256
)

// Label defines one column: which outcomes count and what is made of them.
type Label struct {
	Name   string
	Window time.Duration // after its request an outcome counts no more
	// Provisional, if not 0, is an age of the request, less than Window: from then on a row that is
	// written before the label is final has its value as it is by then, and not null.
	Provisional time.Duration
	From        time.Duration // before it, it does not yet; 0: from the request on, ClockSkew before it included
	Agg         Agg
	When        func(*events.Outcome) bool
	// Fault says why When, which then does not hold, cannot be evaluated for an
	// outcome; nothing if it can. It decides nothing. Nil: it always can.
	Fault func(*events.Outcome) string
	// Until, if not nil, is of an outcome that ends the window before its time: the first in
	// Order for which it holds, stamped at or after the request, and what is stamped later than
	// that one does not count.
	Until func(*events.Outcome) bool
	// Pair, if not nil, makes the label of pairs of outcomes. When is then of those that open
	// or close one, and InRow is nil.
	Pair *Pair
	// InRow, if not nil, has to hold as well for an outcome to count in a row: see
	// RowFunc. So When is what the outcome alone can say.
	InRow RowFunc[bool]
	// Number, if not nil, is what stands for the outcome's value in this label.
	Number RowFunc[Number]
	// NumberInRow says that Number looks at the request or the item, so that the outcome alone does
	// not say whether there is a number.
	NumberInRow bool
	// Votes, if not nil, says that the outcomes are votes of people. Agg is AggMajority,
	// AggConsensus, AggMedian or AggMean.
	Votes *Votes
	// Columns keep something of the outcome that decided the label, each as a column of the row.
	// Those of Votes come first, and then the ProvisionalColumns of a label that has them.
	Columns []Column
	// Attrs are the attributes that InRow, Number and Columns look at, or AllAttrs.
	Attrs    []string
	AllAttrs bool
	// Of, if not nil, makes the label of others of its row, which are in Needs by their
	// places among the rules' labels, each before this one. No outcome counts for it, and it
	// is known when all that it needs are: Window is the longest of theirs. The error says
	// why it cannot be evaluated; it is null then. It may look at the request and the item
	// too, as a RowFunc does.
	Of    func(cells []Cell, req *events.Request, item int) (Cell, error)
	Needs []int
}

// RowFunc evaluates something of an outcome in a row: that of an item of its request, by
// the item's index, or, with -1, one without an item. The error says why it cannot be
// evaluated; then an outcome does not count, or has no number.
//
// It depends on its arguments alone. So the row may be decided whenever the request and
// the outcome are both there, in whatever order they came.
type RowFunc[T any] func(o *events.Outcome, req *events.Request, item int) (T, error)

// Number is a number, if there is one.
type Number struct {
	Value float64
	Has   bool
}

// Column is a column of a label beside its value and its time. Value gives what it holds of
// the outcome that decided the label: null, or a value of Kind, which is events.ValueDouble,
// events.ValueString or events.ValueBool. It is nil for the columns of Votes, which may be of
// events.ValueInt as well, and for ProvisionalColumns.
type Column struct {
	Name  string
	Kind  events.ValueKind
	Value RowFunc[events.Value]
}

// OwnColumns are the columns that a label has in a row besides its value, which has its name:
// its time, and those that keep something of the outcome that decided it.
func (l *Label) OwnColumns() []string {
	names := []string{l.Name + "_ts"}
	for i := range l.Columns {
		names = append(names, l.Columns[i].Name)
	}
	return names
}

// Kept are those of the label's columns that keep something of the outcome that decided it.
func (l *Label) Kept() []Column {
	own := 0
	if l.Votes != nil {
		own = l.Votes.ownColumns()
	}
	if l.Provisional > 0 {
		own += provisionalColumns
	}
	return l.Columns[own:]
}

// looks reports whether a label looks at more of an outcome than a Fact has.
func (l *Label) looks() bool {
	return l.InRow != nil || l.Number != nil || len(l.Columns) > 0 && (l.Votes != nil || len(l.Kept()) > 0)
}

// Agg is what a label's column holds.
type Agg uint8

// The aggregates, over the outcomes that qualify in order of (ts, outcome_id,
// hash). AggAny and AggCount are integers, the others doubles.
const (
	AggAny       Agg = iota // 1 if some outcome qualifies, else 0
	AggCount                // how many
	AggSum                  // of their values; 0 with none
	AggMean                 // of their values, or of the votes; null with none
	AggMax                  // of their values; null with none
	AggMin                  // of their values; null with none
	AggFirst                // the first one's value; null with none
	AggLast                 // the last one's value; null with none
	AggLatency              // seconds from the request to the first; null with none
	AggTruth                // of other labels: 1 or 0
	AggFormula              // of other labels: a number
	AggCredit               // how many, each by its share: see events.Outcome
	AggMajority             // the value that most votes have; see Votes
	AggConsensus            // the value that all votes have
	AggMedian               // the middle vote
)

// Integer reports whether the aggregate's column is INT32 rather than DOUBLE.
func (a Agg) Integer() bool { return a == AggAny || a == AggCount || a == AggTruth }

// OfValues reports whether the aggregate is of the values of outcomes: one without a value
// has no part in it.
func (a Agg) OfValues() bool { return a >= AggSum && a <= AggLast }

// within reports whether an outcome counts for the label that comes a delay after its
// request, if it does not come more than the clocks' skew before it.
func (l *Label) within(delay time.Duration) bool {
	return delay <= l.Window && (l.From == 0 || delay >= l.From)
}

// GuardRules is what the guard has to know of the rules.
func (r *Rules) GuardRules() *guard.Rules {
	labels := make([]guard.Label, len(r.Labels))
	for j := range labels {
		labels[j] = guard.Label{Name: r.Labels[j].Name, Window: r.Labels[j].Window, None: r.Labels[j].Of != nil}
	}
	return &guard.Rules{Config: r.Guard, Labels: labels, Longest: r.Longest(), Gaps: r.Gaps}
}

// Guarded reports whether the guard counts an outcome for a label, by the label's number. A
// label whose window begins later is not guarded.
func (r *Rules) Guarded(label int, o *events.Outcome) bool {
	l := &r.Labels[label]
	return l.From == 0 && l.When(o)
}

// Longest is the longest window of any label: a request closes when it ends.
func (r *Rules) Longest() time.Duration {
	var longest time.Duration
	for i := range r.Labels {
		longest = max(longest, r.Labels[i].Window)
	}
	return longest
}

// Windows are the windows that end before the longest one, and the ages at which labels are
// provisional, from the shortest on: when each ends, the labels that have it are told on the
// label stream.
func (r *Rules) Windows() []time.Duration {
	var windows []time.Duration
	longest := r.Longest()
	for i := range r.Labels {
		for _, w := range [...]time.Duration{r.Labels[i].Window, r.Labels[i].Provisional} {
			if 0 < w && w < longest && !slices.Contains(windows, w) {
				windows = append(windows, w)
			}
		}
	}
	slices.Sort(windows)
	return windows
}

// ofOthersEarly reports whether a label that is made of others is told before the close.
func (r *Rules) ofOthersEarly() bool {
	longest := r.Longest()
	return slices.ContainsFunc(r.Labels, func(l Label) bool { return l.Of != nil && l.Window < longest })
}

// Retention is how long after its close a request is remembered: long enough that
// every outcome of it that the log may still bring finds it known.
func (r *Rules) Retention() time.Duration {
	return max(r.Corrections, saturate(r.Longest(), r.ClockSkew))
}

// saturate adds two non-negative durations without wrapping around.
func saturate(a, b time.Duration) time.Duration {
	if sum := a + b; sum >= a {
		return sum
	}
	return 1<<63 - 1
}
