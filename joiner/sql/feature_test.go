package sql_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner/sql"
)

// conditionsOverFeatures look at a feature `a` of the request, of the item, and at others.
var conditionsOverFeatures = []string{
	`request.features.a > 3`, `request.features.a <= 3`, `request.features.a == 3`, `request.features.a != 3`, `3 == request.features.a`,
	`request.features.a == "3"`, `request.features.a == true`, `request.features.a`, `!request.features.a`, `not (request.features.a ?? false)`,
	`request.features.a == nil`, `request.features.a != nil`, `(request.features.a ?? 7) > 5`, `"a" in request.features`, `"a" not in request.features`,
	`request.features.a in [3, "x", true]`, `request.features.a in ["x", ""]`, `request.features.a in [3.5, nil]`, `request.features["a b"] == 1`,
	`request.features.g_c == 1`, `request.features.A == 3`, `request.features?.a == 3`, `request?.features.a == 3`, `request.features.b == "b"`,
	`item.features.a > 3`, `item.features.a == nil`, `item.features.a == request.features.a`, `item.features.a != request.features.a`, `"a" in item.features`,
	`(item.features.a ?? "none") == "none"`, `item.features?.a == nil`, `item.features.a <= request.features.a`, `item.features.a in [request.features.a, 3]`,
	`attrs.x == request.features.a`, `attrs.x < request.features.a`, `attrs.x in [item.features.a]`, `value > request.features.a`, `value == item.features.a`,
	`request.features.a contains "x"`, `request.features.a startsWith "t:"`, `type endsWith request.features.a`, `request.features.a < "x"`,
	`request.features.a > 3 || type == "click"`, `type == "click" || request.features.a > 3`, `request.features.a > 3 && type == "click"`,
	`request.features.a ? item.features.a > 3 : value > 0`, `let a = request.features.a ?? 0; a == 3 || a == "x"`, `abs(request.features.a) == 3`,
	`request.features.a == 9007199254740991`, `request.features.a > 9007199254740990`, `(request.features.a > 3) == (item.features.a > 3)`,
	`request.features.a == 0 || request.features.a == 0.0`, `item.features["it's"] == "$"`,
}

// calculationsOverFeatures are conditions that stop the query where their whole numbers are too large.
var calculationsOverFeatures = []string{
	`request.features.a * 2 == 6`, `request.features.a - 1 < 2.5`, `request.features.a + item.features.a == "xx"`, `-request.features.a < 0`,
	`request.features.a / 2 == 1.5`, `request.features.a * item.features.a > 10`, `request.features.a * value > 3`, `request.features.a * 1e300 * 1e300 > 3`,
	`(request.features.a ?? 1) + (item.features.a ?? 2) == 3`, `(request.features.a - item.features.a) * 3 != 0`, `request.features.a + 0.5 > 3`,
	`request.features.a / item.features.a > 1`, `value / request.features.a < 0`, `-2 / request.features.a != 1`, `value / (value - value) > 0`,
	`1 / (1 / request.features.a) > 2`,
}

// valuesOverFeatures are what labels may be made of: what follows value, and columns.
const valuesOverFeatures = `
  v0: {when: 'true', window: 1m, value: 'sum(request.features.a)'}
  v1: {when: 'true', window: 1m, value: 'min(-request.features.a)'}
  v2: {when: 'true', window: 1m, value: 'last(request.features.a * item.features.a)'}
  v3: {when: 'true', window: 1m, value: 'mean(item.features.a == 3)'}
  v4: {when: 'request.features.a != nil', window: 1m, value: 'first(request.features.a / 4)', columns: {
    as_double: {value: request.features.a, type: double}, as_string: {value: item.features.a, type: string},
    as_bool: {value: request.features.a, type: bool}, joined: {value: 'item.features.a + "/" + type', type: string}, triple: {value: 'request.features.a * -3', type: double}}}
`

// valuesOfFeatures are values that a feature may have in an event, as JSON.
var valuesOfFeatures = []string{
	`3`, `3.0`, `3.5`, `3e0`, `-3`, `0`, `0.0`, `-0.0`, `4`, `"3"`, `""`, `"x"`, `"t:x"`, `"k"`, `true`, `false`, `null`, `[3]`, `1e300`, `-1e300`, `0.1`,
	`"é"`, `"\u0000"`, `"a\nb"`, `1e-320`,
}

