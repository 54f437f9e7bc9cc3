package config

import (
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Join is the block `join`: when an outcome belongs to a request, and how long
// to wait. joiner/SEMANTICS.md has the meaning of each.
type Join struct {
	// How long after its request an outcome counts, both ends included. It holds for
	// the labels that have no window of their own. From 1ns to 3650d.
	//
	// Default: the inactivity after which web analytics says that a visit is over.
	Window Duration `yaml:"window"`
	// How late an event may come, measured by event time, before the joiner takes it
	// that all earlier events are there. It delays rows, and widens no window. From 0s
	// to 3650d.
	//
	// Default: producers batch for seconds, and a minute covers a restart of one.
	Lateness Duration `yaml:"lateness"`
	// How long before its request an outcome may be stamped, because the clocks of two
	// machines differ. From 0s to 3650d.
	//
	// Default: a wider window is a decision about what is true, so nothing is widened
	// unless you say so.
	ClockSkew Duration `yaml:"clock_skew"`
	// How long after the close of its request, by event time, a late outcome still
	// corrects a row. From 0s to 3650d.
	//
	// Default: a broken producer is usually back within the hour.
	Corrections Duration `yaml:"corrections"`
	// What a row is: an item of a request, or a whole request.
	//
	// Default: ranking models, which log a list of items, train on items. A request
	// without items has one row in either case.
	Rows Rows `yaml:"rows"`
	// What two requests of one id are. With earliest, the earliest counts. With merge,
	// they are pieces of one request, whose fields, features and items are put together.
	//
	// Default: an id that comes twice is usually a producer that tried again.
	Duplicates Duplicates `yaml:"duplicates"`
	// What is said of outcomes.
	Outcomes JoinOutcomes `yaml:"outcomes"`
	// When a row is written: at the close of its request; with early, as soon as all its labels
	// are positive; with each, as soon as its first label is final, without the others, which
	// the column pending names, and again when the window of one of them has ended.
	//
	// Default: a row that is written once is easiest to read.
	Emit Emit `yaml:"emit"`
	// How far beyond the broker's time an event may be stamped. One that is further
	// is quarantined: it goes to the dead letters. From 1s to 3650d.
	//
	// Default: what Kerberos tolerates between clocks (RFC 4120). A clock that is
	// further off is broken, and must not close the windows of other requests.
	MaxFuture Duration `yaml:"max_future"`
	// How old an event may be when the broker stores it. An older one is quarantined: it
	// goes to the dead letters. It is at least the longest window and what is remembered
	// beyond it, and at most 3650d.
	//
	// Default: 30d, or the least that is allowed if that is more. It is longer than the
	// usual window of 7 days and its memory together, and short enough to catch
	// timestamps in the wrong unit.
	MaxAge Duration `yaml:"max_age"`
	// Which negative rows are kept: all; those that an outcome proves seen (impression
	// says which outcome); or those that are not below the last positive position.
	//
	// Default: a row that is left out cannot be had again without a replay.
	Negatives Negatives `yaml:"negatives"`
	// The condition over one outcome which proves that a row was seen, for negatives:
	// seen.
	//
	// Default: none. With negatives: seen it is required.
	Impression string `yaml:"impression"`
	// The share of requests whose negative rows are kept. The rows that are kept have the
	// weight 1/share. It is above 0 and at most 1, which keeps all.
	//
	// Default: a row that is left out cannot be had again without a replay.
	SampleNegatives float64 `yaml:"sample_negatives"`
	// The hash of the request id that decides which negatives are kept: sha256, which every
	// SQL engine can compute, or fnv1a, the only one of older versions.
	//
	// Default: an output that was begun by an older version goes on with the same sample.
	SampleHash SampleHash `yaml:"sample_hash"`
	// Which requests have the outcomes that name none, as feedback does that knows a user, a
	// session or an item. Without this block, an outcome without a request_id is rejected.
	Attribute *Attribute `yaml:"attribute"` // nil: none
}

// Attribute is the block `join.attribute`.
type Attribute struct {
	// Which of the requests that match have the outcome: the last one before it, the first
	// one, or all of them. With even they share it equally, and with position the first and
	// the last have 40 % each and those between share the rest: then `count` and `sum` count
	// shares, and count is a column of doubles.
	//
	// Default: who clicks means what was shown last.
	To AttributeTo `yaml:"to"`
	// What has to be equal: fields of the request (user_id, model, model_version or
	// features.NAME), each with a field of the outcome (attrs.NAME). `item: item_id` asks
	// that the request listed the item. As in `{user_id: attrs.user, item: item_id}`.
	// An attribute that is a number from 2^53 on equals nothing: send large numbers as text.
	//
	// Default: none. It is required.
	By map[string]string `yaml:"by"`
	// How long before the outcome a request may be stamped, both ends included. From 1ns to
	// the longest window of all labels.
	//
	// Default: the longest window. What comes later than that labels nothing.
	Within Duration `yaml:"within"`
}

// UnmarshalYAML reads the block inside another document, a test file for one.
// What is not given is default. It implements yaml.NodeUnmarshaler.
func (j *Join) UnmarshalYAML(n ast.Node) error {
	*j = Default().Join
	return readBlock(n, "join", j)
}

// JoinOutcomes is the block `join.outcomes`.
type JoinOutcomes struct {
	// What two outcomes of a request are that have one outcome_id. With first, they are copies
	// of one, and the earliest counts. With last, a later one edits the one before it: for each
	// label the last one counts that is stamped within its window, and one without a value takes
	// back one that has a value.
	//
	// Default: an id that comes twice is usually a producer that tried again.
	SameID SameID `yaml:"same_id"`
}

// Features is the block `features`: the columns that requests' features become.
type Features struct {
	// The text between the names of nested objects: with _, {"geo": {"lat": 1}} becomes
	// the column geo_lat. It has one to eight of the characters _ . - / :
	//
	// Default: it needs no quotes in SQL.
	Separator string `yaml:"separator"`
	// Which columns features have. With evolve, every new feature gets one, with the type
	// of its first value; with declared, those in features.declare only; with frozen, those
	// that the output has, too. What has no column is left out and counted.
	//
	// Default: nothing that comes is lost. A column stays what it is once it is there.
	Mode FeaturesMode `yaml:"mode"`
	// The type of a feature's column, by the flattened name of the feature; features of
	// items have item_ before their name. A value that does not fit is null and is
	// counted. A column of strings takes what is no string as its JSON text, and one of
	// json everything so.
	//
	// Default: a column has the type of the first value that comes for it, and numbers are
	// double. Declare int64 for ids, float32 for embeddings and scores, to halve their size,
	// and json for what has no one type.
	Declare map[string]FeatureType `yaml:"declare"`
}

// UnmarshalYAML reads the block inside another document. It implements
// yaml.NodeUnmarshaler.
func (f *Features) UnmarshalYAML(n ast.Node) error {
	*f = Default().Features
	return readBlock(n, "features", f)
}

// readBlock reads one block of a document that another reader parsed.
func readBlock(n ast.Node, path string, into any) error {
	r := newReader("", nil)
	r.value(n, path, into)
	if len(r.problems) > 0 {
		return r.source.fail(r.problems)
	}
	return nil
}

// Longest is the longest window of any label: a request closes when it ends.
func (c *Config) Longest() time.Duration {
	var longest Duration
	for _, l := range c.Labels {
		longest = max(longest, l.Window)
	}
	return time.Duration(longest)
}

// Stages are the windows, and the ages at which labels are provisional, from the shortest on, at
// whose ends rows are written before their requests close: none while a row waits for a label with
// the longest window, and else those that are not shorter than what rows wait for.
func (c *Config) Stages() []time.Duration {
	_, waits := c.awaited()
	var stages []time.Duration
	longest := c.Longest()
	for i := range c.Labels {
		for _, w := range [...]Duration{c.Labels[i].Window, c.Labels[i].Provisional} {
			if w := w.Std(); 0 < w && waits <= w && w < longest && !slices.Contains(stages, w) {
				stages = append(stages, w)
			}
		}
	}
	slices.Sort(stages)
	return stages
}

// awaited is the label that rows wait for longest, and how long: its window or, if it is
// provisional before, until then. It is nil if rows wait for none.
func (c *Config) awaited() (last *Label, waits time.Duration) {
	for i := range c.Labels {
		l := &c.Labels[i]
		if c.each(l) {
			continue
		}
		until := l.Window
		if l.Provisional > 0 {
			until = l.Provisional
		}
		if last == nil || until.Std() > waits {
			last, waits = l, until.Std()
		}
	}
	return last, waits
}

// each reports whether rows are written without a label that is not final.
func (c *Config) each(l *Label) bool {
	if l.Emit == "" {
		return c.Join.Emit == EmitEach
	}
	return l.Emit == LabelEmitEach
}

// Retention is how long beyond its close a request is remembered.
func (c *Config) Retention() time.Duration {
	return max(time.Duration(c.Join.Corrections), c.Longest()+time.Duration(c.Join.ClockSkew))
}
