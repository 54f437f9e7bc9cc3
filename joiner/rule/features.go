package rule

import (
	"cmp"
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// Feature is a feature that an expression names.
type Feature struct {
	OfItem bool   // of the item of the row, and not of the request
	Name   string // flattened
}

// String is the feature as expressions write it, with its name as it is.
func (f Feature) String() string {
	if f.OfItem {
		return "item.features." + f.Name
	}
	return "request.features." + f.Name
}

// Features lists the features that an expression names, each once, in the order of String. The error is an *Error.
func Features(source string) ([]Feature, error) {
	tree, err := parse(source)
	if err != nil {
		return nil, err
	}
	var list []Feature
	l := looksOf(tree)
	for _, name := range l.item.names {
		list = append(list, Feature{OfItem: true, Name: name})
	}
	for _, name := range l.request.names {
		list = append(list, Feature{Name: name})
	}
	slices.SortFunc(list, func(a, b Feature) int { return cmp.Compare(a.String(), b.String()) })
	return list, nil
}

// In is the value of f as expressions see it, among the features of a request or an item: nil if it is missing,
// bool, int, float64, string, []any or map[string]any.
func (f Feature) In(fields []events.Field) any {
	for i := len(fields) - 1; i >= 0; i-- { // as featuresOf, which keeps the last of a name
		if field := &fields[i]; field.Name == f.Name && field.Value.Kind != events.ValueNull {
			return plain(&field.Value)
		}
	}
	return nil
}
