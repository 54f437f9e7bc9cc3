package replay_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/batch"
)

// TestOutcomesOfAnotherTime gives logs of which one is of another time than the other. Nothing may
// be committed, and each way out that the error names leads out.
func TestOutcomesOfAnotherTime(t *testing.T) {
	const day = 24 * time.Hour
	between := func(from, to time.Duration) *logs {
		whole := traffic(10)
		l := &logs{}
		l.requests.WriteString(whole.requests.String())
		for line := range strings.Lines(whole.outcomes.String()) {
			_, text, _ := strings.Cut(line, `"ts":"`)
			at, err := time.Parse(time.RFC3339Nano, text[:strings.Index(text, `"`)])
			if err != nil {
				t.Fatal(err)
			}
			if at.Sub(noon) >= from && at.Sub(noon) < to {
				l.outcomes.WriteString(line)
			}
		}
		return l
	}
	moved := func(by time.Duration) *logs {
		l := traffic(1)
		l.outcomes.Reset()
		for i := range 288 {
			l.outcome(fmt.Sprintf("r%05d", i), "click", noon.Add(time.Duration(i)*5*time.Minute+by))
			l.outcome(fmt.Sprintf("r%05d", i), "buy", noon.Add(time.Duration(i)*5*time.Minute+by))
		}
		return l
	}
	at := func(days int) events.Time {
		return events.At(time.Date(2026, 3, 1+days, 0, 0, 0, 0, time.UTC))
	}
	cases := []struct {
		name string
		logs *logs
		with func(*replay.Replay)
		says []string // nothing: it goes on
	}{
		{"all of it", between(0, 11*day), nil, nil},
		{"they begin later", between(3*day, 11*day), nil, []string{"begin long after", "label clicked", "--from 2026-03-05"}},
		{"they begin later, and those requests are left out", between(3*day, 11*day), func(r *replay.Replay) {
			r.From, r.To = at(4), events.MaxTime
		}, nil},
		{"they begin later, and that is trusted", between(3*day, 11*day), func(r *replay.Replay) { r.Trusted = true }, nil},
		{"an hour is missing at the beginning", between(time.Hour, 11*day), nil, nil},
		{"they end earlier", between(0, 6*day), nil, []string{"end long before", "--to 2026-03-07"}},
		{"they end earlier, said to be whole", between(0, 6*day), func(r *replay.Replay) { r.Complete = true },
			[]string{"end long before"}},
		{"they end earlier, and those requests are left out", between(0, 6*day), func(r *replay.Replay) {
			r.From, r.To = events.MinTime, at(6)
		}, nil},
		{"all come a month later", moved(30 * day), nil, []string{"no outcome is of the time of any request", "time_unit"}},
		{"all come a month before", moved(-30 * day), nil, []string{"belongs to any request", "times of both logs"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			r := c.logs.written(t, dir, configured(t, dir, ""))
			if c.with != nil {
				c.with(r)
			}
			stops(t, r, c.says)
		})
	}
}

