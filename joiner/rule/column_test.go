package rule

import (
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

// TestColumns: what an expression gives becomes a value of the column's type, or none.
func TestColumns(t *testing.T) {
	o := &events.Outcome{Type: "view", Attrs: map[string]any{"ms": 700.5, "source": "feed", "muted": true, "list": []any{1.0}}}
	text := func(s string) events.Value { return events.Value{Kind: events.ValueString, Str: s} }
	for _, c := range []struct {
		source string
		typ    ColumnType
		is     ColumnType
		want   events.Value
		fault  bool
	}{
		{source: `attrs.ms`, is: ColumnDouble, want: events.Value{Kind: events.ValueDouble, Float: 700.5}},
		{source: `attrs.gone`, is: ColumnDouble},
		{source: `value`, is: ColumnDouble},
		{source: `attrs.source`, is: ColumnDouble, fault: true},
		{source: `attrs.source`, typ: ColumnString, is: ColumnString, want: text("feed")},
		{source: `upper(attrs.source)`, is: ColumnString, want: text("FEED")},
		{source: `type`, is: ColumnString, want: text("view")},
		{source: `attrs.muted`, typ: ColumnBool, is: ColumnBool, want: events.Value{Kind: events.ValueBool, Int: 1}},
		{source: `attrs.ms < 700`, is: ColumnBool, want: events.Value{Kind: events.ValueBool}},
		{source: `attrs.list`, is: ColumnDouble, fault: true},
	} {
		t.Run(c.source, func(t *testing.T) {
			column, err := CompileColumn(c.source, c.typ)
			if err != nil || column.Type != c.is {
				t.Fatalf("type %s, %v, want %s", column.Type, err, c.is)
			}
			got, err := column.Of(o, &events.Request{}, -1)
			if got.Kind != c.want.Kind || got.Float != c.want.Float || got.Str != c.want.Str || got.Int != c.want.Int ||
				(err != nil) != c.fault {
				t.Errorf("%+v, %v, want %+v", got, err, c.want)
			}
		})
	}
	for source, typ := range map[string]ColumnType{`type`: ColumnDouble, `attrs`: "", `nonsense(`: ""} {
		t.Run(source, func(t *testing.T) {
			if _, err := CompileColumn(source, typ); err == nil {
				t.Error("it is taken")
			}
		})
	}
}
