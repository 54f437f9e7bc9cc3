package sql_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/sql"
)

// clicked is a definition with one label.
func clicked() sql.Definition {
	d := sql.Definition{Name: "feed", When: []string{`type == "click"`}, Impression: `type == "view"`, Complete: true}
	d.Rules.Labels = []joiner.Label{{Name: "clicked", Window: time.Second,
		When: func(*events.Outcome) bool { return true }}}
	return d
}

// TestEveryRuleIsSaidOrRefused sets each field of the rules and of a label, those too that
// are added later: the query becomes another one, or the field is refused, or it is one of
// those that mean nothing to a replay.
func TestEveryRuleIsSaidOrRefused(t *testing.T) {
	meaningless := map[string]bool{
		"Rules.Lateness": true, "Rules.Early": true, "Rules.Guard": true, // see replay in SEMANTICS.md
		"Rules.Impression": true, "Rules.SampleHash": true, // alone; they say how another rule works
		"Label.When": true, "Label.Fault": true, // the condition is compiled from its text
		"Label.NumberInRow": true,                         // so is the value
		"Label.Attrs":       true, "Label.AllAttrs": true, // the archive has all attributes
	}
	plain := query(t, clicked())
	try := func(t *testing.T, name string, d sql.Definition) {
		t.Helper()
		plan, err := sql.NewPlan(d, sql.DialectDuckDB)
		if refused, ok := errors.AsType[*sql.RefusedError](err); ok {
			t.Log(refused)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := plan.Query()
		if err != nil {
			t.Fatal(err)
		}
		if (text == plain) != meaningless[name] {
			t.Errorf("with %s set, that the query is the same is %v: either say it in SQL or refuse it", name, text == plain)
		}
	}
	for i := range reflect.TypeFor[joiner.Rules]().NumField() {
		d := clicked()
		field := reflect.ValueOf(&d.Rules).Elem().Field(i)
		name := "Rules." + reflect.TypeFor[joiner.Rules]().Field(i).Name
		if name == "Rules.Labels" {
			continue // its fields follow
		}
		t.Run(name, func(t *testing.T) {
			set(t, field)
			try(t, name, d)
		})
	}
	for i := range reflect.TypeFor[joiner.Label]().NumField() {
		d := clicked()
		field := reflect.ValueOf(&d.Rules.Labels[0]).Elem().Field(i)
		name := "Label." + reflect.TypeFor[joiner.Label]().Field(i).Name
		t.Run(name, func(t *testing.T) {
			set(t, field)
			try(t, name, d)
		})
	}
}

func query(t *testing.T, d sql.Definition) string {
	t.Helper()
	plan, err := sql.NewPlan(d, sql.DialectDuckDB)
	if err != nil {
		t.Fatal(err)
	}
	text, err := plan.Query()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// set gives a field a value that is not zero and not what it has.
func set(t *testing.T, field reflect.Value) {
	t.Helper()
	switch field.Kind() {
	case reflect.Bool:
		field.SetBool(true)
	case reflect.Int64, reflect.Int, reflect.Int32:
		field.SetInt(int64(7 * time.Second))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		field.SetUint(1)
	case reflect.Float64:
		field.SetFloat(0.25)
	case reflect.String:
		field.SetString("other")
	case reflect.Func:
		field.Set(reflect.MakeFunc(field.Type(), func([]reflect.Value) []reflect.Value {
			out := make([]reflect.Value, field.Type().NumOut())
			for i := range out {
				out[i] = reflect.Zero(field.Type().Out(i))
			}
			return out
		}))
	case reflect.Pointer:
		field.Set(reflect.New(field.Type().Elem()))
	case reflect.Struct:
		set(t, field.Field(0))
	case reflect.Map:
		field.Set(reflect.MakeMap(field.Type()))
		field.SetMapIndex(reflect.Zero(field.Type().Key()), reflect.Zero(field.Type().Elem()))
	case reflect.Slice:
		if gaps, ok := field.Addr().Interface().(*[]events.Gap); ok {
			gap := events.Gap{From: 1000, To: 2000}
			gap.Kinds[events.KindOutcome] = true
			*gaps = []events.Gap{gap}
			return
		}
		field.Set(reflect.MakeSlice(field.Type(), 1, 1))
	default:
		t.Fatalf("the test cannot set a %s: teach it", field.Type())
	}
}

// zero is a number of each outcome.
func zero(*events.Outcome, *events.Request, int) (joiner.Number, error) { return joiner.Number{}, nil }

// TestUnknownRules: the value of a rule that the plan does not know is refused.
func TestUnknownRules(t *testing.T) {
	for name, change := range map[string]func(*sql.Definition){
		"aggregate":   func(d *sql.Definition) { d.Rules.Labels[0].Agg = 99 },
		"policy":      func(d *sql.Definition) { d.Rules.Negatives = 99 },
		"sample hash": func(d *sql.Definition) { d.Rules.SampleRate, d.Rules.SampleHash = 0.5, 99 },
		"pieces":      func(d *sql.Definition) { d.Rules.Merge = true },
		"an item without rows of items": func(d *sql.Definition) {
			d.Rules.PerRequest = true
			d.When[0] = "item.position > 1"
		},
		"a row that the rule does not look at": func(d *sql.Definition) { d.When[0] = `request.user_id == "u"` },
		"a value without its text":             func(d *sql.Definition) { d.Rules.Labels[0].Number = zero },
		"a text without its value":             func(d *sql.Definition) { d.Texts = []sql.LabelTexts{{Number: "value"}} },
		"long memories":                        func(d *sql.Definition) { d.Rules.Corrections = 100 * 365 * 24 * time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			d := clicked()
			change(&d)
			_, err := sql.NewPlan(d, sql.DialectSpark)
			if refused, ok := errors.AsType[*sql.RefusedError](err); !ok || !refused.Misuse() {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestHostileNames: what a configuration names cannot leave its place in the query.
func TestHostileNames(t *testing.T) {
	d := clicked()
	d.Name = "feed\n; DROP TABLE x; -- ${evil} \\"
	d.When[0] = "type == \"a'b\\\\c\" || type == \"\\u0000'\" || attrs[\"x'y\"] == 1 ||\n type == '; DROP TABLE x' || type == \"$HOME\""
	for _, dialect := range []sql.Dialect{sql.DialectDuckDB, sql.DialectSpark} {
		t.Run(dialect.String(), func(t *testing.T) {
			plan, err := sql.NewPlan(d, dialect)
			if err != nil {
				t.Fatal(err)
			}
			text, err := plan.Query()
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(text) {
				code, _, _ := strings.Cut(line, "--")
				if strings.Contains(line, "--") && (strings.Contains(line, "${") || strings.HasSuffix(line, "\\\n")) {
					t.Errorf("a comment has %q", line)
				}
				for _, hostile := range []string{"a'b", "x'y", "${", "$HOME", "\x00"} {
					if strings.Contains(code, hostile) {
						t.Errorf("%q is in the query: %s", hostile, line)
					}
				}
				if bare := withoutLiterals(code); strings.Contains(bare, "DROP") {
					t.Errorf("it left its literal: %s", line)
				}
			}
		})
	}
}

// withoutLiterals is SQL without what stands in single quotes.
func withoutLiterals(code string) string {
	var out strings.Builder
	for i, part := range strings.Split(code, "'") {
		if i%2 == 0 {
			out.WriteString(part)
		}
	}
	return out.String()
}

func TestTableNames(t *testing.T) {
	for name, want := range map[string]string{
		"labels": `"labels"`, "main.labels": `"main"."labels"`, "a b": `"a b"`, "": "", "a..b": "", `a"b`: "", "a'; DROP": "", "a\nb": "",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := sql.DialectDuckDB.Table(name)
			if got != want || (err == nil) != (want != "") {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
		})
	}
	if got, err := sql.DialectSpark.Table("db.labels"); got != "`db`.`labels`" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
