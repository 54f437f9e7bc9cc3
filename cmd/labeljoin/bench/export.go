package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/version"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/review"
	"github.com/labeljoin/labeljoin/export/shards"
	"github.com/labeljoin/labeljoin/joiner"
)

// Export is one run of the benchmark.
type Export struct {
	Rows, Columns, Shards, Turns int
	Format, Python, Memory, Dir  string
	Report                       bool // by turns with the statistics and the report beside the day
	JSON                         bool
	Talk                         io.Writer
}

// exportResult is what the benchmark prints.
type exportResult struct {
	Rows      int    `json:"rows"`
	Columns   int    `json:"columns"`
	Shards    int    `json:"shards"`
	Threads   int    `json:"threads"`
	Input     int64  `json:"input_bytes"`
	Labeljoin []turn `json:"labeljoin"`
	// Reported are the turns with statistics, health and report beside the day.
	Reported []turn `json:"with_report,omitempty"`
	DuckDB   []turn `json:"duckdb,omitempty"`
	// Ratio is the rows per second of labeljoin's fastest turn, divided by those of
	// DuckDB's. CPURatio is the same of the CPU that they used, which says more where other
	// programs run.
	Ratio    float64 `json:"ratio,omitempty"`
	CPURatio float64 `json:"cpu_ratio,omitempty"`
	// Cost is how much longer the fastest turn with a report takes than the fastest without, as a
	// part of the latter, and CPUCost the same of the CPU that is used.
	Cost    float64 `json:"report_cost,omitempty"`
	CPUCost float64 `json:"report_cpu_cost,omitempty"`
}

// benchDay is the day of the generated rows.
func benchDay() events.Time { return events.At(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)) }

// Run measures, and prints the result to out.
func (b *Export) Run(ctx context.Context, out io.Writer) (err error) {
	clean, err := workDir(&b.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clean()) }()
	result := &exportResult{Rows: b.Rows, Columns: b.Columns, Shards: b.Shards, Threads: runtime.GOMAXPROCS(0)}
	archive, table, err := b.input(ctx)
	if err != nil {
		return err
	}
	for i := range table.Files {
		result.Input += table.Files[i].Bytes
	}
	for range b.Turns {
		t, err := b.export(ctx, archive, table, false)
		if err != nil {
			return err
		}
		result.Labeljoin = append(result.Labeljoin, t)
		if b.Report {
			if t, err = b.export(ctx, archive, table, true); err != nil {
				return err
			}
			result.Reported = append(result.Reported, t)
		}
		if b.Python == "" {
			continue
		}
		if t, err = b.duckdb(ctx); err != nil {
			return err
		}
		result.DuckDB = append(result.DuckDB, t)
	}
	if len(result.DuckDB) > 0 {
		result.Ratio = fastestTurn(result.Labeljoin) / fastestTurn(result.DuckDB)
		result.CPURatio = leastCPU(result.DuckDB) / leastCPU(result.Labeljoin)
	}
	if len(result.Reported) > 0 {
		result.Cost = fastestTurn(result.Labeljoin)/fastestTurn(result.Reported) - 1
		result.CPUCost = leastCPU(result.Reported)/leastCPU(result.Labeljoin) - 1
	}
	return PrintResult(out, b.JSON, result, result.Lines())
}

func (r *exportResult) Lines() []string {
	lines := []string{fmt.Sprintf("%d rows of %d columns, %d MB of Parquet, to %d files of each split, on %d threads",
		r.Rows, r.Columns, r.Input>>20, r.Shards, r.Threads)}
	lines = append(lines, turnLines("labeljoin", r.Labeljoin)...)
	lines = append(lines, turnLines("reported", r.Reported)...)
	lines = append(lines, turnLines("duckdb", r.DuckDB)...)
	if len(r.Reported) > 0 {
		lines = append(lines, fmt.Sprintf("statistics and report: %.0f %% more time, %.0f %% more CPU", 100*r.Cost,
			100*r.CPUCost))
	}
	if r.Ratio > 0 {
		lines = append(lines,
			fmt.Sprintf("labeljoin / duckdb: %.2f times the rows per second, %.2f times the rows for a second of CPU",
				r.Ratio, r.CPURatio))
	}
	return lines
}

