package sql

import (
	"fmt"
	"math"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// Definition is what a configuration says about rows, with the conditions as they are
// written: SQL cannot be made of compiled ones.
type Definition struct {
	Name       string // of the configuration, for the first line
	Rules      joiner.Rules
	When       []string     // the condition of each label of Rules
	Texts      []LabelTexts // the other expressions of each label of Rules; nil: none has any
	Impression string       // the condition that Rules.Impression is
	Limit      int          // of different outcomes of one id; 0: there is none
	// Complete says that nothing is missing after the end of the logs.
	Complete bool
	// Requests and Outcomes are the tables that `labeljoin archive` wrote, as they are
	// named behind FROM. They become part of the query as they are.
	Requests, Outcomes string
	// Raw says that these tables have one column, of lines of JSON; nil: they are archives.
	Raw *Raw
	// Create makes a table or a view of the rows; its zero value only selects them.
	Create Create
}

// Create says what is made of the query's rows.
type Create struct {
	Kind CreateKind
	Name string // it becomes part of the query as it is
}

// CreateKind is what a query makes.
type CreateKind uint8

// What a query makes.
const (
	CreateNothing CreateKind = iota
	CreateTable
	CreateView
)

func (c *Create) sql() string {
	switch c.Kind {
	case CreateTable:
		return "CREATE TABLE " + c.Name + " AS"
	case CreateView:
		return "CREATE OR REPLACE VIEW " + c.Name + " AS"
	}
	return ""
}

// mostReach keeps what a query calculates with times within 64 bits.
const mostReach = math.MaxInt64 / 4

// refusals are about the join as a whole, and about all of a label but its condition.
func refusals(d *Definition) error {
	for i := range d.Rules.Labels {
		l := &d.Rules.Labels[i]
		if err := onlyKnown("label "+l.Name, *l, knownLabel); err != nil {
			return err
		}
		if aggregateName(l.Agg) == "" {
			return &RefusedError{"label " + l.Name, fmt.Sprintf("the query does not know aggregate %d", l.Agg)}
		}
	}
	if err := onlyKnown("the join", d.Rules, knownRules); err != nil {
		return err
	}
	if d.Rules.Merge {
		return &RefusedError{"duplicates: merge", "each field of a request may come from another event"}
	}
	if negativesName(d.Rules.Negatives) == "" {
		return &RefusedError{"join.negatives", fmt.Sprintf("the query does not know policy %d", d.Rules.Negatives)}
	}
	if h := d.Rules.SampleHash; h != joiner.SampleFNV1a && h != joiner.SampleSHA256 {
		return &RefusedError{"join.sample_hash", fmt.Sprintf("the query does not know hash %d", h)}
	}
	if len(d.When) != len(d.Rules.Labels) {
		return fmt.Errorf("there are %d conditions for %d labels: this is a defect of labeljoin", len(d.When),
			len(d.Rules.Labels))
	}
	if r := reach(&d.Rules); r > mostReach {
		return &RefusedError{"the longest window", "requests are remembered for more than 70 years"}
	}
	return nil
}

// negativesName is what templates call a policy; empty if they do not know it.
func negativesName(n joiner.Negatives) string {
	switch n {
	case joiner.NegativesAll:
		return "all"
	case joiner.NegativesSeen:
		return "seen"
	case joiner.NegativesAboveLastPositive:
		return "above_last_positive"
	}
	return ""
}

// aggregateName is what templates call an aggregate; empty if they do not know it.
func aggregateName(a joiner.Agg) string {
	switch a {
	case joiner.AggAny:
		return "any"
	case joiner.AggCount:
		return "count"
	case joiner.AggSum:
		return "sum"
	case joiner.AggMean:
		return "mean"
	case joiner.AggMax:
		return "max"
	case joiner.AggMin:
		return "min"
	case joiner.AggFirst:
		return "first"
	case joiner.AggLast:
		return "last"
	case joiner.AggLatency:
		return "latency"
	}
	return ""
}

// reach is how far apart the events of one request may be stamped, in nanoseconds.
func reach(r *joiner.Rules) int64 {
	_, to := r.Reach(events.Time(0))
	return int64(to)
}

// attribute is a path into attrs that some condition reads.
type attribute struct {
	path []string
	name string // what its columns begin with
}

// pointer is the path of an attribute as a JSON Pointer (RFC 6901), which is what
// archives call it.
func pointer(path []string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, name := range path {
		b.WriteByte('/')
		b.WriteString(escape.Replace(name))
	}
	return b.String()
}
