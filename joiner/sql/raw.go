package sql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/rule"
)

// Raw says how a query reads lines of JSON, which no archive has decoded.
type Raw struct {
	Units    [events.Kinds]events.Unit // of times that are numbers
	MaxBytes int                       // of an event
	MaxDepth int                       // of objects and lists in each other
	Features []RawFeature              // that have columns
	Open     bool                      // features that are not among them have columns, too
	Renamed  bool                      // features have other columns than their names say
}

// RawFeature is a feature that is declared: its column, and the type of that as configurations name it.
type RawFeature struct{ Column, Type string }

// PlanRaw is how a plan reads lines of JSON.
type PlanRaw struct {
	RequestFeatures, ItemFeatures []PlanFeature
	RequestNames, ItemNames       PlanNames
	// The names that lead to the values which the query asks for. At the begin are those that the template counts.
	RequestPaths, ItemPaths, OutcomePaths [][]string
	RequestUnit, OutcomeUnit              int64  // of times that are numbers, in nanoseconds
	Line                                  string // a regular expression that a plain line is as a whole
	MaxBytes, MaxDepth, MaxID             int
}

// PlanFeature is a declared feature.
type PlanFeature struct {
	Column string // its name, quoted
	Name   string // what its value is called before it has that name
	Text   string // the column, as a literal
	Type   string // as configurations name it
	At     string // where its value stands in the query
}

// PlanNames are the names of declared features, as literals with commas between them: as they are, and in
// lower case. Both are empty where none is declared.
type PlanNames struct{ Exact, Lower string }

// rawDepth is how deep the objects and lists of a plain line may be nested: the pattern of such lines grows with it.
const rawDepth = 8

// The names with which columns of features begin that are not called like their features.
const (
	itemPrefix    = "item_"
	otherPrefix   = "feature_"
	archivePrefix = "labeljoin_"
)

// rawRefusals are about what a query cannot read from lines.
func rawRefusals(d *Definition) error {
	switch raw := d.Raw; {
	case raw == nil:
		return nil
	case raw.Open:
		return &RefusedError{"features.mode",
			"the columns of a query over raw lines are known before its rows: set it to declared, " +
				"with the features in features.declare, or use `labeljoin archive`"}
	case raw.Renamed:
		return &RefusedError{"output.rename",
			"in a query over raw lines features have the columns that they are named like: " +
				"use `labeljoin archive`"}
	case d.Rules.SampleRate > 0 && d.Rules.SampleHash != joiner.SampleSHA256:
		return &RefusedError{"join.sample_hash",
			"a query over raw lines computes sha256 only: set it to that, which leaves out other " +
				"requests, or use `labeljoin archive`"}
	}
	for _, f := range d.Raw.Features {
		what, lower := "features.declare."+f.Column, events.ColumnKey(f.Column)
		switch rest := strings.TrimPrefix(lower, itemPrefix); {
		case f.Type == "json":
			return &RefusedError{what,
				"the text of its values is not kept where a query reads raw lines: use `labeljoin archive`"}
		case strings.HasPrefix(rest, otherPrefix):
			return &RefusedError{what, "it may be the column of a feature whose own name is taken: use `labeljoin archive`"}
		case strings.HasPrefix(lower, archivePrefix) || strings.ContainsAny(f.Column, "~/\"\\'"):
			return &RefusedError{what, "the query has no place for that name: use `labeljoin archive`"}
		}
	}
	return nil
}

// raw plans how lines are read. What conditions look at is told where its values stand.
func (p *Plan) raw(raw *Raw, t *translator) {
	if raw == nil {
		return
	}
	depth := min(raw.MaxDepth, rawDepth)
	r := &PlanRaw{
		RequestUnit: unitOf(raw.Units[events.KindRequest]), OutcomeUnit: unitOf(raw.Units[events.KindOutcome]),
		Line: plainLine(depth, p.dialect), MaxBytes: raw.MaxBytes, MaxDepth: depth, MaxID: events.MaxID,
		RequestPaths: names("request_id", "ts", "heartbeat", "model", "model_version", "user_id", "score", "features",
			"items"),
		ItemPaths:    names("item_id", "position", "score", "features"),
		OutcomePaths: names("request_id", "ts", "heartbeat", "outcome_id", "type", "item_id", "value", "attrs"),
	}
	features := slices.Clone(raw.Features)
	slices.SortFunc(features, func(a, b RawFeature) int { return strings.Compare(a.Column, b.Column) })
	for _, f := range features {
		name, ofItem := strings.CutPrefix(f.Column, itemPrefix)
		of, list, names := "request", &r.RequestFeatures, &r.RequestNames
		if ofItem {
			of, list, names = "item", &r.ItemFeatures, &r.ItemNames
		}
		*list = append(*list, PlanFeature{
			Column: p.dialect.name(f.Column), Name: fmt.Sprintf("%s_value_%d", of, len(*list)+1),
			Text: p.dialect.text(f.Column), Type: f.Type,
			At: p.feature(r, rule.Feature{OfItem: ofItem, Name: name}),
		})
		names.add(p.dialect, name)
	}
	for i, f := range t.features {
		p.Kept[i].At = p.feature(r, f)
	}
	for i, a := range t.attributes {
		p.Attributes[i].At = p.dialect.asked("f", &r.OutcomePaths, append([]string{"attrs"}, a.path...))
	}
	p.Raw = r
}

// names are paths of one name each.
func names(of ...string) (paths [][]string) {
	for _, name := range of {
		paths = append(paths, []string{name})
	}
	return paths
}

// feature has the query ask for a feature.
func (p *Plan) feature(r *PlanRaw, f rule.Feature) string {
	path := []string{"features", f.Name}
	if f.OfItem {
		return p.dialect.asked("g", &r.ItemPaths, path)
	}
	return p.dialect.asked("f", &r.RequestPaths, path)
}

// asked has the query ask for the value at a path, and says where it stands.
func (d Dialect) asked(list string, paths *[][]string, path []string) string {
	*paths = append(*paths, path)
	return d.element(list, len(*paths))
}

func (n *PlanNames) add(d Dialect, name string) {
	if n.Exact != "" {
		n.Exact, n.Lower = n.Exact+", ", n.Lower+", "
	}
	n.Exact, n.Lower = n.Exact+d.text(name), n.Lower+d.text(events.ColumnKey(name))
}

// element is the i-th element of a list, from 1.
func (d Dialect) element(list string, i int) string {
	if d == DialectSpark {
		i--
	}
	return fmt.Sprintf("%s[%d]", list, i)
}

func unitOf(u events.Unit) int64 {
	switch u {
	case events.UnitS:
		return 1e9
	case events.UnitUS:
		return 1e3
	case events.UnitNS:
		return 1
	}
	return 1e6
}