func (b *Export) labels() []joiner.Label {
	return []joiner.Label{{Name: "clicked", Window: time.Hour}, {Name: "spent", Agg: joiner.AggSum, Window: time.Hour}}
}

// input writes the day's rows, if they are not there.
func (b *Export) input(ctx context.Context) (*export.Archive, *export.Table, error) {
	rows := bucket.NewDir(vfs.Default, filepath.Join(b.Dir, "labeled"))
	o, err := export.Open(export.Options{Bucket: rows, Name: "bench", RulesHash: "bench", Labels: b.labels()})
	if err != nil {
		return nil, nil, err
	}
	if _, _, there := o.Last(); !there {
		fmt.Fprintln(b.Talk, "writing the rows")
		err = b.write(ctx, o)
	}
	if err := errors.Join(err, o.Close()); err != nil {
		return nil, nil, err
	}
	archive, err := export.OpenArchive(rows, partition.Default)
	if err != nil {
		return nil, nil, err
	}
	table, err := archive.Table()
	return archive, table, err
}

// write commits the rows: requests of ten items, with texts that repeat and numbers that
// do not, as features of recommenders do.
func (b *Export) write(ctx context.Context, o *export.Output) error {
	const items = 10
	rng := rand.New(rand.NewPCG(1, 2))
	features := max(b.Columns-14, 2) // the rest are columns that every row has
	s, err := o.Stage(1)
	if err != nil {
		return err
	}
	defer s.Abort()
	for n := 0; n < b.Rows; n += items {
		if n%(items<<10) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		req := &events.Request{
			ID: fmt.Sprintf("req-%016x",
				rng.Uint64()), TS: benchDay().Add(time.Duration(float64(24*time.Hour) * float64(n) / float64(b.Rows))),
			Model: "ranker", ModelVersion: "v" + fmt.Sprint(n%3), UserID: fmt.Sprintf("user-%d", rng.IntN(1_000_000)),
		}
		for f := range features / 2 {
			req.Features = append(req.Features, benchFeature(rng, f))
		}
		for i := range items {
			item := events.Item{ID: fmt.Sprintf("item-%d", rng.IntN(100_000)), Position: int64(i), HasPosition: true,
				Score: rng.Float64(), HasScore: true}
			for f := features / 2; f < features; f++ {
				item.Features = append(item.Features, benchFeature(rng, f))
			}
			req.Items = append(req.Items, item)
		}
		for i := range min(items, b.Rows-n) {
			clicked := float64(rng.IntN(20) / 19)
			row := &joiner.Row{Item: i, Weight: 1, Cells: []joiner.Cell{{Value: clicked, TS: events.MinTime},
				{Value: clicked * rng.Float64(), TS: events.MinTime}}}
			if err := s.Row(req, row); err != nil {
				return err
			}
		}
	}
	_, err = s.Commit(ctx, benchCut())
	return err
}

// benchFeature is a value of feature f: a number, a whole number or a text of few.
func benchFeature(rng *rand.Rand, f int) events.Field {
	field := events.Field{Name: fmt.Sprintf("f%02d", f)}
	switch f % 3 {
	case 0:
		field.Value = events.Value{Kind: events.ValueDouble, Float: rng.NormFloat64()}
	case 1:
		field.Value = events.Value{Kind: events.ValueInt, Int: int64(rng.IntN(1000))}
	default:
		field.Value = events.Value{Kind: events.ValueString, Str: fmt.Sprintf("category-%d", rng.IntN(50))}
	}
	return field
}

