package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// ReservedColumns lists the columns that every output may have, and dt, the
// partition. No label and no feature can have their names.
func ReservedColumns() []string {
	return []string{
		"request_id", "request_ts", "model", "model_version", "user_id", "item_id", "position", "score",
		"weight", "revision", "reason", "dt",
	}
}

// isName reports whether a name is 1 to 64 letters, digits and underscores (and
// what else is allowed), not beginning with a digit or one of the others.
func isName(name, others string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		inner := '0' <= c && c <= '9' || strings.IndexByte(others, c) >= 0
		if !letter && (i == 0 || !inner) {
			return false
		}
	}
	return 0 < len(name) && len(name) <= 64
}

// labels checks each label's definition.
func (v *checker) labels() {
	if len(v.Labels) == 0 {
		v.add("labels", "there are no labels: define one, like `clicked: 'type == \"click\"'`")
	}
	if n := len(v.Labels); n > maxLabels {
		v.add("labels", "there are %d labels: %d are allowed, which is as many columns as readers bear", n, maxLabels)
		return
	}
	for _, l := range v.Labels {
		at := join("labels", l.Name)
		if !isName(l.Name, "") {
			v.add(at, "%q is no name of a label: use up to 64 letters, digits and _, the first not a digit", clipped(l.Name))
		}
		switch of := strings.TrimSpace(l.Of) != ""; {
		case of && l.When != "":
			v.add(join(at, "of"), "stands beside `when`: a label is of outcomes or of other labels, so keep one of the two")
		case of:
			v.ofOthers(at, &l)
		case l.Pair != nil:
			v.pair(at, &l)
		case strings.TrimSpace(l.When) == "":
			v.add(join(at, "when"), "is missing: say which outcomes count, like `when: 'type == \"click\"'`")
		}
		if strings.Contains(l.When, "${") {
			v.add(join(at, "when"), "has a ${...} in it: variables are read for secrets only, so write the condition out")
		}
		if v.duration(join(at, "window"), l.Window, 1) && v.duration(join(at, "from"), l.From, 0) && l.From >= l.Window {
			v.add(join(at, "from"), "%s is not before the end of the window (%s): no outcome would count", l.From, l.Window)
		}
		v.until(join(at, "until"), l.Until)
		v.provisional(join(at, "provisional"), &l)
		v.labelValue(join(at, "value"), l.Value)
		v.votes(at, &l)
		v.labelColumns(join(at, "columns"), &l)
	}
}

// until checks the condition of what ends a window.
func (v *checker) until(at, condition string) {
	if _, err := ParseDuration(strings.TrimSpace(condition)); condition != "" && err == nil {
		v.add(at, "%s is a length of time: a window that ends by time is `window: %s`; until is the condition of an outcome that ends it",
			condition, condition)
	}
	if strings.Contains(condition, "${") {
		v.add(at, "has a ${...} in it: variables are read for secrets only, so write the condition out")
	}
}

// labelColumns checks the columns of a label.
func (v *checker) labelColumns(at string, l *Label) {
	if n := len(l.Columns); n > maxLabels {
		v.add(at, "there are %d columns: %d are allowed", n, maxLabels)
		return
	}
	for _, c := range l.Columns {
		at := join(at, c.Name)
		if !isName(c.Name, "") {
			v.add(at, "%q is no name of a column: use up to 64 letters, digits and _, the first not a digit", clipped(c.Name))
		}
		if strings.HasSuffix(events.ColumnKey(c.Name), "_ts") {
			v.add(at, "ends with _ts, as the times of labels do: choose another name")
		}
		if strings.TrimSpace(c.Value) == "" {
			v.add(join(at, "value"), "is missing: say what the column holds, like `attrs.ms`")
		}
		if strings.Contains(c.Value, "${") {
			v.add(join(at, "value"), "has a ${...} in it: variables are read for secrets only, so write the expression out")
		}
		if c.Type != "" {
			v.word(join(at, "type"), string(c.Type), c.Type.words())
		}
	}
}

// ofOthers checks what stands beside the expression of a label of others.
func (v *checker) ofOthers(at string, l *Label) {
	for _, setting := range []string{
		"window", "provisional", "from", "until", "value", "by", "min", "ties", "classes", "columns", "pair",
	} {
		if v.source.has(join(at, setting)) {
			v.add(join(at, setting), "has no effect beside `of`: the labels that it names have their own")
		}
	}
	if strings.Contains(l.Of, "${") {
		v.add(join(at, "of"), "has a ${...} in it: variables are read for secrets only, so write the expression out")
	}
}