// stops runs a replay that must stop and say something before it writes anything, or must not.
func stops(t *testing.T, r *replay.Replay, says []string) {
	t.Helper()
	got := run(t, r)
	if len(says) == 0 {
		if got.err != nil || !got.report.Written || got.report.Rows == 0 {
			t.Fatalf("it does not go on: %v %+v\n%s", got.err, got.report, got.talk)
		}
		return
	}
	if evidence := (*replay.EvidenceError)(nil); !errors.As(got.err, &evidence) || !evidence.Refusal() {
		t.Fatalf("it is not refused: %v", got.err)
	}
	for _, text := range says {
		if !strings.Contains(got.err.Error(), text) {
			t.Errorf("it does not say %q: %v", text, got.err)
		}
	}
	commits, err := os.ReadDir(filepath.Join(r.Out, "_commits", "p0000"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range commits {
		if strings.HasSuffix(e.Name(), ".json") {
			t.Errorf("%s was committed", e.Name())
		}
	}
}

// TestLabelThatNothingMatches stops where a label has no outcome in the whole log.
func TestLabelThatNothingMatches(t *testing.T) {
	const three = "labels:\n  clicked: {when: 'type == \"click\"', window: 30m}\n  bought: {when: 'type == \"buy\"', window: 2h}\n"
	cases := []struct {
		name, labels string
		with         func(*replay.Replay)
		says         []string
	}{
		{"all match", three, nil, nil},
		{"one does not", three + "  shared: {when: 'type == \"share\"', window: 1h}\n", nil,
			[]string{"label shared", `types: "buy", "click"`, "--allow-unmatched shared"}},
		{"two do not", three + "  shared: {when: 'type == \"share\"', window: 1h}\n  liked: {when: 'type == \"like\"', window: 1h}\n", nil,
			[]string{"--allow-unmatched shared --allow-unmatched liked goes on"}},
		{"that is allowed", three + "  shared: {when: 'type == \"share\"', window: 1h}\n",
			func(r *replay.Replay) { r.Unmatched = []string{"shared"} }, nil},
		{"two do not, and one is allowed",
			three + "  shared: {when: 'type == \"share\"', window: 1h}\n  liked: {when: 'type == \"like\"', window: 1h}\n",
			func(r *replay.Replay) { r.Unmatched = []string{"shared"} }, []string{"label liked"}},
		{"its condition cannot be evaluated", three + "  long: {when: 'attrs.ms > 5', window: 1h}\n", nil,
			[]string{"label long", "cannot be evaluated"}},
		{"it is made of values, and none has one", three + "  spent: {when: 'type == \"buy\"', value: 'sum(attrs.price)', window: 2h}\n", nil,
			[]string{"label spent", "spent is made of values"}},
		{"its value cannot be evaluated", three + "  spent: {when: 'type == \"buy\"', value: 'sum(attrs.price / 2)', window: 2h}\n", nil,
			[]string{"label spent", "the value of spent cannot be evaluated"}},
		{"its value needs the request", three +
			"  spent: {when: 'type == \"buy\"', value: 'sum(request.request_id == \"\" ? nil : value)', window: 2h}\n", nil, nil},
		{"its value needs the request, and the outcome that matches is of another part", three +
			"  spent: {when: 'type == \"buy\"', value: 'sum(request.request_id == \"\" ? nil : value)', window: 2h}\n",
			func(r *replay.Replay) { r.Part, r.Parts = 3, 200 }, nil},
		{"its value cannot be evaluated without the request", three +
			"  spent: {when: 'type == \"buy\"', value: 'sum(len(request.request_id) > 0 ? value : attrs.none / 2)', window: 2h}\n",
			func(r *replay.Replay) { r.Part, r.Parts = 3, 200 }, nil},
		{"its value needs the request, and no row has one", three +
			"  spent: {when: 'type == \"buy\"', value: 'sum(request.request_id == \"\" ? value : nil)', window: 2h}\n",
			func(r *replay.Replay) { r.Complete = true }, []string{"label spent", "the value of spent looks at the request"}},
		{"no outcome is an impression", "join: {negatives: seen, impression: 'type == \"veiw\"'}\n" + three, nil,
			[]string{"join.impression", `types: "buy", "click"`}},
		{"some outcome is an impression", "join: {negatives: seen, impression: 'type == \"buy\"'}\n" + three, nil, nil},
		{"a label of others needs none", three + "  both: {of: 'clicked == 1 && bought == 1'}\n", nil, nil},
		{"it looks at the request, and holds in no row", three +
			"  own: {when: 'type == \"click\" && request.model == \"x\"', window: 30m}\n",
			func(r *replay.Replay) { r.Complete = true }, []string{"label own", "looks at the request"}},
		{"the outcome that matches is of another part", three, func(r *replay.Replay) { r.Part, r.Parts = 3, 200 }, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			r := traffic(2).written(t, dir, configured(t, dir, c.labels))
			if c.with != nil {
				c.with(r)
			}
			stops(t, r, c.says)
		})
	}
	t.Run("a label that is not there", func(t *testing.T) {
		dir := t.TempDir()
		r := traffic(1).written(t, dir, configured(t, dir, three))
		r.Unmatched = []string{"buoght"}
		if got := run(t, r); got.err == nil || !strings.Contains(got.err.Error(), "did you mean bought") {
			t.Errorf("it says %v", got.err)
		}
	})
}

// TestOutcomesOfNoRow: the outcomes have requests, and yet none counts for any label. A few may all
// have come too late; of many the times or the items are written in another way.
func TestOutcomesOfNoRow(t *testing.T) {
	for _, c := range []struct {
		name     string
		outcomes int
		item     string
		later    time.Duration
		says     []string // nothing: it goes on
	}{
		{"items of other names", 20, `"item_id":"sku-a",`, time.Minute, []string{"none of 20 outcomes counts", "20 unknown_item"}},
		{"two items of other names", 2, `"item_id":"sku-a",`, time.Minute, nil},
		{"items of these names", 20, `"item_id":"a",`, time.Minute, nil},
		{"all are late", 20, "", 3 * time.Hour, nil},
		{"two are late", 2, "", 3 * time.Hour, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &logs{}
			for i := range 300 {
				at := noon.Add(time.Duration(i) * time.Minute)
				fmt.Fprintf(&l.requests, `{"request_id":"r%d","ts":%q,"items":[{"item_id":"a"}]}`+"\n", i, at.Format(time.RFC3339))
				if i%(300/c.outcomes) == 0 {
					fmt.Fprintf(&l.outcomes, `{"request_id":"r%d","type":"click","value":1,%s"ts":%q}`+"\n", i, c.item,
						at.Add(c.later).Format(time.RFC3339))
				}
			}
			dir := t.TempDir()
			r := l.written(t, dir, configured(t, dir, ""))
			r.Unmatched = []string{"bought"}
			stops(t, r, c.says)
		})
	}
}

