package sql_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
	"github.com/labeljoin/labeljoin/joiner/scenario"
	"github.com/labeljoin/labeljoin/joiner/sql"
)

// TestHistories: the query gives the rows of a replay, whole, for generated histories.
func TestHistories(t *testing.T) {
	n := uint64(50)
	if testing.Short() {
		n = 10
	}
	if *seedsFlag > 0 {
		n = uint64(*seedsFlag)
	}
	first := uint64(1)
	if *seedFlag != 0 {
		first, n = *seedFlag, *seedFlag
	}
	var all []logs
	for seed := first; seed <= n; seed++ {
		all = append(all, history(seed, false))
	}
	compare(t, all)
	if t.Failed() {
		t.Logf("to see one again: go test ./joiner/sql -run '^%s$' -seed N", t.Name())
	}
}

// history is a generated history, without the rules that a query refuses; or, finite, without values that a query over the
// lines themselves refuses.
func history(seed uint64, finite bool) logs {
	r := rand.New(rand.NewPCG(seed, 0x73716c))
	h := enginetest.Generate(seed, enginetest.Shape{
		Timely: r.IntN(2) == 0, Wild: r.IntN(4) == 0, Hot: r.IntN(4) == 0, Again: r.IntN(4) == 0, Finite: finite,
	})
	h.Rules.Merge = false
	h.Rules.Labels = slices.DeleteFunc(h.Rules.Labels, func(l joiner.Label) bool {
		return l.Of != nil || l.Pair != nil
	})
	for i := range h.Rules.Labels {
		if l := &h.Rules.Labels[i]; l.Votes != nil {
			l.Votes, l.Agg = nil, joiner.AggCount
		}
	}
	texts := writeLabels(r, &h)
	l := logs{
		// Their values are of several kinds.
		features: []rowfile.Feature{{Name: "g", Type: "string"}, {Name: "item_h0", Type: "string"}},
		name:     fmt.Sprint("seed ", seed),
		archives: 1 + int(seed%2),
		decoders: [events.Kinds]jsonevent.Decoder{enginetest.Decoder(), enginetest.Decoder()},
		def: sql.Definition{Name: fmt.Sprint("seed ", seed), Rules: h.Rules, When: h.When, Texts: texts,
			Impression: enginetest.Impression, Limit: h.Limit, Complete: r.IntN(2) == 0},
	}
	if r.IntN(4) == 0 {
		at := h.Events[r.IntN(len(h.Events))].At
		gap := events.Gap{From: at, To: at.Add(time.Duration(r.IntN(60)) * time.Second), Quiet: r.IntN(4) == 0}
		gap.Kinds[events.KindOutcome] = true
		l.def.Rules.Gaps = []events.Gap{gap}
	}
	for _, e := range h.Events {
		l.messages = append(l.messages, events.Message{Kind: e.Kind, Data: ofSeveralKinds(r, e.Data)})
	}
	return l
}

// oftenNumbers are features that generated requests have, each with a digit.
var oftenNumbers = regexp.MustCompile(`"(?:g|h0)":\d`)

// ofSeveralKinds gives some features of an event values of other kinds.
func ofSeveralKinds(r *rand.Rand, data []byte) []byte {
	return oftenNumbers.ReplaceAllFunc(data, func(feature []byte) []byte {
		values := []string{`"u1"`, `4.5`, `4.0`, `true`, `null`, `[4]`, `"4"`, `-2`, `-0.0`, `1e300`}
		if r.IntN(3) > 0 {
			return feature
		}
		return append(bytes.TrimRight(feature, "0123456789"), values[r.IntN(len(values))]...)
	})
}

// What labels of random histories may be written with.
func writtenWith(what string) []string {
	return map[string][]string{
		"condition": {`request.user_id == "u1"`, `attrs.user == request.user_id`, `item.position > 1`, `item.score > 0.5`,
			`!(item.score > 0.5)`, `(request.model != "" || item.item_id == "i1")`, `item.item_id == item_id`,
			`request.request_id contains "1"`, `request.model_version in ["", "2"]`, `item.position in [0, 2, 3]`,
			`(attrs.ms > 100 || request.user_id != "u1")`, `request.features.g > 3`, `item.features.h0 <= 4`,
			`((request.features.g ?? 5) >= 5 || type == "buy")`, `"h0" in item.features`, `attrs.user == request.features.g`,
			`request.features.f1 != item.features.h0`, `request.features.g in [4, "u1", nil]`},
		"value": {`attrs.ms / 1000`, `value * 2 - attrs.ms`, `attrs.ms ?? value`, `type == "buy"`, `item.position + value`,
			`attrs.user`, `nil`, `3`, `value * 1e308 * 10`, `request.features.g + value`, `item.features.h0 * request.features.g`,
			`-request.features.g`},
		"until":  {`type == "view"`, `type == "buy"`, `value > 0`, `attrs.ms > 100 || type == "click"`},
		"string": {`attrs.user`, `type`, `item_id`, `request.user_id + "/" + type`, `attrs.ms`, `request.features.g`},
		"double": {`attrs.ms`, `value`, `item.position`, `attrs.ms / 2`, `attrs.user`, `request.features.f0`,
			`item.features.h0 * 3`},
		"bool": {`has_value`, `attrs.ms > 50`, `type == "click" ? true : nil`, `request.features.g == 4`, `item.features.h0`},
	}[what]
}