// featureLogs are logs whose labels are conditions, in the query's order, over requests with features.
func featureLogs(t *testing.T, name string, conditions []string, more string, values []string) logs {
	t.Helper()
	var lines strings.Builder
	lines.WriteString("labels:\n")
	for i, text := range conditions {
		fmt.Fprintf(&lines, "  c%d: {when: '%s', window: 1m, value: count}\n", i, strings.ReplaceAll(text, "'", "''"))
	}
	c, err := config.DecodeRules("labels", []byte(lines.String()+more))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := wire.Rules(c)
	if err != nil {
		t.Fatal(err)
	}
	l := logs{name: name, def: wire.Definition(c, rules), interpreted: more == "",
		features: []rowfile.Feature{{Name: "a", Type: "string"}, {Name: "item_a", Type: "string"}}}
	l.def.Complete = true
	for i, a := range values {
		// No two of them are lists at once: to compare these stops the query.
		b, c, x := values[(i*7+3)%len(values)], values[(i*7+5)%len(values)], values[(i*7+6)%len(values)]
		l.messages = append(l.messages, events.Message{Kind: events.KindRequest, Data: fmt.Appendf(nil,
			`{"request_id":"r%d","ts":1000,"features":{"a":%s,"a b":1,"A":3,"g_c":%d},"items":[{"item_id":"i","features":{"a":%s}},`+
				`{"item_id":"j","features":{"a":%s,"it's":"$"}},{"item_id":"k"}]}`, i, a, i%2, b, c)},
			events.Message{Kind: events.KindRequest, Data: fmt.Appendf(nil,
				`{"request_id":"s%d","ts":1000,"features":{"b":"b","a":%s}}`, i, b)})
		for j, id := range []string{fmt.Sprint("r", i), fmt.Sprint("s", i)} {
			l.messages = append(l.messages, events.Message{Kind: events.KindOutcome, Data: fmt.Appendf(nil,
				`{"request_id":"%s","ts":%d,"type":"click","value":%d,"attrs":{"x":%s}}`, id, 2000+j, i%5, x)},
				events.Message{Kind: events.KindOutcome, Data: fmt.Appendf(nil, `{"request_id":"%s","ts":3000,"type":"k"}`, id)})
		}
	}
	return l
}

// TestFeatures: a condition over features holds in SQL exactly if it does in the join, and a value over them is the
// same, whatever a feature is.
func TestFeatures(t *testing.T) {
	const few = 18 // conditions in a query, so that what differs is found
	scalars := valuesOfFeatures[:len(valuesOfFeatures):len(valuesOfFeatures)]
	large := append(scalars, `9007199254740991`, `-9007199254740991`, `9007199254740992.0`, `1e17`)
	var all []logs
	for from := 0; from < len(conditionsOverFeatures); from += few {
		part := conditionsOverFeatures[from:min(from+few, len(conditionsOverFeatures))]
		all = append(all, featureLogs(t, strings.Join(part, " | "), part, "", large))
	}
	all = append(all, featureLogs(t, "calculations", calculationsOverFeatures, valuesOverFeatures, scalars))
	// What an archive understands and raw lines may not have.
	odd := []string{`{"b":1}`, `[{"y":1}]`, `[[1e400]]`, `1e400`, `"\ud83d"`, `[]`, `3`, `18446744073709551616`}
	nested := featureLogs(t, "odd values", conditionsOverFeatures[:16], "", odd)
	nested.messages = append(nested.messages, events.Message{Kind: events.KindRequest, Data: []byte(
		`{"request_id":"q","ts":1000,"features":{"g":{"c":1},"g_c":2,"a":null}}`)},
		events.Message{Kind: events.KindOutcome, Data: []byte(`{"request_id":"q","ts":1000,"type":"click"}`)})
	compare(t, append(all, nested))
}

// TestRawFeatures: TestFeatures of lines that the query reads itself.
func TestRawFeatures(t *testing.T) {
	inEach(t, func(t *testing.T, dialect sql.Dialect) {
		values, few := valuesOfFeatures, 26 // conditions in a query
		if dialect == sql.DialectSpark {
			skipLong(t)
			values, few = without(values, "-0.0"), len(conditionsOverFeatures) // which is not plain
		}
		scalars := append([]string{`9007199254740991`, `18446744073709551616`, `12345678901234567e-3`}, values...)
		var all []logs
		for some := range slices.Chunk(conditionsOverFeatures, few) {
			l := featureLogs(t, some[0], some, "", scalars)
			raw(&l, rowfile.Feature{Name: "b", Type: "string"})
			all = append(all, l)
		}
		l := featureLogs(t, "calculations", calculationsOverFeatures, valuesOverFeatures, values)
		raw(&l)
		l.interpreted = true // TestFeatures has Spark compile it
		compareIn(t, dialect, append(all, l))
	})
}

