package rule_test

import (
	"fmt"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/rule"
)

// TestFeatures: which features expressions name.
func TestFeatures(t *testing.T) {
	for source, want := range map[string]string{
		`type == "click" && attrs.x == request.user_id`:                                   "[]",
		`request.features.device == "phone" && item.features.price > 3`:                   "[item.features.price request.features.device]",
		`request.features["a b"] == 1 || request.features?.b == 2`:                        "[request.features.a b request.features.b]",
		`"vip" in request.features ? request.features.age : request.features.age + 1 > 2`: "[request.features.age request.features.vip]",
		`len(item.features) > 1 && item.features.b.c == 1`:                                "[item.features.b]",
	} {
		t.Run(source, func(t *testing.T) {
			list, err := rule.Features(source)
			if got := fmt.Sprint(list); got != want || err != nil {
				t.Errorf("%s, %v; want %s", got, err, want)
			}
		})
	}
	if _, err := rule.Features(`type ==`); err == nil {
		t.Error("what is no expression has features")
	}
}

// TestFeatureIn: of a name that comes twice the last value counts that is there, as in a condition.
func TestFeatureIn(t *testing.T) {
	fields := []events.Field{
		{Name: "a", Value: events.Value{Kind: events.ValueInt, Int: 1}},
		{Name: "b", Value: events.Value{Kind: events.ValueString, Str: "x"}},
		{Name: "a", Value: events.Value{Kind: events.ValueDouble, Float: 2}},
		{Name: "a"},
	}
	for name, want := range map[string]any{"a": 2.0, "b": "x", "c": nil} {
		t.Run(name, func(t *testing.T) {
			if got := (rule.Feature{Name: name}).In(fields); got != want {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
	c, err := rule.Compile(`request.features.a == 2`)
	if err != nil {
		t.Fatal(err)
	}
	if yes, err := c.InRow(&events.Outcome{}, &events.Request{Features: fields}, -1); !yes || err != nil {
		t.Errorf("the condition is %v, %v", yes, err)
	}
}