// writeLabels has some labels look at the row, at expressions and at what ends their windows.
func writeLabels(r *rand.Rand, h *enginetest.History) []sql.LabelTexts {
	texts := make([]sql.LabelTexts, len(h.Rules.Labels))
	pick := func(what string) string {
		for {
			list := writtenWith(what)
			if text := list[r.IntN(len(list))]; !h.Rules.PerRequest || !strings.Contains(text, "item.") {
				return text
			}
		}
	}
	lines := "labels:\n"
	for i := range h.Rules.Labels {
		l := &h.Rules.Labels[i]
		if r.IntN(3) == 0 {
			h.When[i] += " && " + pick("condition")
		}
		lines += fmt.Sprintf("  %s: {when: '%s', window: %dms", l.Name, h.When[i], l.Window.Milliseconds())
		if word := aggWord(l.Agg); word != "" && r.IntN(3) == 0 {
			texts[i].Number = pick("value")
			lines += fmt.Sprintf(", value: '%s(%s)'", word, texts[i].Number)
		}
		if r.IntN(4) == 0 {
			texts[i].Until = pick("until")
			lines += fmt.Sprintf(", until: '%s'", texts[i].Until)
		}
		if r.IntN(3) == 0 {
			var columns []string
			for _, typ := range []string{"string", "double", "bool"} {
				text := pick(typ)
				texts[i].Columns = append(texts[i].Columns, text)
				columns = append(columns, fmt.Sprintf("kept_%s_%s: {value: '%s', type: %s}", l.Name, typ, text, typ))
			}
			lines += ", columns: {" + strings.Join(columns, ", ") + "}"
		}
		lines += "}\n"
	}
	for i, c := range rulesOf(lines) {
		l := &h.Rules.Labels[i]
		l.When, l.InRow, l.Number, l.Until, l.Columns = c.When, c.InRow, c.Number, c.Until, c.Columns
		l.Attrs, l.AllAttrs = c.Attrs, c.AllAttrs
	}
	return texts
}

// aggWord is what configurations call an aggregate of values; empty if it is none.
func aggWord(a joiner.Agg) string {
	return map[joiner.Agg]string{joiner.AggSum: "sum", joiner.AggMean: "mean", joiner.AggMax: "max", joiner.AggMin: "min",
		joiner.AggFirst: "first", joiner.AggLast: "last"}[a]
}

// rulesOf are the labels of a configuration.
func rulesOf(lines string) []joiner.Label {
	c, err := config.DecodeRules("labels", []byte(lines))
	if err != nil {
		panic(fmt.Sprint(lines, err)) // a defect of the test
	}
	rules, err := wire.Rules(c)
	if err != nil {
		panic(fmt.Sprint(lines, err))
	}
	return rules.Labels
}

// refusedScenarios are the files whose configuration a query cannot say. A file with a
// rule that was added to the join since is refused too, and need not be here.
var refusedScenarios = map[string]bool{
	"attribute": true, "attribute_shares": true, "merge": true, "early_merge": true, "whole_row_merge": true,
	"of_labels": true, "label_columns": true, "votes": true, "votes_classes": true,
	"pairs": true, "pairs_sequences": true, "pairs_edits": true, "pairs_attributed": true,
	"votes_attributed": true, "votes_shares": true, "of_request": true,
	"early_request": true, "early_request_only": true, "provisional_any": true, "rows_request_item": true,
	"each": true, "each_label": true, "provisional": true, "provisional_stages": true,
}

