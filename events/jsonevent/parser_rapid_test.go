package jsonevent_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// TestParserAgreesOnAnyEvents draws events of one producer: what it sends has
// few names, in any order and combination, and sometimes what it should not.
func TestParserAgreesOnAnyEvents(t *testing.T) {
	all := make(map[jsonevent.Decoder]*twins)
	for _, d := range options() {
		all[d] = newTwins(d)
	}
	rapid.Check(t, func(t *rapid.T) {
		w := all[rapid.SampledFrom(options()).Draw(t, "options")]
		w.parser.Forget()
		for range rapid.IntRange(1, 12).Draw(t, "events") {
			e := anyEvent{t: t, space: rapid.SampledFrom([]string{"", "", "", " ", "\n\t "}).Draw(t, "space")}
			w.check(t, []byte(e.event()))
		}
	})
}

// anyEvent draws the parts of an event.
type anyEvent struct {
	t     *rapid.T
	space string // beside punctuation
}

func (e *anyEvent) event() string {
	members := []string{e.member("request_id", e.text()), e.member("ts", e.timestamp())}
	if e.odds(5) {
		members = members[1:]
	}
	fields := map[string]func() string{
		"model": e.text, "model_version": e.text, "user_id": e.text, "score": e.number,
		"outcome_id": e.text, "type": e.text, "item_id": e.text, "value": e.number, "extra": e.value, "exträ": e.value,
		"features": func() string { return e.features(0) }, "attrs": func() string { return e.features(0) }, "items": e.items,
	}
	if e.odds(5) {
		fields["heartbeat"] = e.timestamp
	}
	members = append(members, e.some(fields)...)
	return e.space + e.object(members) + e.space
}

func (e *anyEvent) odds(percent int) bool {
	return rapid.IntRange(0, 99).Draw(e.t, "odds") >= 100-percent
}

// some draws members in any order, few of them twice.
func (e *anyEvent) some(fields map[string]func() string) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	if !e.odds(50) {
		names = rapid.Permutation(names).Draw(e.t, "order")
	}
	var members []string
	for _, name := range names {
		if !e.odds(60) {
			continue
		}
		value := fields[name]()
		switch {
		case e.odds(2):
			value = e.value()
		case e.odds(4):
			value = "null"
		}
		members = append(members, e.member(name, value))
	}
	if len(members) > 0 && e.odds(2) {
		members = append(members, members[0])
	}
	return members
}

func (e *anyEvent) member(name, value string) string {
	if name != "" && e.odds(3) {
		name = fmt.Sprintf(`\u%04x`, name[0]) + name[1:]
	}
	return `"` + name + `"` + e.space + ":" + e.space + value
}

func (e *anyEvent) object(members []string) string {
	return "{" + e.space + strings.Join(members, e.space+","+e.space) + e.space + "}"
}

func (e *anyEvent) list(n int, element func() string) string {
	elements := make([]string, n)
	for i := range elements {
		elements[i] = element()
	}
	return "[" + e.space + strings.Join(elements, e.space+","+e.space) + e.space + "]"
}

func (e *anyEvent) features(depth int) string {
	fields := map[string]func() string{}
	for _, name := range []string{"a", "b", "ab", "age", "category", "a_b", "price_7d", "a_very_long_name_of_a_feature", "a_very_long_name_of_a_feature2", "né", "", strings.Repeat("x", 126), strings.Repeat("x", 140)} {
		fields[name] = e.value
	}
	if depth < 3 {
		fields["a"] = func() string { return e.features(depth + 1) }
		fields["nested"] = fields["a"]
	}
	members := e.some(fields)
	if e.odds(10) {
		members = slices.Insert(members, rapid.IntRange(0, len(members)).Draw(e.t, "place"), e.member(fmt.Sprint("id", rapid.IntRange(0, 9).Draw(e.t, "id")), e.value()))
	}
	return e.object(members)
}

func (e *anyEvent) items() string {
	position := func() string { return fmt.Sprint(rapid.IntRange(0, 99).Draw(e.t, "position")) }
	return e.list(rapid.IntRange(0, 4).Draw(e.t, "items"), func() string {
		return e.object(append([]string{e.member("item_id", `"`+rapid.SampledFrom([]string{"a", "b", "c", `\u0061`, "a"}).Draw(e.t, "item_id")+`"`)},
			e.some(map[string]func() string{"position": position, "score": e.number, "features": func() string { return e.features(2) }, "more": e.value})...))
	})
}

func (e *anyEvent) value() string {
	switch rapid.IntRange(0, 9).Draw(e.t, "kind") {
	case 0, 1, 2, 3:
		return e.number()
	case 4, 5, 6:
		return e.text()
	case 7:
		return e.list(rapid.IntRange(0, 3).Draw(e.t, "length"), e.value)
	case 8:
		return e.object([]string{e.member("a", e.number())})
	}
	return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(e.t, "literal")
}

func (e *anyEvent) text() string {
	return `"` + rapid.OneOf(rapid.StringMatching(`[a-z0-9-]{0,20}`), rapid.SampledFrom([]string{"", "é", `\n`, `\u00e9 and more`, "日本語 and more", `\\`, "2024-06-04T19:02:41.998Z"})).Draw(e.t, "text") + `"`
}

func (e *anyEvent) number() string {
	return rapid.OneOf(rapid.StringMatching(`-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,6})?`), rapid.StringMatching(`-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][-+]?[0-9]{1,2})?`),
		rapid.SampledFrom([]string{"-0", "-0.0", "2.0", "20e-1", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "2.0", "7", "1e-400"}),
		rapid.SampledFrom([]string{"NaN", "Infinity", "-Infinity", "1e999"})).Draw(e.t, "number")
}

func (e *anyEvent) timestamp() string {
	return rapid.OneOf(rapid.StringMatching(`[1-9][0-9]{0,12}`), rapid.SampledFrom([]string{`"2024-06-04T19:02:41.998Z"`, `"2024-06-04T19:02:41+02:00"`, "1.0e3", "-5"})).Draw(e.t, "timestamp")
}
