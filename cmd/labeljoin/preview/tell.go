package preview

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/mapping"
)

// telling prints what became of records, and what there was in all.
type telling struct {
	*reading
	json bool
	out  io.Writer

	messages, events, rejected, none int
	made                             [events.Kinds]int // events of each kind
	unused                           map[string]int
	records                          [events.Kinds][]any // that were decoded, for suggestions
}

// line is what is printed of one event as JSON.
type line struct {
	From   string                     `json:"from"`
	Kind   string                     `json:"kind,omitempty"`
	Record json.RawMessage            `json:"record"`
	Event  json.RawMessage            `json:"event,omitempty"`
	Fields map[string]json.RawMessage `json:"fields,omitempty"`
	Failed map[string]string          `json:"failed,omitempty"`
	Reason string                     `json:"reason,omitempty"`
	Detail string                     `json:"detail,omitempty"`
	Unused []string                   `json:"unused,omitempty"`
}

// message shows what becomes of a message.
func (t *telling) message(s *sample) error {
	t.messages++
	n := 0
	var failed error
	t.each(&s.message, func(d events.Decoded, fields []mapping.Inspected) {
		n++
		t.count(&d)
		if failed != nil {
			return
		}
		if t.json {
			failed = t.asJSON(s, &d, fields)
		} else {
			failed = t.asText(s, &d, fields)
		}
	})
	if n > 0 || failed != nil {
		return failed
	}
	t.none++
	t.keep(s.message.Data, s.message.Kind)
	if t.json {
		return t.print(&line{From: s.from, Record: raw(s.message.Data), Detail: "no event"})
	}
	_, err := fmt.Fprintf(t.out, "%s: no event is wanted of it\n  record  %s\n\n", s.from, clipped(s.message.Data))
	return err
}

// count adds up what became of records.
func (t *telling) count(d *events.Decoded) {
	t.events++
	if d.Reject != nil {
		t.rejected++
	} else {
		t.made[d.Kind]++
	}
	for _, name := range d.Left {
		t.unused[name]++
	}
	if t.mapping != nil || t.input == nil || d.Reject != nil {
		t.keep(d.Record, d.Kind) // what is an event as it is needs no mapping
	}
}

// keep holds a record for suggestions.
func (t *telling) keep(data []byte, kind events.Kind) {
	if v, reject := t.own.Record(data); reject == nil {
		t.records[kind] = append(t.records[kind], v)
	}
}