// TestScenarios: the query gives the rows of a replay, whole, for the events of every
// scenario that SEMANTICS.md names.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("../testdata/semantics/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no scenarios: %v", err)
	}
	var all []logs
	for _, path := range files {
		some, err := scenarioLogs(t, path)
		name := filepath.Base(path[:len(path)-len(".yaml")])
		if refused, ok := errors.AsType[*sql.RefusedError](err); ok {
			t.Logf("%s: %v", name, refused)
			if !refusedScenarios[name] && !strings.Contains(refused.Reason, "the query does not know") {
				t.Errorf("%s is refused", name)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if refusedScenarios[name] {
			t.Errorf("%s is not refused any more", name)
		}
		all = append(all, some...)
	}
	compare(t, all)
}

// scenarioLogs are the cases of a file, each as it is and as a log that is complete.
func scenarioLogs(t *testing.T, path string) ([]logs, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file, err := scenario.Parse(path, src, scenario.Notation{
		Duration: func(text string) (time.Duration, error) {
			d, err := config.ParseDuration(text)
			return d.Std(), err
		},
		Nearest: config.Nearest,
	})
	if err != nil {
		return nil, err
	}
	c, err := config.DecodeRules(path, src)
	if err != nil {
		return nil, err
	}
	rules, err := wire.Rules(c)
	if err != nil {
		return nil, err
	}
	options, err := wire.Options(c, rules)
	if err != nil {
		return nil, err
	}
	l := logs{decoders: options.Decoders, interpreted: true}
	l.def = wire.Definition(c, rules)
	l.def.Name, l.def.Limit = path, options.OutcomesPerRequest
	for name, kind := range c.Features.Declare {
		l.features = append(l.features, rowfile.Feature{Name: name, Type: string(kind)})
	}
	if _, err := sql.NewPlan(l.def, sql.DialectDuckDB); err != nil {
		return nil, err
	}
	return inLogs(path, file.Cases, l), nil
}

// separateScenarios are the files in which events are one too many for their id: there, each case is
// a log of its own, because the query stops for one of them.
var separateScenarios = map[string]bool{"limits.yaml": true, "rejected.yaml": true}

// inLogs puts cases into logs. As many as can be are in one, told apart by their ids: a
// query takes its time even for a single event.
func inLogs(path string, cases []scenario.Case, l logs) (all []logs) {
	name := filepath.Base(path)
	separate := separateScenarios[name]
	for i := range cases {
		messages := cases[i].Messages()
		for m := range messages {
			messages[m].Data = bytes.ReplaceAll(messages[m].Data, []byte(`"request_id":"`),
				fmt.Appendf(nil, `"request_id":"%d `, i))
		}
		l.messages = append(l.messages, messages...)
		if separate || i == len(cases)-1 {
			for _, complete := range []bool{false, true} {
				l.name = fmt.Sprintf("%s, up to %q, complete %v", name, cases[i].Name, complete)
				l.def.Complete = complete
				all = append(all, l)
			}
			l.messages = nil
		}
	}
	return all
}

// TestColumnsOfWhatIsNotKnown: what a label keeps is null where the label is, because the log ends before its
// window or a gap touches it; an `any` that is 1 keeps what it has.
func TestColumnsOfWhatIsNotKnown(t *testing.T) {
	const labels = `labels:
  seen: {when: 'true', window: 1m, columns: {seen_by: {value: attrs.user, type: string}}}
  short: {when: 'true', window: 1s, value: sum, columns: {short_by: {value: attrs.user, type: string}}}
  total: {when: 'true', window: 1m, value: sum, columns: {total_by: {value: attrs.user, type: string}}}
  latest: {when: 'true', window: 1m, value: count, until: 'type == "buy"', columns: {latest_by: {value: attrs.user, type: string}}}
  ended: {when: 'true', window: 1m, until: 'type == "buy"', columns: {ended_by: {value: attrs.user, type: string}}}
`
	c, err := config.DecodeRules("labels", []byte(labels))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := wire.Rules(c)
	if err != nil {
		t.Fatal(err)
	}
	l := logs{def: wire.Definition(c, rules)}
	for i := range 3 {
		at := 1000 + 100_000*i
		l.messages = append(l.messages, events.Message{Kind: events.KindRequest,
			Data: fmt.Appendf(nil, `{"request_id":"r%d","ts":%d}`, i, at)})
		for j, kind := range []string{"view", "buy", "view"} {
			l.messages = append(l.messages, events.Message{Kind: events.KindOutcome, Data: fmt.Appendf(nil,
				`{"request_id":"r%d","ts":%d,"type":"%s","value":%d,"attrs":{"user":"%d %d"}}`, i, at+200*j, kind, j, i, j)})
		}
	}
	gap := events.Gap{From: events.Time(103 * time.Second), To: events.Time(104 * time.Second)}
	gap.Kinds[events.KindOutcome] = true
	l.name, l.def.Rules.Gaps = "the second in a gap, the third at the end", []events.Gap{gap}
	compare(t, []logs{l})
}
