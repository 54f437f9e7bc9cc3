package enginetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// Columns are the columns that a row has from its request, but for the id and
// the times, as one text that can be compared and read: "age=1 model=m1". The
// item is an index into the request's items, -1 for a row of the whole request.
func Columns(req *events.Request, item int) string {
	var list []string
	set := func(name string, given bool, value any) {
		if given {
			list = append(list, fmt.Sprintf("%s=%v", name, value))
		}
	}
	set("model", req.Model != "", req.Model)
	set("model_version", req.ModelVersion != "", req.ModelVersion)
	set("user_id", req.UserID != "", req.UserID)
	for _, f := range req.Features {
		set(f.Name, f.Value.Kind != events.ValueNull, plain(&f.Value))
	}
	if item < 0 {
		set("score", req.HasScore, req.Score)
	} else {
		i := &req.Items[item]
		set("score", i.HasScore, i.Score)
		set("position", i.HasPosition, i.Position)
		for _, f := range i.Features {
			set("item_"+f.Name, f.Value.Kind != events.ValueNull, plain(&f.Value))
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// Extra are the values of labels' columns as one text: "kept0=7 kept1=u1". Nil is all null.
func Extra(rules *joiner.Rules, values []events.Value) string {
	var list []string
	at := 0
	for _, l := range rules.Labels {
		for _, c := range l.Columns {
			if at < len(values) && values[at].Kind != events.ValueNull {
				list = append(list, fmt.Sprintf("%s=%v", c.Name, plain(&values[at])))
			}
			at++
		}
	}
	return strings.Join(list, " ")
}

// plain is a feature's value as text.
func plain(v *events.Value) string {
	switch v.Kind {
	case events.ValueBool:
		return fmt.Sprint(v.Int != 0)
	case events.ValueInt:
		return fmt.Sprint(v.Int)
	case events.ValueDouble:
		return fmt.Sprint(v.Float)
	case events.ValueList:
		parts := make([]string, len(v.List))
		for i := range v.List {
			parts[i] = plain(&v.List[i])
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return v.Str
}
