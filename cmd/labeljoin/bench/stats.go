package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/export/stats"
)

// Stats is one run of the benchmark of statistics.
type Stats struct {
	Rows, Columns, Turns int
	DuckDB, TFDV, Dir    string // programs of Python that have the modules; empty: not measured
	JSON                 bool
	Talk                 io.Writer
}

// statsResult is what the benchmark prints.
type statsResult struct {
	Rows      int    `json:"rows"`
	Columns   int    `json:"columns"`
	Threads   int    `json:"threads"`
	Input     int64  `json:"input_bytes"`
	Labeljoin []turn `json:"labeljoin"`
	DuckDB    []turn `json:"duckdb,omitempty"`
	TFDV      []turn `json:"tfdv,omitempty"`
}

// Run measures, and prints the result to out.
func (b *Stats) Run(ctx context.Context, out io.Writer) (err error) {
	clean, err := workDir(&b.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clean()) }()
	e := Export{Rows: b.Rows, Columns: b.Columns, Dir: b.Dir, Talk: b.Talk}
	_, table, err := e.input(ctx)
	if err != nil {
		return err
	}
	result := &statsResult{Rows: b.Rows, Columns: b.Columns, Threads: runtime.GOMAXPROCS(0)}
	for i := range table.Files {
		result.Input += table.Files[i].Bytes
	}
	data := filepath.Join(b.Dir, "labeled", "data")
	for range b.Turns {
		t, err := statsTurn(ctx, data)
		if err != nil {
			return err
		}
		result.Labeljoin = append(result.Labeljoin, t)
		if err := otherTurn(ctx, b.DuckDB, summarizeProgram, data, &result.DuckDB); err != nil {
			return fmt.Errorf("DuckDB: %w", err)
		}
		if err := otherTurn(ctx, b.TFDV, tfdvProgram, data, &result.TFDV); err != nil {
			return fmt.Errorf("TensorFlow Data Validation: %w", err)
		}
	}
	return PrintResult(out, b.JSON, result, result.Lines())
}

// Lines are the result for people.
func (r *statsResult) Lines() []string {
	lines := []string{fmt.Sprintf("%d rows of %d columns, %d MB of Parquet, on %d threads", r.Rows, r.Columns,
		r.Input>>20, r.Threads)}
	tell := func(name string, turns []turn) {
		lines = append(lines, turnLines(name, turns)...)
		if len(turns) > 0 && name != "labeljoin" {
			lines = append(lines, fmt.Sprintf("labeljoin / %s: %.2f; by CPU: %.2f", name,
				fastestTurn(r.Labeljoin)/fastestTurn(turns), leastCPU(turns)/leastCPU(r.Labeljoin)))
		}
	}
	tell("labeljoin", r.Labeljoin)
	tell("duckdb", r.DuckDB)
	tell("tfdv", r.TFDV)
	return lines
}

// statsTurn computes the statistics of all columns once.
func statsTurn(ctx context.Context, data string) (t turn, err error) {
	files, err := stats.OpenFiles(data)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	defer partition.TuneGC()()
	var peak peakRSS
	runtime.GC()
	begin, err := measure()
	if err != nil {
		return t, err
	}
	peak.Watch()
	result, err := stats.Of(ctx, files.Sources, stats.Options{})
	end, failed := measure()
	t.Peak = peak.stop()
	if err := errors.Join(err, failed); err != nil {
		return t, err
	}
	t.Seconds, t.CPU = end.at.Sub(begin.at).Seconds(), (end.cpu - begin.cpu).Seconds()
	t.RowsPS = float64(result.Statistics.Datasets[0].NumExamples) / t.Seconds
	return t, nil
}

// summarizeProgram is DuckDB's own summary of the same files. It is less work:
// distinct values and quantiles are estimates, and there are no histograms and no
// frequent values.
const summarizeProgram = `
import duckdb, json, resource, sys, time
data, threads = sys.argv[1:]
con = duckdb.connect()
con.execute(f"set threads={threads}; set enable_progress_bar=false")
begin, cpu = time.time(), time.process_time()
rows = max(r[10] for r in con.execute(f"summarize select * from read_parquet('{data}/*/*.parquet', hive_partitioning=false)").fetchall())
seconds, cpu = time.time() - begin, time.process_time() - cpu
print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "rows_per_second": rows / seconds, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
`

// tfdvProgram computes the statistics with TensorFlow Data Validation, from
// memory: reading the files is not counted.
const tfdvProgram = `
import os; os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import glob, json, resource, sys, time
import pandas, pyarrow.parquet
import tensorflow_data_validation as tfdv
data, threads = sys.argv[1:]
frame = pandas.concat([pyarrow.parquet.ParquetFile(f).read().to_pandas() for f in sorted(glob.glob(data + "/*/*.parquet"))])
for name in frame.columns:
    if str(frame[name].dtype).startswith("datetime"):
        frame[name] = frame[name].astype("int64")
begin = time.time()
def used(): # of this process and of those that it started, which are not ended yet
    spent = time.process_time()
    for name in glob.glob("/proc/[0-9]*/stat"):
        try:
            fields = open(name).read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            spent += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return spent
cpu = used()
tfdv.generate_statistics_from_dataframe(frame, n_jobs=int(threads))
seconds, cpu = time.time() - begin, used() - cpu
print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "rows_per_second": len(frame) / seconds, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
`

func otherTurn(ctx context.Context, python, program, data string, to *[]turn) error {
	if python == "" {
		return nil
	}
	var t turn
	if err := runPython(ctx, python, program, &t, data, fmt.Sprint(runtime.GOMAXPROCS(0))); err != nil {
		return err
	}
	*to = append(*to, t)
	return nil
}