// labelValue checks what a label's column holds. Whether an expression is one is found out
// when it is compiled; a single word that is no aggregate is a slip.
func (v *checker) labelValue(at string, value Agg) {
	switch agg, expression := value.Parts(); {
	case strings.Contains(expression, "${"):
		v.add(at, "has a ${...} in it: variables are read for secrets only, so write the expression out")
	case expression == string(value) && isName(expression, "") && expression != "value":
		near := ""
		if word := Nearest(expression, aggWords()); word != "" {
			near = fmt.Sprintf("; did you mean %q?", word)
		}
		v.add(at, "%q is not known: it is one of %s, or an expression like sum(attrs.ms / 1000)%s", clipped(expression),
			strings.Join(aggWords(), ", "), near)
	case expression != "" && (agg == Any || agg == Count || agg == Latency):
		v.add(at, "%s is of the outcomes that count, not of a number: write %s, or %s", value, agg,
			"sum, mean, max, min, first or last of the expression")
	}
}

// columns checks that no two things of the configuration fall on one column.
// Readers like DuckDB ignore case in the names of columns, so case does not
// tell two columns apart: see events.ColumnKey.
func (v *checker) columns() {
	taken := map[string]string{} // column in lower case -> whose it is
	for _, name := range ReservedColumns() {
		taken[name] = "one that every output has"
	}
	if len(v.Stages()) > 0 {
		taken["pending"] = "the one that names the labels that are not final (emit: each)"
	}
	if v.hasProvisional() {
		taken["stage"] = "the one that says how final a row is (provisional)"
	}
	claim := func(at, column, owner, wayOut string) bool {
		key := events.ColumnKey(column)
		if other, ok := taken[key]; ok {
			v.add(at, "its column %s is %s: %s", clipped(column), other, wayOut)
			return false
		}
		taken[key] = owner
		return true
	}
	for _, l := range v.Labels {
		at, wayOut := join("labels", l.Name), "choose another name"
		if claim(at, l.Name, "that of label "+clipped(l.Name), wayOut) {
			claim(at, l.Name+"_ts", "the time column of label "+clipped(l.Name), wayOut)
		}
		for _, column := range l.VoteColumns() {
			claim(at, column, "a column of the votes of label "+clipped(l.Name), wayOut)
		}
		for _, column := range l.ProvisionalColumns() {
			claim(at, column, "a column of the provisional label "+clipped(l.Name), wayOut)
		}
		for _, column := range l.Columns {
			claim(join(at, "columns", column.Name), column.Name, "a column of label "+clipped(l.Name), wayOut)
		}
	}
	v.features(claim)
}

// features checks the declared and the renamed features.
func (v *checker) features(claim func(at, column, owner, wayOut string) bool) {
	if s := v.Features.Separator; s == "" || len(s) > 8 || strings.Trim(s, "_.-/:") != "" {
		v.add("features.separator", "%q is no separator: use one to eight of the characters _ . - / :", clipped(s))
	}
	v.word("features.mode", string(v.Features.Mode), v.Features.Mode.words())
	for _, name := range slices.Sorted(maps.Keys(v.Features.Declare)) {
		at := join("features.declare", name)
		v.featureName(at, name)
		v.word(at, string(v.Features.Declare[name]), FeatureType("").words())
		if _, renamed := v.Output.Rename[name]; !renamed {
			claim(at, name, "that of the declared feature "+clipped(name), "give it another with output.rename")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.Output.Rename)) {
		at, column := join("output.rename", name), v.Output.Rename[name]
		v.featureName(at, name)
		if column == "" { // the feature is left out
			continue
		}
		v.featureName(at, column)
		claim(at, column, "that of feature "+clipped(name), `choose another, or leave the feature out with ""`)
	}
}

// featureName checks a feature's or its column's name: nearly everything is
// one, since features come from outside.
func (v *checker) featureName(at, name string) {
	const longest = 256
	control := strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f })
	if name == "" || len(name) > longest || control {
		v.add(at, "%q is no name of a column: it has 1 to %d bytes and no control characters", clipped(name), longest)
	}
}
