package sql

import (
	"fmt"
	"strings"
	"text/template"
)

// rawSQL is how a dialect asks for what is in lines of JSON. Arguments and results are SQL. An x is a value that the
// query asked for, see fields: nothing, or a JSON value, which may be null.
type rawSQL interface {
	// plain is a line as JSON; NULL where it is not strict JSON.
	plain(line string) string
	// fields is the list of the values at some paths of an object.
	fields(object string, paths [][]string) string
	// kind is the kind of x, as archives call it.
	kind(x string) string
	// is reports whether x is of a kind: the type of a declared feature; or text (which a whole number from 0 is, too),
	// number, list or object; or whole, a number without point and exponent. It may be NULL where it is not.
	is(kind, x string) string
	// value is x as a value of a kind; NULL where it is of another one.
	value(kind, x string) string
	// sqlType is the type of a column for values of a kind.
	sqlType(kind string) string
	// text is a text, or the digits of a whole number from 0; NULL where x is neither.
	text(x string) string
	// size is the number of bytes of a text.
	size(text string) string
	// time is x as a time in nanoseconds; NULL where it is not plainly written. A number counts units of so many.
	time(x string, unit int64) string
	// nested reports whether x is a list that has lists or objects.
	nested(x string) string
	// exact is x as an archive keeps a feature that a condition looks at: a letter for its kind, a colon and the value.
	exact(x string) string
	// holdsObject reports whether a member of the object x is an object.
	holdsObject(x string) string
	// otherName reports whether a name in the object x is not one that is called k in a condition.
	otherName(x, condition string) string
	// printable reports whether k has from 1 to so many characters, which are printable ASCII.
	printable(most int) string
	// more are the functions of the template that differ by their notation alone.
	more() template.FuncMap
}

// rawFuncs are the functions of the template that reads lines of JSON.
func rawFuncs(p *Plan) template.FuncMap {
	var s rawSQL = rawDuckDB{p}
	if p.dialect == DialectSpark {
		s = rawSpark{p}
	}
	maybe := func(kind, x string) string {
		return "(" + s.is("null", x) + " OR coalesce(" + s.is(kind, x) + ", false))"
	}
	fits := func(x string) string { return "coalesce(" + s.is("finite", x) + ", true)" }
	funcs := template.FuncMap{
		"at":     p.dialect.element,
		"name":   p.dialect.name,
		"plain":  s.plain,
		"fields": s.fields,
		"kind":   s.kind,
		"is":     s.is,
		"given":  func(x string) string { return "(NOT " + s.is("null", x) + ")" },
		"maybe":  maybe, // it is not given or null, or of a kind
		"text":   s.text,
		"id": func(x string) string { // it is a text of some bytes, or a whole number
			return fmt.Sprintf("coalesce(%s AND %s BETWEEN 1 AND %d, false)", s.is("text", x), s.size(s.text(x)), p.Raw.MaxID)
		},
		"size":    s.size,
		"time":    s.time,
		"value":   s.value,
		"null":    func(kind string) string { return "CAST(NULL AS " + s.sqlType(kind) + ")" },
		"fits":    fits, // a double holds it, if it is a number
		"holds":   func(x string) string { return "(" + fits(x) + " AND NOT coalesce(" + s.nested(x) + ", false))" },
		"texts":   func(of []PlanKept) string { return listOf(p, of, func(k PlanKept) string { return k.Key }) },
		"exactly": func(of []PlanKept) string { return listOf(p, of, func(k PlanKept) string { return s.exact(k.At) }) },
		"plainFeatures": func(x string, names PlanNames) string {
			condition := s.printable(mostName)
			if names.Exact != "" {
				condition = fmt.Sprintf("k IN (%s) OR %s AND lower(k) NOT IN (%s)", names.Exact, condition, names.Lower)
			}
			return fmt.Sprintf(`WHEN NOT %s THEN 'features is no object'
      WHEN %s THEN 'features hold an object, whose members have columns of their own'
      WHEN %s THEN 'a feature has a name that is not plain, or that differs from a declared one in case only'`,
				maybe("object", x), s.holdsObject(x), s.otherName(x, condition))
		},
	}
	for name, f := range s.more() {
		funcs[name] = f
	}
	return funcs
}

// mostName is how many characters the name of a feature may have that is not declared: with one that is longer, an
// event may be rejected.
const mostName = 200

// listOf is a list of texts that are made of the features that conditions look at.
func listOf(p *Plan, of []PlanKept, text func(PlanKept) string) string {
	var texts []string
	for _, k := range of {
		texts = append(texts, text(k))
	}
	if p.dialect == DialectSpark {
		return "CAST(array(" + strings.Join(texts, ", ") + ") AS ARRAY<STRING>)"
	}
	return "CAST([" + strings.Join(texts, ", ") + "] AS VARCHAR[])"
}
