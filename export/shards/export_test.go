package shards

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
)

var (
	exportSeeds = flag.Int("seeds", 30, "how many histories are exported")
	exportSeed  = flag.Uint64("seed", 0, "export the history of this seed alone")
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// TestUnionIsTheSettledRows exports random histories: every settled row of the day is in
// one file of one split, where its hash says, and no other row is.
func TestUnionIsTheSettledRows(t *testing.T) {
	t.Parallel()
	first, last := uint64(1), uint64(*exportSeeds)
	if *exportSeed > 0 {
		first, last = *exportSeed, *exportSeed
	}
	for seed := first; seed <= last; seed++ {
		rng := newRand(seed)
		h, fsys := newHistory(rng), vfs.NewMem()
		writeOutput(t, fsys, h.commits, 7+rng.IntN(200), events.MaxTime-1, nil)
		o := testOptions(fsys)
		o.Memory = 1 << (7 + rng.IntN(14)) // from many buckets to one
		o.Splits.By = []SplitBy{SplitByRequest, SplitByUser, SplitByTime}[rng.IntN(3)]
		m := mustExport(t, o)
		if problem := h.differs(m, readShards(t, fsys, m), &o); problem != "" {
			t.Fatalf("seed %d: %s", seed, problem)
		}
	}
}

// differs says what an export has otherwise than it should.
func (h *history) differs(m *Manifest, rows []exported, o *Options) string {
	found, splitOf, shardOf := map[string]bool{}, map[string]string{}, map[string]int{}
	order, lastFile, last := newHasher("order:"+o.Seed), "", uint64(0)
	for i := range rows {
		r := &rows[i]
		text := r.text()
		if _, wanted := h.want[text]; !wanted || found[text] {
			return fmt.Sprintf("row %s is too many", text)
		}
		found[text] = true
		key := r.id
		switch o.Splits.By {
		case SplitByUser:
			key = r.user
		case SplitByTime:
			key = text
		}
		if split, known := splitOf[key]; known && split != r.split {
			return fmt.Sprintf("rows of %s are in %s and in %s", key, split, r.split)
		}
		splitOf[key] = r.split
		if shard, known := shardOf[r.id]; known && shard != r.shard {
			return fmt.Sprintf("rows of request %s are in shards %d and %d", r.id, shard, r.shard)
		}
		shardOf[r.id] = r.shard
		hash := order.sum([]byte(r.id))
		if r.file == lastFile && hash < last || part(hash, o.Shards) != r.shard {
			return fmt.Sprintf("row %s is not where its hash says", text)
		}
		lastFile, last = r.file, hash
	}
	if len(found) != len(h.want) {
		return fmt.Sprintf("%d rows, want %d", len(found), len(h.want))
	}
	c := m.Counts
	if c.Written != h.counts.Written || c.Withdrawn != h.counts.Withdrawn || c.Gap != h.counts.Gap ||
		c.Open != h.counts.Open ||
		c.Read != c.Written+c.Withdrawn+c.Gap+c.Open+c.Sampled+c.Moved+c.Replaced {
		return fmt.Sprintf("the manifest counts %+v, want %+v", c, h.counts)
	}
	return ""
}

// TestSameBytes exports the same rows, cut into other files and sorted in other
// portions: every byte is the same. Another seed gives another order.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	h := newHistory(newRand(5))
	export := func(fileRows int, memory int64, seed string) (all []byte) {
		fsys := vfs.NewMem()
		writeOutput(t, fsys, h.commits, fileRows, events.MaxTime-1, nil)
		o := testOptions(fsys)
		o.Memory, o.Seed = memory, seed
		for _, f := range mustExport(t, o).Files {
			all = append(all, contents(t, fsys, f.Path)...)
		}
		return all
	}
	want := export(1000, 1<<20, "a")
	if got := export(11, 300, "a"); !bytes.Equal(got, want) {
		t.Error("the same rows in other files give other bytes")
	}
	if got := export(1000, 1<<20, "b"); bytes.Equal(got, want) {
		t.Error("another seed gives the same bytes")
	}
}

