package sql

import (
	"fmt"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/rule"
)

// label makes SQL of a label.
func (t *translator) label(def *Definition, i int) (p PlanLabel, err error) {
	l, texts, what := &def.Rules.Labels[i], def.textsOf(i), "label "+def.Rules.Labels[i].Name
	p = PlanLabel{
		Column: t.dialect.name(l.Name), TS: t.dialect.name(l.Name + "_ts"),
		Found: t.dialect.inner("label", l.Name), FoundTS: t.dialect.inner("time", l.Name),
		Qualifies: t.dialect.inner("counts", l.Name), Counted: t.dialect.inner("number", l.Name),
		Value: t.dialect.name("value"), Ends: t.dialect.inner("end", l.Name), Agg: aggregateName(l.Agg), From: int64(l.From),
		Window: int64(l.Window), Gap: gapsOf(&def.Rules, l), Comment: comment(l.Name + ": " + def.When[i]),
		Certain: l.Agg == joiner.AggAny && def.Rules.SameID == joiner.SameFirst && l.Until == nil,
	}
	if err := texts.fit(what, l); err != nil {
		return p, err
	}
	t.looked = false
	if p.When, err = t.condition(what, def.When[i]); err != nil {
		return p, err
	}
	if t.looked != (l.InRow != nil) {
		return p, notTheText(what, "the condition")
	}
	if l.Until != nil {
		p.UntilComment = comment(l.Name + " ends: " + texts.Until)
		if p.Until, err = t.condition(what+", until", texts.Until); err != nil {
			return p, err
		}
	}
	if l.Number != nil {
		p.Value, p.NumberComment = t.dialect.inner("value", l.Name), comment(l.Name+": the value is "+texts.Number)
		if p.Number, err = t.number(what+", value", texts.Number); err != nil {
			return p, err
		}
	}
	for j, c := range l.Columns {
		column := PlanColumn{Name: t.dialect.name(c.Name), Kept: t.dialect.inner("kept", c.Name),
			Comment: comment(c.Name + ": " + texts.Columns[j])}
		if column.Expression, err = t.column(what+", column "+c.Name, texts.Columns[j], c.Kind); err != nil {
			return p, err
		}
		p.Columns = append(p.Columns, column)
	}
	return p, nil
}

// LabelTexts are the expressions of a label besides its condition, as they are written. What the label
// does not have is empty.
type LabelTexts struct {
	Number  string   // of joiner.Label.Number, without the aggregate
	Until   string   // of joiner.Label.Until
	Columns []string // of joiner.Label.Columns
}

func (d *Definition) textsOf(i int) LabelTexts {
	if i < len(d.Texts) {
		return d.Texts[i]
	}
	return LabelTexts{}
}

// fit looks whether there is a text for what a label has, and no other.
func (t *LabelTexts) fit(what string, l *joiner.Label) error {
	switch {
	case (l.Number != nil) != (t.Number != ""):
		return notTheText(what, "the value")
	case (l.Until != nil) != (t.Until != ""):
		return notTheText(what, "until")
	case len(l.Columns) != len(t.Columns):
		return notTheText(what, "the columns")
	}
	return nil
}

// notTheText refuses a rule whose text is not given: this is a defect of the caller.
func notTheText(what, of string) error {
	return &RefusedError{What: what, Reason: "the text of " + of + " is not that of the rule"}
}

// finite bounds a number: what is not a number or infinite is none.
func (d Dialect) finite(x string) truth {
	return truth("coalesce(abs(" + x + ") <= " + d.number(mostFloat) + ", false)")
}

const mostFloat = 0x1p1023 * (1 + (1 - 0x1p-52))

// number makes SQL of an expression that gives the value of an outcome: a double, NULL where there is none.
func (t *translator) number(what, source string) (string, error) {
	o, err := t.value(what, source)
	if err != nil {
		return "", err
	}
	when := ""
	if isNumber := and(o.ok, o.is(kindNumber)); isNumber != never {
		when += fmt.Sprintf(" WHEN %s THEN %s", and(isNumber, t.dialect.finite(o.number)), o.number)
	}
	if isBool := and(o.ok, o.is(kindBool)); isBool != never {
		when += fmt.Sprintf(" WHEN %s THEN CASE WHEN %s THEN %s ELSE %s END", isBool, o.truth, t.dialect.number(1),
			t.dialect.number(0))
	}
	return caseOf(when, t.dialect.null(events.ValueDouble)), nil
}

