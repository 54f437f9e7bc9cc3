package sql

import (
	"embed"
	"fmt"
	"math"
	"slices"
	"strings"
	"text/template"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

//go:embed duckdb.sql.tmpl spark.sql.tmpl raw.sql.tmpl
var templates embed.FS

// mostCopies is how many different events of one id a query takes.
const mostCopies = joiner.MaxCopies

// Plan is a join that a dialect can say. Its exported fields are what the dialect's
// template is filled with: names, literals and expressions are SQL already, durations
// are nanoseconds.
type Plan struct {
	Title              string   // for a comment
	Create             string   // what stands before the query; may be empty
	Requests, Outcomes string   // tables, or what stands for them
	Raw                *PlanRaw // they hold lines of JSON; nil: what an archive holds
	PerRequest         bool     // rows: request
	Edits              bool     // an outcome replaces those before it that have its id
	Complete           bool
	Skew               int64 // how long before its request an outcome may be stamped
	Longest            int64 // the longest window
	Reach              int64 // how far apart the events of one request may be stamped
	Limit, Copies      int   // of different outcomes, and of different request events
	Attributes         []PlanAttribute
	Labels             []PlanLabel
	RowFields          []PlanField // of requests and items, that some condition looks at
	Kept               []PlanKept  // features that some condition looks at
	Impression         string      // a condition; empty: none is asked
	Negatives          string      // all, seen or above_last_positive
	SampleRate, Weight string      // literals; empty: there is no sampling
	SampleSHA256       bool        // the share of an id is computed, and not the archive's
	Least, Most        int64       // the bounds of the times that a query calculates with

	dialect Dialect
}

// PlanAttribute is an attribute of outcomes that some condition reads.
type PlanAttribute struct {
	Name    string // what its columns begin with
	Key     string // its JSON Pointer, as a literal
	Comment string
	At      string // where its value stands, of raw lines
}

// PlanLabel is a label.
type PlanLabel struct {
	Column, TS            string // names of the columns that rows have
	Found, FoundTS        string // names of what was found for them, before the end of the log and gaps count
	Qualifies             string // the name of whether an outcome counts
	Counted               string // the name of the number of values, for a mean
	Value                 string // the name of the outcome's value: its own, or what Number is
	Number, NumberComment string // an expression; empty: the value is the outcome's own
	Until, UntilComment   string // a condition of what ends the window; empty: nothing does
	Ends                  string // the name of the time at which it ends
	Columns               []PlanColumn
	Agg                   string
	Certain               bool // it is 1 for good once it is 1
	From, Window          int64
	When                  string // a condition
	Gap                   string // on the time of the request (r.labeljoin_ts): a gap touches the window; empty: none
	Comment               string
}

// PlanColumn is what a label keeps of the outcome that decided it.
type PlanColumn struct {
	Name       string // of the column
	Kept       string // the name of what an outcome has for it
	Expression string
	Comment    string
}

// PlanField is something of a request or an item, as a column.
type PlanField struct{ Column, Name string }

// NewPlan says a definition in a dialect. The error is a *RefusedError, or says that a
// condition is none.
func NewPlan(def Definition, dialect Dialect) (*Plan, error) {
	if err := refusals(&def); err != nil {
		return nil, err
	}
	if err := rawRefusals(&def); err != nil {
		return nil, err
	}
	r := &def.Rules
	p := &Plan{
		Title:    comment(def.Name),
		Requests: def.Requests, Outcomes: def.Outcomes,
		PerRequest: r.PerRequest, Edits: r.SameID == joiner.SameLast, Complete: def.Complete,
		Skew: int64(r.ClockSkew), Longest: int64(r.Longest()), Reach: reach(r), Limit: def.Limit, Copies: mostCopies,
		Negatives: negativesName(r.Negatives), Least: -1 << 62, Most: 1 << 62,
		dialect: dialect,
	}
	if p.Limit <= 0 {
		p.Limit = math.MaxInt32
	}
	if r.SampleRate > 0 {
		p.SampleRate, p.Weight = dialect.number(r.SampleRate), dialect.number(1/r.SampleRate)
		p.SampleSHA256 = r.SampleHash == joiner.SampleSHA256
	}
	p.Create = def.Create.sql()
	t := translator{dialect: dialect, perRequest: r.PerRequest}
	for i := range r.Labels {
		label, err := t.label(&def, i)
		if err != nil {
			return nil, err
		}
		p.Labels = append(p.Labels, label)
	}
	if r.Negatives == joiner.NegativesSeen {
		var err error
		if p.Impression, err = t.condition("join.impression", def.Impression); err != nil {
			return nil, err
		}
	}
	for _, a := range t.attributes {
		p.Attributes = append(p.Attributes, PlanAttribute{
			Name: a.name, Key: dialect.text(pointer(a.path)), Comment: comment("attrs." + strings.Join(a.path, ".")),
		})
	}
	p.RowFields = t.fields
	p.kept(t.features)
	p.raw(def.Raw, &t)
	return p, nil
}

// Ends reports whether an outcome may end the window of a label.
func (p *Plan) Ends() bool {
	return slices.ContainsFunc(p.Labels, func(l PlanLabel) bool { return l.Until != "" })
}

// gapsOf says when a declared gap touches the window of a label, whose request is stamped
// r.labeljoin_ts.
func gapsOf(r *joiner.Rules, l *joiner.Label) string {
	touched := never
	from := -int64(r.ClockSkew)
	if l.From > 0 {
		from = int64(l.From)
	}
	for i := range r.Gaps {
		g := &r.Gaps[i]
		if !g.Kinds[events.KindOutcome] || g.Quiet {
			continue
		}
		in := "("
		if g.Until != 0 {
			in = fmt.Sprintf("(r.labeljoin_ts < %d AND ", int64(g.Until))
		}
		in += "r.labeljoin_ts >= %d AND r.labeljoin_ts + %d <= %d AND r.labeljoin_ts + %d >= %d)"
		touched = or(touched, truth(fmt.Sprintf(in, int64(g.Since), from, int64(g.To), int64(l.Window), int64(g.From))))
	}
	if touched == never {
		return ""
	}
	return string(touched)
}

// Gaps reports whether a declared gap may touch a label.
func (p *Plan) Gaps() bool {
	return slices.ContainsFunc(p.Labels, func(l PlanLabel) bool { return l.Gap != "" })
}

// Query is the whole query, with comments.
func (p *Plan) Query() (string, error) {
	name := "duckdb.sql.tmpl"
	if p.dialect == DialectSpark {
		name = "spark.sql.tmpl"
	}
	t, err := template.New(name).Funcs(rawFuncs(p)).ParseFS(templates, "*.sql.tmpl")
	if err != nil {
		return "", fmt.Errorf("the template for %s: %w", p.dialect, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		return "", fmt.Errorf("the template for %s: %w", p.dialect, err)
	}
	return b.String(), nil
}