// TestGapRowsAreLeftOutWhole has a positive whose window touches a gap, which the join
// keeps because it is certain: with it, the stretch would hold positives alone.
func TestGapRowsAreLeftOutWhole(t *testing.T) {
	t.Parallel()
	fsys, at := vfs.NewMem(), testDay().Add(12*time.Hour)
	rows := []testRow{
		{id: "before", item: "i", ts: at.Add(-2 * time.Hour)}, {id: "in", item: "i", ts: at.Add(-time.Minute), clicked: 1,
			reason: joiner.ReasonCorrected},
		{id: "after", item: "i", ts: at.Add(2 * time.Hour)},
	}
	gap := events.Gap{ID: 1, From: at, To: at.Add(time.Hour), Since: at.Add(3 * time.Hour)}
	gap.Kinds[events.KindOutcome] = true
	writeOutput(t, fsys, [][]testRow{rows}, 100, events.MaxTime-1, []events.Gap{gap})
	m := mustExport(t, testOptions(fsys))
	var ids []string
	for _, r := range readShards(t, fsys, m) {
		ids = append(ids, r.id)
	}
	slices.Sort(ids)
	if want := []string{"after", "before"}; !slices.Equal(ids, want) || m.Counts.Gap != 1 {
		t.Errorf("exported %q and counted %d rows in the gap, want %q and 1", ids, m.Counts.Gap, want)
	}
}

// TestGapThatNoCommitHas declares gaps that no commit has taken in: a day that one touches is not complete, and
// a part of it has no rows that the gap touches. What takes a gap back waits likewise.
func TestGapThatNoCommitHas(t *testing.T) {
	t.Parallel()
	at := testDay().Add(12 * time.Hour)
	declare := func(from, to events.Time, kind events.Kind) events.Gap {
		g := events.Gap{From: from, To: to}
		g.Kinds[kind] = true
		return g
	}
	whole := declare(at, at.Add(time.Hour), events.KindOutcome)
	quiet := whole
	quiet.Quiet = true
	taken := whole
	taken.ID, taken.Since = 1, events.MinTime
	for name, c := range map[string]struct {
		taken    []events.Gap // by the commit
		declared []events.Gap
		waits    uint64 // for the gap of that number
		rows     int    // that a part of the day has
	}{
		"none":                     {nil, nil, 0, 3},
		"touches the day":          {nil, []events.Gap{whole}, 1, 2},
		"of requests":              {nil, []events.Gap{declare(at, at.Add(time.Hour), events.KindRequest)}, 0, 3},
		"quiet":                    {nil, []events.Gap{quiet}, 0, 3},
		"of another day":           {nil, []events.Gap{declare(at.Add(48*time.Hour), at.Add(49*time.Hour), events.KindOutcome)}, 0, 3},
		"at the day's last window": {nil, []events.Gap{declare(testDay().Add(dayLength), at.Add(49*time.Hour), events.KindOutcome)}, 1, 3},
		"taken in":                 {[]events.Gap{taken}, []events.Gap{whole}, 0, 2},
		"one of two is taken in":   {[]events.Gap{taken}, []events.Gap{whole, whole}, 2, 2},
		"taken back, not yet":      {[]events.Gap{taken}, []events.Gap{whole, {Removes: 1}}, 2, 2},
		"taken back before":        {nil, []events.Gap{whole, {Removes: 1}}, 0, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys := vfs.NewMem()
			rows := []testRow{{id: "before", item: "i", ts: at.Add(-2 * time.Hour)}, {id: "in", item: "i", ts: at.Add(-time.Minute)},
				{id: "after", item: "i", ts: at.Add(2 * time.Hour)}}
			writeOutput(t, fsys, [][]testRow{rows}, 100, events.MaxTime-1, c.taken)
			gaps := export.OpenGaps(bucket.NewDir(fsys, outputDir))
			for _, g := range c.declared {
				if _, err := gaps.Declare(g, nil); err != nil {
					t.Fatal(err)
				}
			}
			o := testOptions(fsys)
			table, err := archiveOf(t, fsys).Table()
			if err != nil {
				t.Fatal(err)
			}
			listed, err := List(table, o)
			if err != nil || len(listed) != 1 || listed[0].Gap != c.waits || listed[0].Ready != (c.waits == 0) {
				t.Errorf("the list says %+v, %v; want that it waits for gap %d", listed, err, c.waits)
			}
			r, err := exportDay(t, o)
			notReady, waits := errors.AsType[*NotReadyError](err)
			if waits != (c.waits > 0) || waits && (notReady.Gap != c.waits || !strings.Contains(err.Error(), fmt.Sprint("gap ", c.waits))) {
				t.Fatalf("got %v, want that it waits for gap %d", err, c.waits)
			}
			if waits {
				o.Partial = true
				if r, err = exportDay(t, o); err != nil || !r.Version.Partial {
					t.Fatalf("a part: %v, %+v", err, r.Version)
				}
			}
			if got := len(readShards(t, fsys, r.Manifest)); got != c.rows {
				t.Errorf("%d rows, want %d", got, c.rows)
			}
		})
	}
}

