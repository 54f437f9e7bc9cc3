package scenario

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
)

// The columns that every row, and every message of the label stream, has.
var (
	rowColumns = []string{
		"request_id", "request_ts", "model", "model_version", "user_id", "item_id", "position", "score",
		"weight", "revision", "reason",
	}
	messageColumns = []string{"request_id", "request_ts", "item_id", "phase", "revision"}
	textColumns    = []string{"request_id", "model", "model_version", "user_id", "item_id", "reason", "phase", "stage"}
)

// What a message says of a provisional value is in columns with the label's name and these.
const (
	stageSuffix   = "_stage"
	elapsedSuffix = "_elapsed"
)

// What the columns of items' features begin with, and those of features whose names are taken.
const (
	itemPrefix  = "item_"
	otherPrefix = "feature_"
)

// columns gives a row's columns as values of JSON.
func (w *world) columns(r *memory.Row) map[string]string {
	req := &r.Request
	c := map[string]string{
		"request_id": encode(req.ID), "request_ts": encode(req.TS.String()),
		"model": text(req.Model), "model_version": text(req.ModelVersion), "user_id": text(req.UserID),
		"item_id": text(r.ItemID), "position": "null", "score": number(req.Score, req.HasScore),
		"weight": number(r.Weight, true), "revision": strconv.Itoa(int(r.Revision)), "reason": encode(r.Reason.String()),
	}
	if r.Item >= 0 {
		item := &req.Items[r.Item]
		c["score"] = number(item.Score, item.HasScore)
		if item.HasPosition {
			c["position"] = strconv.FormatInt(item.Position, 10)
		}
	}
	for i, cell := range r.Cells {
		name := w.o.Rules.Labels[i].Name
		c[name], c[name+"_ts"] = number(cell.Value, !cell.Null), "null"
		if cell.TS != events.MinTime {
			c[name+"_ts"] = encode(cell.TS.String())
		}
	}
	if len(w.o.Rules.Stages) > 0 {
		c["pending"] = text(w.o.Rules.Pending(&r.Row))
	}
	if w.o.Rules.HasProvisional() {
		c["stage"] = encode(w.o.Rules.StageOf(&r.Row))
	}
	at := 0
	for i := range w.o.Rules.Labels {
		for _, extra := range w.o.Rules.Labels[i].Columns {
			c[extra.Name] = "null"
			if len(r.Extra) > 0 {
				c[extra.Name] = feature(&r.Extra[at])
			}
			at++
		}
	}
	taken := slices.Collect(maps.Keys(c))
	for _, f := range req.Features {
		c[featureColumn("", f.Name, taken)] = feature(&f.Value)
	}
	if r.Item >= 0 {
		for _, f := range req.Items[r.Item].Features {
			c[featureColumn(itemPrefix, f.Name, taken)] = feature(&f.Value)
		}
	}
	return c
}

// featureColumn is the column of a feature, as an output has it: of one that is named like another
// column, or like one of an item's features, it is feature_NAME or item_feature_NAME.
func featureColumn(prefix, name string, taken []string) string {
	column := events.ColumnKey(prefix + name)
	if prefix == "" && strings.HasPrefix(column, itemPrefix) ||
		slices.ContainsFunc(taken, func(t string) bool { return events.ColumnKey(t) == column }) {
		return prefix + otherPrefix + name
	}
	return prefix + name
}

func encode(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return strconv.Quote(err.Error()) // an overflow to infinity; it is shown as a difference
	}
	return string(data)
}

func text(s string) string {
	if s == "" {
		return "null"
	}
	return encode(s)
}

func number(x float64, given bool) string {
	if !given {
		return "null"
	}
	return encode(x)
}

