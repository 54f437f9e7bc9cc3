package wire

import (
	"testing"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// TestLabelsOfTheRow: a condition that looks at the request or the item alone is true or false, in the
// column that `any` has, whatever it would be as an expression over labels.
func TestLabelsOfTheRow(t *testing.T) {
	req := &events.Request{ID: "r", Score: 0.5, HasScore: true, Items: []events.Item{{ID: "a"}, {ID: "b"}, {ID: "c"}},
		Features: []events.Field{{Name: "five", Value: events.Value{Kind: events.ValueInt, Int: 5}},
			{Name: "yes", Value: events.Value{Kind: events.ValueBool, Int: 1}}}}
	for when, want := range map[string]joiner.Cell{
		"request.features.five":          joiner.Undecided(),
		"request.features.five * 2":      joiner.Undecided(),
		"request.features.yes":           {Value: 1, TS: events.MinTime},
		"request.features.five > 3":      {Value: 1, TS: events.MinTime},
		"not request.features.yes":       {TS: events.MinTime},
		"request.score > 0.1 && false":   {TS: events.MinTime},
		"item.position == 1":             {Value: 1, TS: events.MinTime},
		`item.item_id == "a"`:            {TS: events.MinTime},
		`request.features.none.x == "a"`: joiner.Undecided(),
	} {
		t.Run(when, func(t *testing.T) {
			rules := rulesOf(t, `labels: {item: 'type == "x"', a: '`+when+`'}`)
			l := &rules.Labels[1]
			if l.Of == nil || l.Agg != joiner.AggTruth || len(l.Needs) > 0 {
				t.Fatalf("it is a label of %v that needs %v", l.Agg, l.Needs)
			}
			got, err := l.Of([]joiner.Cell{{Value: 7}}, req, 1)
			if got != want || (err != nil) != want.Null {
				t.Errorf("it is %+v (%v), want %+v", got, err, want)
			}
		})
	}
}

// TestFingerprintsOfTheRow: the fingerprint has a mark for the labels of the request alone, which once
// needed an outcome, and for no others. What the mark is made of is a text, and here it is an expression.
func TestFingerprintsOfTheRow(t *testing.T) {
	for _, rows := range []config.Rows{config.RowsItem, config.RowsRequest} {
		for _, when := range []string{
			"request.features.five", "item.position <= 2", `request.model == "type"`, `request.features["a b"] == 'value'`,
			`request.features.type == 1`, `request?.features?.value == 1`, `any(request.features.tags, # == "x")`,
			`type == "x"`, "true", `type == "item"`, `attrs.request == 1`, `type == "x" && item.position < 3`,
			`request.features.a == attrs.a`, `request.features[attrs.a] == 1`, `item.item_id == item_id`,
			`request.user_id == "it\\"s type"`, "value > request.score",
		} {
			t.Run(string(rows)+" "+when, func(t *testing.T) {
				l := config.Label{Name: "a", When: when, Value: config.Any}
				if marked := l.RowAlone(rows); marked != OfRowAlone(&l, rows) {
					t.Errorf("it is %v in the fingerprint", marked)
				}
			})
		}
	}
}
