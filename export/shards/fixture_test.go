package shards

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
)

const outputDir, exportsDir = "labeled", "exports"

// testDay is the day that tests export.
func testDay() events.Time { return events.At(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)) }

func testRules() *joiner.Rules {
	return &joiner.Rules{
		Labels: []joiner.Label{{Name: "clicked", Window: 30 * time.Minute},
			{Name: "spent", Agg: joiner.AggSum, Window: 30 * time.Minute}},
		Corrections: time.Hour,
	}
}

func testOptions(fsys vfs.FS) Options {
	return Options{
		FS: fsys, Out: exportsDir, Name: "feed", Rules: testRules(), Settled: true, Shards: 4, GroupBytes: 1 << 20,
		Splits: Splits{Eval: 0.2, Test: 0.1}, Version: "test", Created: time.Unix(0, 0), Workers: 2,
	}
}

// testRow is a row as a test's output has it, and as its export should.
type testRow struct {
	id, item, user string
	model          string // empty: m
	ts             events.Time
	revision       uint32
	reason         joiner.Reason
	clicked, spent float64
	price          float64 // a feature that is an integer on some rows
	tags           []string
	kept           []events.Value // what labels keep
	stage          uint16         // of joiner.Row
}

func (r *testRow) request() *events.Request {
	price := events.Value{Kind: events.ValueDouble, Float: r.price}
	if r.price == float64(int64(r.price)) {
		price = events.Value{Kind: events.ValueInt, Int: int64(r.price)}
	}
	tags := events.Value{Kind: events.ValueList}
	for _, tag := range r.tags {
		tags.List = append(tags.List, events.Value{Kind: events.ValueString, Str: tag})
	}
	return &events.Request{
		ID: r.id, TS: r.ts, UserID: r.user, Model: cmp.Or(r.model, "m"),
		Features: []events.Field{{Name: "tags", Value: tags}},
		Items:    []events.Item{{ID: r.item, Features: []events.Field{{Name: "price", Value: price}}}},
	}
}

func (r *testRow) row() *joiner.Row {
	return &joiner.Row{
		Cells:  []joiner.Cell{{Value: r.clicked, TS: events.MinTime}, {Value: r.spent, TS: events.MinTime}},
		Weight: 1, Revision: r.revision, Reason: r.reason, Extra: r.kept, Stage: r.stage,
	}
}

// text is the row as it is compared.
func (r *testRow) text() string {
	return fmt.Sprintf("%s|%s|%s|%d|%v|%v|%v|%v", r.id, r.item, r.user, int64(r.ts)/1000, r.clicked, r.spent, r.price,
		r.tags)
}

// writeOutput makes an output of commits of rows, or goes on with one that has the first
// of them. closed is how far the last commit had
// closed, and gaps what it records.
func writeOutput(t testing.TB, fsys vfs.FS, commits [][]testRow, fileRows int, closed events.Time, gaps []events.Gap) {
	t.Helper()
	writeLabels(t, fsys, testRules().Labels, commits, fileRows, closed, gaps)
}

// writeLabels is writeOutput with other labels.
func writeLabels(t testing.TB, fsys vfs.FS, labels []joiner.Label, commits [][]testRow, fileRows int,
	closed events.Time,
	gaps []events.Gap) {
	t.Helper()
	rules := joiner.Rules{Labels: labels}
	o, err := export.Open(export.Options{Bucket: bucket.NewDir(fsys, outputDir), Name: "feed", RulesHash: "abc",
		Labels: labels, Stages: rules.Windows(), FileRows: fileRows})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	last, _, _ := o.Last()
	for i, rows := range commits {
		k := uint64(i + 1)
		if k <= last.Number {
			continue
		}
		s, err := o.Stage(k)
		if err != nil {
			t.Fatal(err)
		}
		for j := range rows {
			if err := s.Row(rows[j].request(), rows[j].row()); err != nil {
				t.Fatal(err)
			}
		}
		cut := &joiner.Cut{
			Number: k, Nonce: fmt.Sprint("nonce", k), RulesHash: "abc", MaxEvent: events.Time(k),
			From: []events.Position{{Input: "S", Created: 5, Next: k * 10}},
			Progress: joiner.Progress{
				Commit: k, Clock: joiner.NewClock(), ClosedThrough: closed, PublishedThrough: closed, Gaps: gaps,
				Inputs: []events.Position{{Input: "S", Created: 5, Next: k*10 + 10}},
			},
		}
		if _, err := s.Commit(context.Background(), cut); err != nil {
			t.Fatal(err)
		}
	}
}

// exportDay exports the test's day.
func exportDay(t testing.TB, o Options) (Result, error) {
	t.Helper()
	return exportFrom(archiveOf(t, o.FS), o)
}

