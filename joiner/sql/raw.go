package sql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
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
	RequestUnit, OutcomeUnit      int64  // of times that are numbers, in nanoseconds
	Line                          string // a regular expression of lines that are plain, without a single quote
	MaxBytes, MaxDepth, MaxID     int
}

// PlanFeature is a declared feature.
type PlanFeature struct {
	Column string // its name, quoted
	Text   string // the column, as a literal
	Path   string // a JSON Pointer to the value, as a literal
	Type   string // as configurations name it
	At     string // the value, as JSON
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

// Where the values of declared features and of attributes stand, behind the fields of events that the templates name.
// Features that conditions look at stand behind declared ones.
const (
	requestFields = 9
	itemFields    = 4
	outcomeFields = 8
)

// rawRefusals are about what a query cannot read from lines.
func rawRefusals(d *Definition, dialect Dialect) error {
	switch raw := d.Raw; {
	case raw == nil:
		return nil
	case dialect != DialectDuckDB:
		return &RefusedError{"a table of raw lines", "the query for " + dialect.String() +
			" reads archives: use `labeljoin archive`"}
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

// raw plans how lines are read. The attributes are told where their values stand.
func (p *Plan) raw(raw *Raw) {
	if raw == nil {
		return
	}
	r := &PlanRaw{
		RequestUnit: unitOf(raw.Units[events.KindRequest]), OutcomeUnit: unitOf(raw.Units[events.KindOutcome]),
		Line: plainLine(min(raw.MaxDepth, rawDepth)), MaxBytes: raw.MaxBytes, MaxDepth: min(raw.MaxDepth,
			rawDepth), MaxID: events.MaxID,
	}
	features := slices.Clone(raw.Features)
	slices.SortFunc(features, func(a, b RawFeature) int { return strings.Compare(a.Column, b.Column) })
	for _, f := range features {
		name, ofItem := strings.CutPrefix(f.Column, itemPrefix)
		list, names, at := &r.RequestFeatures, &r.RequestNames, element("f", requestFields+len(r.RequestFeatures))
		path := pointer([]string{"features", name})
		if ofItem {
			list, names, at = &r.ItemFeatures, &r.ItemNames, element("g", itemFields+len(r.ItemFeatures))
		}
		*list = append(*list, PlanFeature{
			Column: p.dialect.name(f.Column), Text: p.dialect.text(f.Column), Path: p.dialect.text(path), Type: f.Type, At: at,
		})
		names.add(p.dialect, name)
	}
	inRequest, inItem := requestFields+len(r.RequestFeatures), itemFields+len(r.ItemFeatures)
	for i := range p.Kept {
		if k := &p.Kept[i]; k.OfItem {
			k.At = element("g", inItem)
			inItem++
		} else {
			k.At = element("f", inRequest)
			inRequest++
		}
	}
	for i := range p.Attributes {
		p.Attributes[i].At = element("f", outcomeFields+i)
	}
	p.Raw = r
}

func (n *PlanNames) add(d Dialect, name string) {
	if n.Exact != "" {
		n.Exact, n.Lower = n.Exact+", ", n.Lower+", "
	}
	n.Exact, n.Lower = n.Exact+d.text(name), n.Lower+d.text(events.ColumnKey(name))
}

// element is the i-th element of a list in DuckDB, from 0.
func element(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i+1) }

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

// plainLine is a regular expression of lines that may be an object of strict JSON, at most depth objects and lists in
// each other. With a reader of JSON that allows more than RFC 8259 it makes one that does not: no comma before a
// bracket, no comment, no NaN, no other quotes. It also leaves out -0 as a whole number, which readers take
// differently. Nothing in it goes back, so that it takes linear time in RE2.
func plainLine(depth int) string {
	const (
		escape = `\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})`
		text   = `"(?:[^"\\\x00-\x1f]|` + escape + `)*"`
		number = `(?:-?[1-9][0-9]*|0)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|-0\.[0-9]+(?:[eE][-+]?[0-9]+)?`
		space  = `[ \t\r]*`
		scalar = text + `|` + number + `|true|false|null`
	)
	value := scalar
	for range depth - 1 {
		value = scalar + `|[{\[]` + space + `(?:,?` + space + `(?:` + value + `)` + space + `:?` + space + `)*[}\]]`
	}
	return `\{` + space + `(?:,?` + space + `(?:` + value + `)` + space + `:?` + space + `)*\}`
}