func (t *telling) asText(s *sample, d *events.Decoded, fields []mapping.Inspected) error {
	var b strings.Builder
	switch {
	case d.Reject != nil:
		fmt.Fprintf(&b, "%s: rejected as %s: %s\n", s.from, d.Reject.Reason, d.Reject.Detail)
	case t.input == nil:
		fmt.Fprintf(&b, "%s\n", s.from)
	default:
		fmt.Fprintf(&b, "%s: %s\n", s.from, d.Kind)
	}
	fmt.Fprintf(&b, "  record  %s\n", clipped(d.Record))
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for i := range fields {
		f := &fields[i]
		value := f.JSON
		switch {
		case f.Problem != "":
			value = "fails"
		case value == "":
			value = "not given"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\n", f.Field, clip(value, 60), clip(f.Expression, 80))
	}
	_ = table.Flush() // into memory
	for i := range fields {
		if p := fields[i].Problem; p != "" && (d.Reject == nil || p != d.Reject.Detail) {
			fmt.Fprintf(&b, "  %s\n", p)
		}
	}
	if len(d.Left) > 0 {
		fmt.Fprintf(&b, "  unused  %s\n", strings.Join(d.Left, ", "))
	}
	_, err := io.WriteString(t.out, b.String()+"\n")
	return err
}

func (t *telling) asJSON(s *sample, d *events.Decoded, fields []mapping.Inspected) error {
	l := &line{From: s.from, Kind: d.Kind.String(), Record: raw(d.Record), Unused: d.Left}
	if d.Reject != nil {
		l.Reason, l.Detail = d.Reject.Reason, d.Reject.Detail
	} else if t.input != nil {
		l.Event = raw(d.Data)
	}
	for i := range fields {
		switch f := &fields[i]; {
		case f.Problem != "":
			if l.Failed == nil {
				l.Failed = map[string]string{}
			}
			l.Failed[f.Field] = f.Problem
		case f.JSON != "" && d.Reject != nil:
			if l.Fields == nil {
				l.Fields = map[string]json.RawMessage{}
			}
			l.Fields[f.Field] = json.RawMessage(f.JSON)
		}
	}
	return t.print(l)
}

func (t *telling) print(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = t.out.Write(append(data, '\n'))
	return err
}

// raw is data as JSON: itself, or a text of it.
func raw(data []byte) json.RawMessage {
	if json.Valid(data) {
		return bytes.TrimSpace(data)
	}
	text, err := json.Marshal(strings.ToValidUTF8(string(data), "\uFFFD"))
	if err != nil {
		return nil // a text always encodes
	}
	return text
}

// end says what there was in all, and what a mapping could be made of.
func (t *telling) end(kind string) error {
	suggestions, of := t.suggest(kind)
	if t.json {
		type suggestion struct{ Field, Expression, Why string }
		summary := struct {
			Records     int            `json:"records"`
			Requests    int            `json:"requests"`
			Outcomes    int            `json:"outcomes"`
			Rejected    int            `json:"rejected"`
			None        int            `json:"no_event"`
			Unused      map[string]int `json:"unused"`
			Suggestions []suggestion   `json:"suggestions"`
		}{t.messages, t.made[events.KindRequest], t.made[events.KindOutcome], t.rejected, t.none, t.unused, []suggestion{}}
		if t.input == nil {
			summary.Requests, summary.Outcomes = 0, 0 // they were read as nothing
		}
		for _, s := range suggestions {
			summary.Suggestions = append(summary.Suggestions, suggestion(s))
		}
		return t.print(map[string]any{"summary": summary})
	}
	var b strings.Builder
	if t.input != nil {
		fmt.Fprintf(&b, "%s: %s, %s, %d rejected, %d without an event\n", terminal.Count(t.messages, "record"),
			terminal.Count(t.made[events.KindRequest], "request"), terminal.Count(t.made[events.KindOutcome], "outcome"),
			t.rejected, t.none)
	}
	if len(t.unused) > 0 {
		b.WriteString("unused fields:")
		for _, name := range slices.Sorted(maps.Keys(t.unused)) {
			fmt.Fprintf(&b, " %s (%d)", name, t.unused[name])
		}
		b.WriteString("\n")
	}
	t.writeSuggestions(&b, suggestions, of)
	_, err := io.WriteString(t.out, b.String())
	return err
}

// suggest is what the fields could be made of that the mapping does not give. Where all is
// well there is nothing to suggest.
func (t *telling) suggest(kind string) (list []mapping.Suggestion, of events.Kind) {
	if t.mapping == nil && t.input != nil && t.rejected == 0 {
		return nil, 0
	}
	records := slices.Concat(t.records[:]...)
	if kind != "" || t.input == nil {
		list, of = guess(records, kind)
		return list, of
	}
	for _, k := range t.reading.kinds {
		for _, s := range mapping.Suggest(t.records[k], k) {
			if t.mapping == nil || t.mapping.Lacks(k, s.Field, s.Expression) {
				list, of = append(list, s), k
			}
		}
	}
	return list, of
}

// guess suggests for records of which nothing is known.
func guess(records []any, kind string) ([]mapping.Suggestion, events.Kind) {
	request, outcome := mapping.Suggest(records, events.KindRequest), mapping.Suggest(records, events.KindOutcome)
	has := func(list []mapping.Suggestion, field string) bool {
		return slices.ContainsFunc(list, func(s mapping.Suggestion) bool { return s.Field == field })
	}
	asOutcome := !has(request, "items") && !has(request, "features") && has(outcome, "type")
	if kind == "outcome" || kind == "" && asOutcome {
		return outcome, events.KindOutcome
	}
	return request, events.KindRequest
}

// writeSuggestions writes them as a mapping to copy.
func (t *telling) writeSuggestions(b *strings.Builder, list []mapping.Suggestion, of events.Kind) {
	if len(list) == 0 && (t.input != nil || len(slices.Concat(t.records[:]...)) == 0) {
		return
	}
	indent := "  "
	if t.mapping == nil {
		name := "my_" + of.String() + "s"
		if t.input != nil {
			name = t.input.Name
		}
		fmt.Fprintf(b, "\nBy their names and values, a mapping could begin like this (labeljoin help mapping):\n\n"+
			"inputs:\n  %s:\n    subject: SUBJECT\n    kind: %s\n    map:\n", name, of)
		indent = "      "
	} else {
		b.WriteString("fields that could be given:\n")
	}
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, s := range list {
		expression := s.Expression
		if strings.ContainsAny(expression, `{}[]:,"#`) {
			expression = "'" + strings.ReplaceAll(expression, "'", "''") + "'"
		}
		fmt.Fprintf(table, "%s%s: %s\t# %s\n", indent, s.Field, expression, s.Why)
	}
	for _, name := range mapping.Required(of) {
		found := slices.ContainsFunc(list, func(s mapping.Suggestion) bool { return s.Field == name })
		if t.mapping == nil && !found {
			other := ""
			if name == "request_id" && of == events.KindOutcome {
				other = " If outcomes know only a user, a session or an item, see join.attribute"
			}
			fmt.Fprintf(table, "%s%s: event.\t# every %s needs one, and no field looks like it: which one is it?%s\n", indent,
				name, of, other)
		}
	}
	_ = table.Flush() // into memory
}

// clipped is a record on one line.
func clipped(data []byte) string {
	var one bytes.Buffer
	if json.Compact(&one, data) == nil {
		data = one.Bytes()
	}
	return clip(strings.ReplaceAll(strings.ToValidUTF8(string(data), "\uFFFD"), "\n", " "), 400)
}

// clip cuts a text after so many characters.
func clip(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-3]) + "..."
}