func archiveOf(t testing.TB, fsys vfs.FS) *export.Archive {
	t.Helper()
	archive, err := export.OpenArchive(bucket.NewDir(fsys, outputDir), 0)
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

func exportFrom(archive *export.Archive, o Options) (Result, error) {
	table, err := archive.Table()
	if err != nil {
		return Result{}, err
	}
	e, err := New(archive, o)
	if err != nil {
		return Result{}, err
	}
	result, err := e.Day(context.Background(), table, testDay())
	return result, errors.Join(err, e.Close())
}

func mustExport(t testing.TB, o Options) *Manifest {
	t.Helper()
	r, err := exportDay(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return r.Manifest
}

func contents(t testing.TB, fsys vfs.FS, name string) []byte {
	t.Helper()
	f, err := fsys.Open(path.Join(exportsDir, "feed", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// exported is a row as a shard has it.
type exported struct {
	testRow
	split  string
	shard  int
	file   string
	weight float64
	// The weights of labels with a sample of their own.
	clickedWeight, spentWeight float64
}

// readShards reads the files of an export with the Parquet library's own reader.
func readShards(t testing.TB, fsys vfs.FS, m *Manifest) (rows []exported) {
	t.Helper()
	for _, f := range m.Files {
		data := contents(t, fsys, f.Path)
		file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		if file.NumRows() != f.Rows {
			t.Errorf("%s has %d rows, its manifest says %d", f.Path, file.NumRows(), f.Rows)
		}
		shard := 0
		if _, err := fmt.Sscanf(strings.TrimPrefix(path.Base(f.Path), f.Split), "-%05d-of", &shard); err != nil {
			t.Fatal(err)
		}
		reader := parquet.NewReader(file)
		for {
			var row struct {
				ID      string   `parquet:"request_id"`
				TS      int64    `parquet:"request_ts,timestamp(microsecond)"`
				User    string   `parquet:"user_id,optional"`
				Item    string   `parquet:"item_id,optional"`
				Price   float64  `parquet:"item_price,optional"`
				Tags    []string `parquet:"tags,list"`
				Model   string   `parquet:"model,optional"`
				Clicked int32    `parquet:"clicked,optional"`
				Weight  float64  `parquet:"weight"`
				Spent   float64  `parquet:"spent,optional"`
				// Where labels have samples of their own.
				ClickedWeight float64 `parquet:"clicked_weight"`
				SpentWeight   float64 `parquet:"spent_weight"`
			}
			err := reader.Read(&row)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", f.Path, err)
			}
			rows = append(rows, exported{split: f.Split, shard: shard, file: f.Path, weight: row.Weight,
				clickedWeight: row.ClickedWeight, spentWeight: row.SpentWeight, testRow: testRow{
					id: row.ID, item: row.Item, user: row.User, ts: events.Time(row.TS * 1000), clicked: float64(row.Clicked), spent: row.Spent,
					price: row.Price, tags: row.Tags, model: row.Model,
				}})
		}
		_ = reader.Close()
	}
	return rows
}

// history is a random life of rows: commits, and what the day should export.
type history struct {
	commits [][]testRow
	want    map[string]testRow
	counts  Counts
}

func newHistory(rng *rand.Rand) *history {
	h := &history{want: map[string]testRow{}}
	latest := map[[2]string]testRow{}
	for range 6 {
		var commit []testRow
		for range 60 {
			r := testRow{
				id: fmt.Sprintf("r%d", rng.IntN(150)), item: fmt.Sprintf("i%d", rng.IntN(3)), user: fmt.Sprintf("u%d",
					rng.IntN(20)),
				clicked: float64(rng.IntN(2)), spent: float64(rng.IntN(9)) / 4, price: float64(rng.IntN(20)) / 2,
			}
			for i := range rng.IntN(3) {
				r.tags = append(r.tags, fmt.Sprint("t", i))
			}
			// Most requests are of the day; some are near its ends, and may move over them.
			r.ts = testDay().Add(time.Duration(rng.Int64N(int64(dayLength))))
			if rng.IntN(3) == 0 {
				r.ts = testDay().Add(time.Duration(rng.IntN(2)) * dayLength).Add(time.Duration(rng.IntN(20)-10) * time.Minute)
			}
			key := [2]string{r.id, r.item}
			if before, again := latest[key]; again {
				if d := before.ts.Std().Sub(r.ts.Std()).Abs(); d > time.Hour {
					r.ts = before.ts // another request would have another id
				}
				r.revision, r.reason = before.revision+1, joiner.ReasonCorrected
				switch rng.IntN(6) {
				case 0:
					r.reason = joiner.ReasonWithdrawn
				case 1:
					r.reason = joiner.ReasonGap
				case 2:
					r.reason = joiner.ReasonIncomplete
				case 3:
					r.reason = joiner.ReasonPending
				}
			}
			latest[key] = r
			commit = append(commit, r)
		}
		h.commits = append(h.commits, commit)
	}
	for _, r := range latest {
		if r.ts < testDay() || r.ts >= testDay().Add(dayLength) {
			continue
		}
		switch r.reason {
		case joiner.ReasonWithdrawn:
			h.counts.Withdrawn++
		case joiner.ReasonGap:
			h.counts.Gap++
		case joiner.ReasonIncomplete, joiner.ReasonPending:
			h.counts.Open++
		default:
			h.counts.Written++
			h.want[r.text()] = r
		}
	}
	return h
}

// missing reports whether a file is not there.
func missing(fsys vfs.FS, name string) bool {
	_, err := fsys.Stat(path.Join(exportsDir, "feed", name))
	return errors.Is(err, fs.ErrNotExist)
}