// TestReadiness moves the point up to which requests are closed over a day's end and what
// corrections may change.
func TestReadiness(t *testing.T) {
	t.Parallel()
	end := testDay().Add(dayLength)
	for _, c := range []struct {
		name           string
		closed         events.Time
		settled, ready bool
	}{
		{"a microsecond short of its end", end - 1000, false, false},
		{"closed", end, false, true},
		{"closed, corrections open", end, true, false},
		{"a microsecond short of the corrections' end", end.Add(time.Hour) - 1000, true, false},
		{"past the corrections", end.Add(time.Hour), true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := vfs.NewMem()
			writeOutput(t, fsys, [][]testRow{{{id: "r", item: "i", ts: testDay()}}}, 10, c.closed, nil)
			o := testOptions(fsys)
			o.Settled = c.settled
			r, err := exportDay(t, o)
			if _, notReady := err.(*NotReadyError); (err == nil) != c.ready && !notReady || c.ready != (err == nil) {
				t.Fatalf("got %v, want ready %v", err, c.ready)
			}
			if !c.ready && !missing(fsys, "dt=2026-11-22") {
				t.Error("files of a day that is not complete are there")
			}
			if c.ready {
				return
			}
			o.Partial = true
			r, err = exportDay(t, o)
			if err != nil || !r.Manifest.Partial || r.Version.String() != "v=0001-partial" {
				t.Errorf("a partial export gives %v, %v", r, err)
			}
		})
	}
}

// TestVersions exports a day that is corrected afterwards.
func TestVersions(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	first := []testRow{{id: "r", item: "i", ts: testDay()}}
	writeOutput(t, fsys, [][]testRow{first}, 10, events.MaxTime-1, nil)
	o := testOptions(fsys)
	mustExport(t, o)
	again, err := exportDay(t, o)
	if err != nil || again.Made || again.Stale {
		t.Fatalf("a second export gives %+v, %v", again, err)
	}
	o.Refresh = true
	if r, err := exportDay(t, o); err != nil || r.Made {
		t.Fatalf("a refresh without news gives %+v, %v", r, err)
	}
	late := first[0]
	late.revision, late.reason, late.clicked = 1, joiner.ReasonCorrected, 1
	writeOutput(t, fsys, [][]testRow{first, {late}}, 10, events.MaxTime-1, nil)
	o.Refresh = false
	if r, err := exportDay(t, o); err != nil || r.Made || !r.Stale {
		t.Fatalf("without refresh, a corrected day gives %+v, %v", r, err)
	}
	o.Refresh = true
	r, err := exportDay(t, o)
	if err != nil || !r.Made || r.Version.Number != 2 || r.Manifest.Parent == "" {
		t.Fatalf("with refresh, a corrected day gives %+v, %v", r, err)
	}
	if rows := readShards(t, fsys, r.Manifest); len(rows) != 1 || rows[0].clicked != 1 {
		t.Errorf("version 2 holds %v", rows)
	}
	card := string(contents(t, fsys, cardName))
	if !strings.Contains(card, "v=0002/train") || strings.Contains(card, "v=0001") {
		t.Errorf("the card names other versions than the newest:\n%s", card)
	}
}

// TestWhatTellsTheLabelIsLeftOut looks at the columns.
func TestWhatTellsTheLabelIsLeftOut(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	o := testOptions(fsys)
	o.Rules.Labels = slices.Clone(o.Rules.Labels)
	o.Rules.Labels[0].Columns = []joiner.Column{{Name: "dwell_ms", Kind: events.ValueDouble}}
	kept := []events.Value{{Kind: events.ValueDouble, Float: 7}}
	writeLabels(t, fsys, o.Rules.Labels,
		[][]testRow{{{id: "r", item: "i", ts: testDay(), tags: []string{"x"}, kept: kept}}}, 10, events.MaxTime-1, nil)
	table, err := archiveOf(t, fsys).Table()
	if err != nil {
		t.Fatal(err)
	}
	if other := OtherLabels(table, testRules()); len(other) > 0 {
		t.Errorf("%q are called labels", other)
	}
	for _, f := range table.Files {
		for _, c := range f.Features {
			if c.Name != "tags" && c.Name != "price" && c.Name != "item_price" {
				t.Errorf("column %s is called a feature", c.Name)
			}
		}
	}
	names := func(m *Manifest) (names []string) {
		for _, c := range m.Columns {
			names = append(names, c.Name)
		}
		return names
	}
	got := names(mustExport(t, o))
	for _, name := range []string{"revision", "reason", "clicked_ts", "spent_ts", "dwell_ms"} {
		if slices.Contains(got, name) {
			t.Errorf("column %s tells the label, and is there", name)
		}
	}
	o.Revision, o.Reason, o.LabelTimes, o.Exclude, o.Refresh = true, true, true, []string{"tags"}, true
	o.LabelColumns = true
	got = names(mustExport(t, o))
	for _, name := range []string{"revision", "reason", "clicked_ts", "spent_ts", "dwell_ms"} {
		if !slices.Contains(got, name) {
			t.Errorf("column %s was asked for, and is not there", name)
		}
	}
	if slices.Contains(got, "tags") {
		t.Error("column tags is to be left out")
	}
}