// TestOutcomesOfNoRowInOnePart: the outcomes of one part are all of one request and of items that it
// does not list, and those of the other parts are in order. Only a replay of all can judge that.
func TestOutcomesOfNoRowInOnePart(t *testing.T) {
	l := &logs{}
	const parts = 2
	odd := false
	for i := range 100 {
		id, at := fmt.Sprintf("r%d", i), noon.Add(time.Duration(i)*time.Minute)
		fmt.Fprintf(&l.requests, `{"request_id":%q,"ts":%q,"items":[{"item_id":"a"}]}`+"\n", id, at.Format(time.RFC3339))
		item, times := "a", 1
		if batch.Part([]byte(id), parts) == 0 {
			if odd {
				continue
			}
			odd, item, times = true, "gone", 20
		}
		for n := range times {
			fmt.Fprintf(&l.outcomes, `{"request_id":%q,"type":"click","item_id":%q,"ts":%q}`+"\n", id, item,
				at.Add(time.Duration(1+n)*time.Second).Format(time.RFC3339))
		}
	}
	dir := t.TempDir()
	r := l.written(t, dir, configured(t, dir, ""))
	r.Unmatched, r.Part, r.Parts = []string{"bought"}, 0, parts
	got := run(t, r)
	if got.err != nil || !got.report.Written {
		t.Fatalf("it does not go on: %v", got.err)
	}
	if !strings.Contains(got.talk, "in this part, none of 20 outcomes counts for a label (0 outside_window, 20 unknown_item)") {
		t.Errorf("it does not say so:\n%s", got.talk)
	}
}

// TestCoverageByDay holds the report against logs that are counted by hand: in one pass and with a
// policy that leaves rows out.
func TestCoverageByDay(t *testing.T) {
	for _, more := range []string{"", "join: {sample_negatives: 0.5, window: 2h}\n"} {
		dir := t.TempDir()
		l := &logs{}
		type counts struct{ requests, positives, outcomes, orphans int64 }
		want := map[string]counts{}
		count := func(at time.Time, add counts) {
			c := want[at.Format(time.DateOnly)]
			want[at.Format(time.DateOnly)] = counts{c.requests + add.requests, c.positives + add.positives,
				c.outcomes + add.outcomes, c.orphans + add.orphans}
		}
		for i := range 600 {
			id, at := fmt.Sprintf("r%d", i), noon.Add(time.Duration(i)*10*time.Minute)
			l.request(id, at)
			add := counts{requests: 1}
			if i%3 == 0 {
				l.outcome(id, "click", at.Add(20*time.Minute))
				count(at.Add(20*time.Minute), counts{outcomes: 1})
				add.positives = 1
			}
			if i%7 == 0 {
				l.outcome(id, "buy", at.Add(100*time.Minute))
				count(at.Add(100*time.Minute), counts{outcomes: 1})
				add.positives = 1
			}
			if i%11 == 0 {
				l.outcome("unknown"+id, "click", at)
				count(at, counts{outcomes: 1, orphans: 1})
			}
			count(at, add)
		}
		r := l.written(t, dir, configured(t, dir, more))
		r.Complete = true
		got := run(t, r)
		if got.err != nil {
			t.Fatal(got.err)
		}
		if len(got.report.Days) != len(want) {
			t.Errorf("%d days, want %d", len(got.report.Days), len(want))
		}
		for _, d := range got.report.Days {
			if has := (counts{d.Requests, d.Positives, d.Outcomes, d.Orphans}); has != want[d.Day] {
				t.Errorf("%q: %s: %+v, want %+v", more, d.Day, has, want[d.Day])
			}
		}
	}
}