// without is a list without a value.
func without(values []string, value string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == value })
}

// TestFeaturesStop: what the query cannot decide alike stops it.
func TestFeaturesStop(t *testing.T) {
	var all []logs
	for _, c := range []struct{ condition, value, says string }{
		{`request.features.a != 1`, `9007199254740992`, "a whole number beyond 2^53"},
		{`"a" in item.features`, `-9007199254740993`, "a whole number beyond 2^53"},
		{`request.features.a + 1 > 3`, `9007199254740991`, "calculates with whole numbers beyond 2^53"},
		{`request.features.a * item.features.a > 3`, `4000000000000000`, "calculates with whole numbers beyond 2^53"},
		{`request.features.a * item.features.a < 0`, `4000000000`, "calculates with whole numbers beyond 2^53"},
		{`-request.features.a - item.features.a - 1 > 0`, `4503599627370496`, "calculates with whole numbers beyond 2^53"},
		{`request.features.a == item.features.a`, `[1]`, "two lists or two objects"},
		{`attrs.x in [request.features.a]`, `[]`, "two lists or two objects"},
	} {
		l := featureLogs(t, c.condition, []string{c.condition}, "", []string{c.value})
		l.stops = c.says
		all = append(all, l)
	}
	l := featureLogs(t, "an archive that was made without it", []string{`request.features.a == 1`, `item.features["b"] == 2`}, "", []string{`1`})
	l.keepNone, l.stops = true, "does not keep all features that conditions look at (request.features.a, item.features.b)"
	compare(t, append(all, l))
}

// TestMixedFeatures: which type the column of an undeclared feature has, the rows decide that are written. So values of
// several types stop the query, wherever they are: in a copy that loses, in a request that no row is written of, in
// another archive. A declared feature has its type.
func TestMixedFeatures(t *testing.T) {
	first := `{"request_id":"r","ts":1000,"features":{"a":5,"Size":1},"items":[{"item_id":"i","features":{"p":true}}]}`
	inEach(t, func(t *testing.T, dialect sql.Dialect) {
		// What the engine says itself that has to read columns of several types from several files.
		several := map[sql.Dialect]string{sql.DialectDuckDB: "type", sql.DialectSpark: "Failed to create plan for direct query on files"}[dialect]
		var all []logs
		for name, second := range map[string]string{
			"":                           `{"request_id":"s","ts":2000,"features":{"a":5.5,"size":2},"items":[{"item_id":"i"}]}`,
			"another request":            `{"request_id":"s","ts":2000,"features":{"a":"late"}}`,
			"a copy that loses":          `{"request_id":"r","ts":2000,"features":{"a":"late"}}`,
			"a list":                     `{"request_id":"s","ts":2000,"features":{"a":[1]}}`,
			"an item":                    `{"request_id":"s","ts":2000,"items":[{"item_id":"k","features":{"p":0}}]}`,
			"a name in another case":     `{"request_id":"s","ts":2000,"features":{"SIZE":"large"}}`,
			"a feature that is declared": `{"request_id":"s","ts":2000,"features":{"d":[2]}}`,
		} {
			for _, archives := range []int{1, 2} {
				l := featureLogs(t, fmt.Sprintf("%s, archives %d", name, archives), []string{"true"}, "", nil)
				l.features = []rowfile.Feature{{Name: "D", Type: "string"}}
				l.archives, l.messages = archives, []events.Message{
					{Kind: events.KindRequest, Data: []byte(first)}, {Kind: events.KindRequest, Data: []byte(second)},
					{Kind: events.KindRequest, Data: []byte(`{"request_id":"z","ts":3000,"features":{"d":1}}`)},
					{Kind: events.KindOutcome, Data: []byte(`{"request_id":"r","ts":1500,"type":"click"}`)},
				}
				if same := name == "" || name == "a feature that is declared"; !same {
					l.stops = "are of several types"
					if archives == 2 {
						l.stops = several
					}
				}
				all = append(all, l)
			}
		}
		compareIn(t, dialect, all)
	})
}

// TestFeaturesOfDefinition: what an archive has to keep.
func TestFeaturesOfDefinition(t *testing.T) {
	d := sql.Definition{When: []string{`request.features.x == 1`, ``}, Texts: []sql.LabelTexts{
		{Number: `item.features.y * 2`, Columns: []string{`request.features.x`, `request.features["a b"]`}}}}
	list, err := d.Features()
	if got, want := fmt.Sprint(list), "[item.features.y request.features.a b request.features.x]"; got != want || err != nil {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}