// TestLabelThatNoFileHas exports with a configuration that is not the output's.
func TestLabelThatNoFileHas(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	writeOutput(t, fsys, [][]testRow{{{id: "r", item: "i", ts: testDay()}}}, 10, events.MaxTime-1, nil)
	o := testOptions(fsys)
	o.Rules = testRules()
	o.Rules.Labels[0].Name = "bought"
	_, err := exportDay(t, o)
	if missing, ok := errors.AsType[*LabelMissingError](err); !ok || missing.Label != "bought" ||
		!slices.Equal(missing.Known, []string{"clicked", "spent"}) {
		t.Fatalf("got %v, want that there is no label bought", err)
	}
	table, err := archiveOf(t, fsys).Table()
	if err != nil {
		t.Fatal(err)
	}
	if other := OtherLabels(table, o.Rules); !slices.Equal(other, []string{"clicked"}) {
		t.Errorf("labels %q are left out, want clicked", other)
	}
}

// TestOverdue says what a day waits for once it should be complete.
func TestOverdue(t *testing.T) {
	t.Parallel()
	last := joiner.Cut{Number: 1}
	last.Progress.Clock = joiner.NewClock()
	last.Progress.Clock.Observe(events.KindRequest, testDay().Add(23*time.Hour))
	last.Progress.Clock.Observe(events.KindOutcome, testDay().Add(22*time.Hour))
	last.Progress.ClosedThrough = testDay().Add(21 * time.Hour)
	r := ReadinessOf(&last, nil, testRules(), testDay(), false)
	for i, c := range []struct {
		now     events.Time
		overdue bool
		words   []string
	}{
		{r.Expected, false, []string{"expected 2026-11-23T00:30:00Z"}},
		{r.Expected.Add(time.Second), true, []string{"waits for outcomes after 2026-11-22T22:00:00Z", "heartbeat"}},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			e := &NotReadyError{Day: "2026-11-22", Readiness: r, Now: c.now}
			text := r.Words(c.now) + " / " + e.Error()
			if r.Overdue(c.now) != c.overdue {
				t.Errorf("at %s overdue is %v", c.now, !c.overdue)
			}
			for _, part := range c.words {
				if !strings.Contains(text, part) {
					t.Errorf("at %s there is no %q in %q", c.now, part, text)
				}
			}
		})
	}
}

// TestVersionsOfOtherOutputs: an export under the same name may have been made of another output.
func TestVersionsOfOtherOutputs(t *testing.T) {
	mine, other := vfs.NewMem(), vfs.NewMem()
	closed := testDay().Add(72 * time.Hour)
	rows := []testRow{{id: "a", ts: testDay().Add(time.Hour), price: 1}}
	writeOutput(t, mine, [][]testRow{rows, {{id: "b", ts: testDay().Add(2 * time.Hour), price: 2}}}, 10, closed, nil)
	writeOutput(t, other, [][]testRow{{{id: "c", ts: testDay().Add(time.Hour), price: 3}}, rows, rows}, 10, closed, nil)
	if _, err := exportDay(t, testOptions(mine)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		of      vfs.FS
		foreign bool
	}{"its own": {mine, false}, "another": {other, true}} {
		t.Run(name, func(t *testing.T) {
			archive, err := export.OpenArchive(bucket.NewDir(c.of, outputDir), 0)
			if err != nil {
				t.Fatal(err)
			}
			table, err := archive.Table()
			if err != nil {
				t.Fatal(err)
			}
			days, err := List(table, testOptions(mine))
			if err != nil || len(days) != 1 || days[0].Version.Number != 1 || days[0].Foreign != c.foreign {
				t.Errorf("%v: %+v", err, days)
			}
		})
	}
}