// benchCut is the only commit, after which the log has ended.
func benchCut() *joiner.Cut {
	c := &joiner.Cut{
		Number: 1, Nonce: "bench", RulesHash: "bench", MaxEvent: benchDay(), From: []events.Position{{Input: "bench",
			Next: 1}},
		Progress: joiner.Progress{
			Commit: 1, Clock: joiner.NewClock(), ClosedThrough: events.MaxTime, PublishedThrough: events.MaxTime, Inputs: []events.Position{{Input: "bench", Next: 2}},
		},
	}
	for k := range events.Kinds {
		c.Progress.Clock.MarkRead(events.Kind(k), events.MaxTime)
	}
	return c
}

// export exports the day anew, with or without what lies beside it.
func (b *Export) export(ctx context.Context, archive *export.Archive, table *export.Table,
	report bool) (t turn, err error) {
	out := filepath.Join(b.Dir, "exports")
	if err := os.RemoveAll(out); err != nil {
		return t, err
	}
	defer partition.TuneGC()()
	o := shards.Options{
		FS: vfs.Default, Out: out, Name: "bench", Rules: &joiner.Rules{Labels: b.labels()}, Format: shards.Format(b.Format), Shards: b.Shards,
		Splits: shards.Splits{By: shards.SplitByUser, Eval: 0.1}, Version: version.Text(), Workers: runtime.GOMAXPROCS(0),
	}
	if report {
		o.Review = (&review.Gate{Output: review.Of(filepath.Join(b.Dir, "labeled"), archive)}).Begin
	}
	e, err := shards.New(archive, o)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	var peak peakRSS
	runtime.GC()
	peak.Watch()
	before, err := measure()
	if err != nil {
		return t, err
	}
	result, err := e.Day(ctx, table, benchDay())
	t.Peak = peak.stop()
	if err != nil {
		return t, err
	}
	after, err := measure()
	if err != nil {
		return t, err
	}
	t.Seconds, t.CPU = after.at.Sub(before.at).Seconds(), (after.cpu - before.cpu).Seconds()
	for _, f := range result.Manifest.Files {
		t.Bytes += f.Bytes
	}
	t.RowsPS = float64(result.Manifest.Counts.Written) / t.Seconds
	return t, nil
}

// duckProgram sorts the same files by a hash of the request, in Python with DuckDB. It
// writes one file for each split, which is less work than many.
const duckProgram = `
import duckdb, json, os, resource, sys, time
data, out, threads, memory = sys.argv[1:]
con = duckdb.connect()
con.execute(f"set threads={threads}; set memory_limit='{memory}'; set temp_directory='{out}.tmp'; set preserve_insertion_order=false; set enable_progress_bar=false")
os.makedirs(out, exist_ok=True)
begin, before = time.time(), resource.getrusage(resource.RUSAGE_SELF)
con.execute(f"""copy (select * exclude (revision, reason, clicked_ts, spent_ts) from read_parquet('{data}/*/*.parquet', hive_partitioning=false)
    order by hash(request_id)) to '{out}/all.parquet' (format parquet, compression zstd, compression_level 1)""")
seconds, used = time.time() - begin, resource.getrusage(resource.RUSAGE_SELF)
rows = con.execute(f"select count(*) from '{out}/all.parquet'").fetchone()[0]
print(json.dumps({"seconds": seconds, "rows_per_second": rows / seconds,
    "cpu_seconds": used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime, "bytes": os.path.getsize(f"{out}/all.parquet"),
    "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
`

func (b *Export) duckdb(ctx context.Context) (t turn, err error) {
	out := filepath.Join(b.Dir, "duckdb")
	if err := os.RemoveAll(out); err != nil {
		return t, err
	}
	err = runPython(ctx, b.Python, duckProgram, &t, filepath.Join(b.Dir, "labeled", "data"), out,
		fmt.Sprint(runtime.GOMAXPROCS(0)), b.Memory)
	return t, errors.Join(err, os.RemoveAll(out), os.RemoveAll(out+".tmp"))
}