// column makes SQL of what a label keeps: a value of the kind, NULL where there is none.
func (t *translator) column(what, source string, kind events.ValueKind) (string, error) {
	o, err := t.value(what, source)
	if err != nil {
		return "", err
	}
	holds, value := and(o.ok, o.is(kindNumber)), o.number
	switch kind {
	case events.ValueString:
		holds, value = and(o.ok, o.is(kindText)), o.text
	case events.ValueBool:
		holds, value = and(o.ok, o.is(kindBool)), string(o.truth)
	default:
		if holds != never {
			holds = and(holds, t.dialect.finite(o.number))
		}
	}
	when := ""
	if holds != never {
		when = fmt.Sprintf(" WHEN %s THEN %s", holds, value)
	}
	return caseOf(when, t.dialect.null(kind)), nil
}

func caseOf(when, null string) string {
	if when == "" {
		return null
	}
	return "CASE" + when + " ELSE " + null + " END"
}

// null is NULL of the type that holds a kind of values.
func (d Dialect) null(kind events.ValueKind) string {
	switch kind {
	case events.ValueString:
		return d.nullText()
	case events.ValueBool:
		return "CAST(NULL AS BOOLEAN)"
	}
	return "CAST(NULL AS DOUBLE)"
}

// Names of what expressions see of a row, in the pairs of rows and outcomes.
const (
	rowModel        = "row_model"
	rowModelVersion = "row_model_version"
	rowUserID       = "row_user_id"
	rowItemID       = "row_item_id"
	rowPosition     = "row_position"
	rowScore        = "row_score"
)

// inRow is something of the request or the item of the row.
func (t *translator) inRow(of string, path []string) operand {
	t.looked = true
	if len(path) == 0 {
		return t.refuse("%s is used as a whole; name one of its fields", of)
	}
	if of == "item" && t.perRequest {
		return t.refuse("with rows: request the rows have no items")
	}
	if path[0] == "features" {
		switch len(path) {
		case 1:
			return t.refuse("%s.features is used as a whole; name one of its features", of)
		case 2:
			return t.feature(rule.Feature{OfItem: of == "item", Name: path[1]})
		}
		return t.refuse("it looks into the feature %s: an object in features is several features, and %s_%s may be the name of one",
			path[1], path[1], path[2])
	}
	switch of + "." + path[0] {
	case "request.request_id":
		return textOf("request_id")
	case "request.model":
		return t.rowText("model", rowModel)
	case "request.model_version":
		return t.rowText("model_version", rowModelVersion)
	case "request.user_id":
		return t.rowText("user_id", rowUserID)
	case "item.item_id":
		return t.rowText("item_id", rowItemID)
	case "item.position":
		at := t.field("CASE WHEN labeljoin_index >= 0 THEN CAST(coalesce("+t.dialect.name("position")+
			", labeljoin_index) AS DOUBLE) END", rowPosition)
		return operand{kind: kindNumber, ok: always, number: at, nan: true}
	case "item.score":
		score := t.field("CASE WHEN labeljoin_index >= 0 THEN "+t.dialect.name("score")+" END", rowScore)
		return operand{kind: kindNumber, ok: always, number: score, nan: true}
	case "request.score":
		return t.refuse("it looks at request.score: the score of a request that lists items is in no row")
	}
	return t.refuse("the query does not know %s.%s", of, path[0])
}

// rowText is a text of the row; what is not given is empty.
func (t *translator) rowText(column, name string) operand {
	return textOf("coalesce(" + t.field(t.dialect.name(column), name) + ", '')")
}

// field notes that a column of rows is looked at, and gives its name.
func (t *translator) field(column, name string) string {
	for _, f := range t.fields {
		if f.Name == name {
			return name
		}
	}
	t.fields = append(t.fields, PlanField{Column: column, Name: name})
	return name
}