// TestReportOfLabels holds what the report says of labels and of unknown fields against logs that are counted by
// hand: in one pass, in several, and of some days. An outcome of the whole request counts once, though it has two rows.
func TestReportOfLabels(t *testing.T) {
	l := &logs{}
	for i := range 40 {
		id, at := fmt.Sprintf("r%d", i), noon.Add(time.Duration(i)*time.Hour)
		fmt.Fprintf(&l.requests, `{"request_id":%q,"ts":%q,"items":[{"item_id":"a"},{"item_id":"b","rank":1}],"sesion":1}`+"\n",
			id, at.Format(time.RFC3339))
		if i%2 == 0 {
			l.outcome(id, "click", at.Add(time.Minute))
			l.outcome(id, "click", at.Add(2*time.Minute))
		}
		if i%4 == 0 {
			fmt.Fprintf(&l.outcomes, `{"request_id":%q,"item_id":"b","type":"buy","value":3,"amount":3,"ts":%q}`+"\n", id,
				at.Add(time.Minute).Format(time.RFC3339))
		}
	}
	l.outcome("r39", "end", noon.Add(50*time.Hour))
	const many = `[{clicked 40 40 0 40} {bought 10 70 0 10} {rated 0 0 80 0}]`
	for name, c := range map[string]struct {
		change func(*replay.Replay)
		labels string
	}{
		"whole":       {func(*replay.Replay) {}, many},
		"passes":      {func(r *replay.Replay) { r.Memory = replay.OwnMemory + 4<<10 }, many},
		"of some":     {func(r *replay.Replay) { r.To = events.At(noon.Add(20 * time.Hour)) }, `[{clicked 20 20 0 20} {bought 5 35 0 5} {rated 0 0 40 0}]`},
		"for persons": {func(*replay.Replay) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := l.written(t, dir, configured(t, dir, "labels:\n  clicked: {when: 'type == \"click\"', window: 30m}\n"+
				"  bought: {when: 'type == \"buy\"', window: 30m, value: sum}\n  rated: {when: 'type == \"rate\"', window: 30m, value: mean}\n"))
			r.Unmatched = []string{"rated"}
			r.From, r.To = events.MinTime, events.MaxTime
			c.change(r)
			if c.labels == "" {
				var talk bytes.Buffer
				r.Talk = &talk
				if err := r.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, line := range []string{"clicked        40        40     0        40", `unknown fields of outcomes, ignored: "amount" (10)`,
					`unknown fields of requests, ignored: "items[].rank" (40), "sesion" (40)`} {
					if !strings.Contains(talk.String(), line) {
						t.Errorf("it does not say %q:\n%s", line, &talk)
					}
				}
				return
			}
			got := run(t, r)
			if got.err != nil {
				t.Fatal(got.err)
			}
			if several := got.report.Passes > 1; several != (name == "passes") {
				t.Errorf("%d passes", got.report.Passes)
			}
			if labels := fmt.Sprint(got.report.Labels); labels != c.labels {
				t.Errorf("labels %s, want %s", labels, c.labels)
			}
			if fields := fmt.Sprint(got.report.Fields); fields != "map[outcome:map[amount:10] request:map[items[].rank:40 sesion:40]]" {
				t.Errorf("unknown fields %s", fields)
			}
		})
	}
}
