package sql_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/rule"
	"github.com/labeljoin/labeljoin/joiner/sql"
)

// saidConditions are conditions that SQL can say.
var saidConditions = []string{
	`true`, `type == "click"`, `type != "click"`, `type in ["click", "rating"]`, `type not in ["click", "rating"]`, `type in []`,
	`type == "click" || attrs.stars > 3`, `attrs.stars > 3 || type == "click"`, `attrs.stars > 3 && type == "click"`,
	`!(attrs.stars > 3 && false)`, `attrs.stars > 3 || true`, `attrs.stars == 5`, `attrs.stars != 5`, `5 == attrs.stars`, `attrs.stars == "5"`,
	`attrs.stars == nil`, `attrs.stars != nil`, `attrs.bot == true`, `attrs.bot`, `not attrs.bot`, `!(attrs.bot ?? false)`,
	`type == "click" && attrs.bot`, `attrs.bot || type == "click"`, `(attrs.stars ?? 0) < 2`, `(attrs.stars ?? attrs.ms ?? 0) >= 3`,
	`(attrs.stars ?? value) > 2`, `value > 0`, `value != 3`, `!(value > 0)`, `value >= 3 && value <= 3`, `value in [1, 2, 3]`, `value == 3`, `0 < value`,
	`has_value`, `!has_value`, `has_value == false`, `item_id == ""`, `outcome_id != ""`, `item_id > "a"`, `type < "d"`, `"d" >= type`,
	`attrs.country in ["de", "fr"]`, `attrs.country in ["", "fr"]`, `attrs.country in [1, "fr", true]`, `attrs.stars in [4, 5]`, `attrs.stars in [4.5, nil]`,
	`"country" in attrs`, `"country" not in attrs`, `"a/b~c" in attrs`, `attrs["a/b~c"] == 1`, `attrs["a b"] == "x"`, `attrs.cart.total > 100`,
	`attrs.cart?.total > 100`, `(attrs.cart?.total ?? 0) > 100`, `attrs.cart?.deep.x == 1`, `attrs.cart.deep?.x == 1`, `attrs?.cart?.deep?.x == 1`,
	`attrs.cart == nil`, `attrs.tags == nil`, `attrs.tags == "x"`, `attrs.country contains "d"`, `attrs.country startsWith "d"`,
	`!(attrs.country endsWith "e")`, `type contains attrs.country`, `"xde" contains (attrs.country ?? "q")`, `hasPrefix(type, "cl")`, `hasSuffix(type, "k")`,
	`attrs.kind == "sale" ? value > 10 : value > 0`, `attrs.bot ? attrs.stars > 3 : type == "click"`, `(attrs.bot ? attrs.stars : "x") == "x"`,
	`let s = attrs.stars ?? 0; s >= 2 && s <= 4`, `let s = attrs.stars > 3; type == "click"`, `let v = value; let w = v; w > 1 || v < 0`,
	`value + 1 > 3`, `attrs.stars * 2 - 1 > 5`, `attrs.stars / 2 > 2`, `-attrs.stars < -3`, `attrs.country + "!" == "de!"`, `attrs.country + attrs.country == "dede"`,
	`attrs.stars + attrs.ms > 100`, `"x" + type == "xclick"`, `abs(attrs.stars) == 5`, `abs(value) == 3`, `value * value > 1.7e308`, `value * value - value * value == 0`,
	`attrs.stars == 9007199254740992`, `attrs.stars > 0.1`, `attrs.stars < 1e-300`, `attrs.country == "d'e"`, `attrs.country == "d\\e"`, `attrs.country == "${HOME}"`,
	`attrs.country == "\u0000"`, `attrs.country == "é"`, `attrs.country == "a\nb"`, `(attrs.stars > 3) == (type == "click")`, `(attrs.stars > 3) == true`,
	`attrs.stars == attrs.ms`, `attrs.stars != attrs.bot`, `attrs.country in [attrs.kind, attrs.tags]`, `attrs.cart.total == attrs.stars`,
	`value / attrs.stars > 2`, `attrs.stars / value < 0`, `value / value == 1`, `!(attrs.ms / (value * 0) > 1)`, `1 / (value * 0) < 0`,
	`not (attrs.cart.total > 100) || true`, `attrs.cart.total > 100 and value > 0 or type == "click"`,
}

