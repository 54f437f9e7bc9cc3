package config

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// complete fills in what is not given.
func (a *Attribute) complete(longest time.Duration, within bool) {
	if a.To == "" {
		a.To = AttributeLast
	}
	if a.Within == 0 && !within {
		a.Within = Duration(longest)
	}
}

// AttributeItem is the name, among the fields of a request, of the items that it lists.
const AttributeItem = "item"

// Keys are the fields of requests that have to be equal to something, in order, the items
// left out.
func (a *Attribute) Keys() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a.By)), func(field string) bool { return field == AttributeItem })
}

// attribute checks which outcomes requests have. inBounds says that the windows are.
func (v *checker) attribute(a *Attribute, inBounds bool) {
	v.word("join.attribute.to", string(a.To), a.To.words())
	if v.duration("join.attribute.within", a.Within, 1) && inBounds && a.Within.Std() > v.Longest() {
		v.add("join.attribute.within", "%s is longer than the longest window of the labels, %s: what comes later labels nothing; make a window longer, or this shorter",
			a.Within, Duration(v.Longest()))
	}
	if len(a.Keys()) == 0 {
		v.add("join.attribute.by", "says nothing that tells users or sessions apart: add a field of the request and one of the outcome, like user_id: attrs.user")
	}
	for _, field := range slices.Sorted(maps.Keys(a.By)) {
		v.attributePair("join.attribute.by."+field, field, a.By[field])
	}
}

// attributePair checks what of a request is compared with what of an outcome.
func (v *checker) attributePair(path, field, of string) {
	feature, isFeature := strings.CutPrefix(field, "features.")
	switch {
	case field == AttributeItem:
		if of != "item_id" {
			v.add(path, "%q cannot be the item of an outcome: write item: item_id, and give the outcome an item_id", clipped(of))
		}
		return
	case isFeature && feature != "":
	case !slices.Contains([]string{"user_id", "model", "model_version"}, field):
		v.add(path, "%q is no field of a request that outcomes can be compared with: use user_id, model, model_version, features.NAME or item",
			clipped(field))
		return
	}
	if name, ok := strings.CutPrefix(of, "attrs."); !ok || name == "" {
		v.add(path, "%q is no field of an outcome that %s can be compared with: use an attribute, like attrs.user",
			clipped(of), field)
	}
}