func feature(v *events.Value) string {
	switch v.Kind {
	case events.ValueBool:
		return strconv.FormatBool(v.Int != 0)
	case events.ValueInt:
		return strconv.FormatInt(v.Int, 10)
	case events.ValueDouble:
		return encode(v.Float)
	case events.ValueString:
		return encode(v.Str)
	case events.ValueJSON:
		return v.Str
	case events.ValueList:
		parts := make([]string, len(v.List))
		for i := range v.List {
			parts[i] = feature(&v.List[i])
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return "null"
}

// isTime reports whether a column holds a time.
func isTime(rules *joiner.Rules, column string) bool {
	return column == "request_ts" || slices.ContainsFunc(rules.Labels,
		func(l joiner.Label) bool { return l.Name+"_ts" == column })
}

// isStage reports whether a column of a message says whether a label is provisional.
func isStage(rules *joiner.Rules, column string) bool {
	return slices.ContainsFunc(rules.Labels,
		func(l joiner.Label) bool { return l.Provisional > 0 && l.Name+stageSuffix == column })
}

// value is what a wanted cell asks for, as a value of JSON.
func (c *wantedCell) value(rules *joiner.Rules) string {
	switch {
	case c.json == "null":
		return "null"
	case isTime(rules, c.column):
		return encode(c.ts.String())
	case slices.Contains(textColumns, c.column), isStage(rules, c.column):
		return encode(c.text)
	}
	return c.json
}

// Check reports what in the file does not fit the configuration: columns that
// no row will have, and times that are none.
func (f *File) Check(o *engine.Options, notation Notation) error {
	r := &reader{notation: notation}
	r.checkInputs(f, o)
	labels, kept, told := []string{}, []string{}, slices.Clone(messageColumns)
	for _, l := range o.Rules.Labels {
		if l.Provisional > 0 {
			told = append(told, l.Name+stageSuffix, l.Name+elapsedSuffix)
		}
		labels = append(labels, l.Name, l.Name+"_ts")
		for _, extra := range l.Columns {
			kept = append(kept, extra.Name)
		}
	}
	if len(o.Rules.Stages) > 0 {
		kept = append(kept, "pending")
	}
	if o.Rules.HasProvisional() {
		kept = append(kept, "stage")
	}
	for i := range f.Cases {
		c := &f.Cases[i]
		columns := slices.Concat(rowColumns, labels, kept)
		columns = append(columns, c.features(o, columns)...)
		for _, s := range c.steps {
			if s.expect != nil {
				r.checkRows(s.expect.rows, columns, &o.Rules)
				r.checkRows(s.expect.published, slices.Concat(told, labels), &o.Rules)
			}
		}
	}
	if len(r.problems) > 0 {
		return &Error{Name: f.Name, Problems: r.problems}
	}
	return nil
}

func (r *reader) checkRows(rows []wantedRow, columns []string, rules *joiner.Rules) {
	for _, row := range rows {
		for _, c := range row.cells {
			if !slices.Contains(columns, c.column) {
				r.unknown(c.node, c.column, columns)
			} else if isTime(rules, c.column) && c.json != "null" && c.badTime != nil {
				r.problem(c.node, "%s: %s", c.column, c.badTime)
			}
		}
	}
}

// features are the columns of features that the requests of a case have, beside those that are taken.
func (c *Case) features(o *engine.Options, taken []string) []string {
	var names []string
	d := &o.Decoders[events.KindRequest]
	add := func(_ uint32, made events.Decoded) bool {
		if made.Kind != events.KindRequest || made.Reject != nil {
			return true
		}
		req, err := d.DecodeRequest(made.Data)
		if err != nil {
			return true // the engine will reject it
		}
		for _, f := range req.Features {
			names = append(names, featureColumn("", f.Name, taken))
		}
		for _, item := range req.Items {
			for _, f := range item.Features {
				names = append(names, featureColumn(itemPrefix, f.Name, taken))
			}
		}
		return true
	}
	for _, s := range c.steps {
		if s.message == nil {
			continue
		}
		m, codec := *s.message, events.Codec(nil)
		if s.input != nil {
			if f := feedOf(o, s.input.name); f != nil {
				m.Kind, codec = f.Kinds[0], f.Codec
			}
		}
		jsonevent.EachOf(codec, d, &m, add)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