// outcomesOfConditions are what conditions are asked about.
var outcomesOfConditions = []string{
	`"type":"click"`, `"type":"click","value":3`, `"type":"x","value":0`, `"type":"x","value":-0.0`, `"type":"x","value":-3`, `"type":"x","value":1e200`, `"type":"","value":20`,
	`"type":"rating","attrs":{"stars":5}`, `"type":"rating","attrs":{"stars":"5"}`, `"type":"rating","attrs":{"stars":5.0,"ms":100}`, `"type":"rating","attrs":{"stars":null}`,
	`"type":"rating","attrs":{"stars":4,"bot":true}`, `"type":"click","attrs":{"stars":-5,"bot":false}`, `"type":"click","attrs":{"stars":true,"bot":null}`,
	`"type":"click","attrs":{"stars":[1],"bot":"true"}`, `"type":"click","attrs":{"stars":{"x":1},"bot":1}`, `"type":"rating","attrs":{}`, `"type":"rating","attrs":null`,
	`"type":"click","attrs":{"stars":9007199254740993}`, `"type":"click","attrs":{"stars":1e400,"country":"de"}`, `"type":"click","attrs":{"stars":0.1,"country":""}`,
	`"type":"order","value":5,"attrs":{"kind":"sale","country":"fr"}`, `"type":"order","value":50,"attrs":{"kind":"sale","country":null}`, `"type":"de","item_id":"a","attrs":{"country":"de"}`,
	`"type":"x","item_id":"b","outcome_id":"o","attrs":{"country":5}`, `"type":"x","attrs":{"country":["de"]}`, `"type":"x","attrs":{"country":"d'e"}`, `"type":"x","attrs":{"country":"d\\e"}`,
	`"type":"x","attrs":{"country":"${HOME}"}`, `"type":"x","attrs":{"country":"\u0000"}`, `"type":"x","attrs":{"country":"é"}`, `"type":"x","attrs":{"country":"a\nb"}`,
	`"type":"order","attrs":{"cart":{"total":120}}`, `"type":"order","attrs":{"cart":{"total":20,"deep":{"x":1}}}`, `"type":"order","attrs":{"cart":{"deep":null}}`,
	`"type":"order","attrs":{"cart":null}`, `"type":"order","attrs":{"cart":"x"}`, `"type":"order","attrs":{"cart":[1]}`, `"type":"order","attrs":{"cart":{"deep":5}}`,
	`"type":"x","attrs":{"a/b~c":1,"a b":"x","tags":["x"]}`, `"type":"x","attrs":{"a":{"b~c":1},"tags":"x"}`,
}

// TestConditions: an outcome counts in SQL exactly if it does in the join, for each of many
// conditions and outcomes.
func TestConditions(t *testing.T) {
	l := logs{def: sql.Definition{Name: "conditions", Complete: true}}
	for i, text := range saidConditions {
		c, err := rule.Compile(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		l.def.Rules.Labels = append(l.def.Rules.Labels, joiner.Label{Name: fmt.Sprint("c", i), Window: time.Minute,
			When: c.Holds})
		l.def.When = append(l.def.When, text)
	}
	for i, fields := range outcomesOfConditions {
		request := fmt.Sprintf(`{"request_id":"r%d","ts":1000,"features":{"what":"%s"}}`, i,
			strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(fields))
		outcome := fmt.Sprintf(`{"request_id":"r%d","ts":2000,%s}`, i, fields)
		l.messages = append(l.messages, events.Message{Kind: events.KindRequest, Data: []byte(request)},
			events.Message{Kind: events.KindOutcome, Data: []byte(outcome)})
	}
	// One query for a few labels, so that what differs is found.
	const few = 20
	var all []logs
	for from := 0; from < len(saidConditions); from += few {
		part, to := l, min(from+few, len(saidConditions))
		part.name = strings.Join(saidConditions[from:to], " | ")
		part.def.Rules.Labels, part.def.When = l.def.Rules.Labels[from:to], l.def.When[from:to]
		all = append(all, part)
	}
	compare(t, all)
}

// TestRefusedConditions: what may differ between the join and an engine is refused, with
// the reason.
func TestRefusedConditions(t *testing.T) {
	for text, reason := range map[string]string{
		`type matches "^a"`:             "regular expressions",
		`any(attrs.tags, # == "x")`:     "loops over a list",
		`attrs.tags[0] == "x"`:          "element of a list",
		`attrs.x % 2 == 1`:              "operator %",
		`value ** 2 > 4`:                "operator **",
		`lower(type) == "a"`:            "function lower",
		`float(attrs.ms) > 3`:           "function float",
		`len(attrs) > 1`:                "function len",
		`type in attrs.list`:            "not written out as a list",
		`type in attrs`:                 "not written out",
		`(attrs.a ?? attrs.b).c == 1`:   "not attrs",
		`attrs[type] == 1`:              "not written out",
		`1 / (value * -0.0) > 1`:        "minus zero",
		`attrs.x == 9007199254740993`:   "beyond 2^53",
		`hasPrefix(attrs.country, "d")`: "may be no text",
		`request.features == nil`:       "features is used as a whole",
		`item.features[type] == 1`:      "not written out",
		`request.features.a.b == 1`:     "looks into the feature a",
		`type in request.features`:      "not written out",
		`request.score > 1`:             "is in no row",
		`request == nil`:                "as a whole",
		strings.Repeat("(", 30) + "attrs.bot" + strings.Repeat(" ? attrs.a : attrs.b)", 30): "write it shorter",
	} {
		t.Run(text[:min(len(text), 40)], func(t *testing.T) {
			c, err := rule.Compile(text)
			if err != nil {
				t.Fatal(err)
			}
			def := sql.Definition{When: []string{text}}
			def.Rules.Labels = []joiner.Label{{Name: "x", Window: time.Minute, When: c.Holds}}
			_, err = sql.NewPlan(def, sql.DialectDuckDB)
			if refused, ok := errors.AsType[*sql.RefusedError](err); !ok || !strings.Contains(refused.Reason, reason) {
				t.Errorf("%v, want it refused with %q", err, reason)
			}
		})
	}
}
