package bench

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// Replay is one run of the benchmark of replays.
type Replay struct {
	Rows, Turns int
	// Python is a program that has the duckdb module; empty: only labeljoin is measured,
	// and only from JSON lines.
	Python, Dir, Only, Profile string
	JSON                       bool
	Singles                    bool // features that are doubles are declared float32, on both sides
	Talk                       io.Writer
}

//go:embed replay.py
var replayProgram string

// replayResult is what the benchmark prints: a comparison for each log and format.
type replayResult struct {
	Threads     int                `json:"threads"`
	Comparisons []replayComparison `json:"comparisons"`
}

// replayComparison is one log in one format. Figures are medians.
type replayComparison struct {
	Log        string `json:"log"`
	Input      string `json:"input"` // jsonl or parquet
	Rows       int    `json:"rows"`
	InputBytes int64  `json:"input_bytes"`

	Labeljoin []turn `json:"labeljoin"`
	DuckDB    []turn `json:"duckdb,omitempty"`

	RowsPS     float64 `json:"labeljoin_rows_per_s"`
	DuckRowsPS float64 `json:"duckdb_rows_per_s,omitempty"`
	Peak       int64   `json:"labeljoin_peak_rss"`
	DuckPeak   int64   `json:"duckdb_peak_rss,omitempty"`
	Bytes      int64   `json:"labeljoin_output_bytes"`
	DuckBytes  int64   `json:"duckdb_output_bytes,omitempty"`
	// Ratios of labeljoin to DuckDB; 0 if it was not measured.
	Speed  float64 `json:"speed_ratio,omitempty"`
	CPU    float64 `json:"cpu_ratio,omitempty"`
	Memory float64 `json:"memory_ratio,omitempty"`
	Output float64 `json:"output_ratio,omitempty"`
	// Differ says how the rows of the two differ; empty if they are the same.
	Differ string `json:"differ,omitempty"`
}

// Run measures, and prints the result to out.
func (b *Replay) Run(ctx context.Context, out io.Writer) (err error) {
	clean, err := workDir(&b.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clean()) }()
	result := &replayResult{Threads: runtime.GOMAXPROCS(0)}
	for _, log := range replayLogs() {
		if b.Singles {
			log.features = strings.ReplaceAll(log.features, "=DOUBLE", "=FLOAT")
		}
		some, err := b.log(ctx, &log)
		if err != nil {
			return fmt.Errorf("%s: %w", log.name, err)
		}
		result.Comparisons = append(result.Comparisons, some...)
	}
	if err := PrintResult(out, b.JSON, result, result.Lines()); err != nil {
		return err
	}
	for _, c := range result.Comparisons {
		if c.Differ != "" {
			return fmt.Errorf("the rows of %s from %s are not DuckDB's: %s", c.Log, c.Input, c.Differ)
		}
	}
	return nil
}

// log measures one log in all formats that are wanted.
func (b *Replay) log(ctx context.Context, l *replayLog) (all []replayComparison, err error) {
	formats := []string{"jsonl", "parquet"}
	if b.Python == "" {
		formats = formats[:1]
	}
	formats = slices.DeleteFunc(formats, func(f string) bool { return !strings.HasPrefix(l.name+"-"+f, b.Only) })
	if len(formats) == 0 {
		return nil, nil // its files may be large
	}
	dir := filepath.Join(b.Dir, fmt.Sprintf("%s-%d", l.name, b.Rows))
	fmt.Fprintf(b.Talk, "writing the log %s\n", l.name)
	if err := l.writeLogs(b.Rows, dir); err != nil {
		return nil, err
	}
	for _, format := range formats {
		c, err := b.compare(ctx, l, dir, format)
		if err != nil {
			return nil, err
		}
		all = append(all, *c)
	}
	return all, nil
}

// compare measures one log in one format, by turns.
func (b *Replay) compare(ctx context.Context, l *replayLog, dir, format string) (*replayComparison, error) {
	c := &replayComparison{Log: l.name, Input: format, Rows: b.Rows / l.rows * l.rows}
	logs := dir
	if format == "parquet" {
		logs = filepath.Join(dir, "parquet")
		if _, err := b.duckdb(ctx, "parquet", l, dir, "jsonl", logs); err != nil {
			return nil, err
		}
	}
	for _, kind := range []string{"requests", "outcomes"} {
		info, err := os.Stat(filepath.Join(logs, kind+"."+format))
		if err != nil {
			return nil, err
		}
		c.InputBytes += info.Size()
	}
	ours, theirs := filepath.Join(b.Dir, "labeled"), filepath.Join(b.Dir, "duckdb")
	for range b.Turns {
		t, err := b.labeljoin(ctx, dir, logs, format, ours)
		if err != nil {
			return nil, err
		}
		t.RowsPS = float64(c.Rows) / t.Seconds
		c.Labeljoin = append(c.Labeljoin, t)
		if b.Python == "" {
			continue
		}
		if t, err = b.duckdb(ctx, "join", l, logs, format, theirs); err != nil {
			return nil, err
		}
		t.RowsPS = float64(c.Rows) / t.Seconds
		c.DuckDB = append(c.DuckDB, t)
	}
	c.sum()
	if b.Python == "" {
		return c, nil
	}
	var same struct {
		Same bool
		Why  string
	}
	if err := b.program(ctx, &same, "compare", filepath.Join(ours, "data"), theirs); err != nil {
		return nil, err
	}
	if !same.Same {
		c.Differ = cmp.Or(same.Why, "they differ")
	}
	return c, nil
}

// sum fills in medians and ratios.
func (c *replayComparison) sum() {
	of := func(turns []turn, figure func(*turn) float64) float64 {
		if len(turns) == 0 {
			return 0
		}
		figures := make([]float64, len(turns))
		for i := range turns {
			figures[i] = figure(&turns[i])
		}
		slices.Sort(figures)
		return figures[len(figures)/2]
	}
	speed := func(t *turn) float64 { return t.RowsPS }
	peak := func(t *turn) float64 { return float64(t.Peak) }
	cpu := func(t *turn) float64 { return t.CPU }
	size := func(t *turn) float64 { return float64(t.Bytes) }
	c.RowsPS, c.DuckRowsPS = of(c.Labeljoin, speed), of(c.DuckDB, speed)
	c.Peak, c.DuckPeak = int64(of(c.Labeljoin, peak)), int64(of(c.DuckDB, peak))
	c.Bytes, c.DuckBytes = int64(of(c.Labeljoin, size)), int64(of(c.DuckDB, size))
	if len(c.DuckDB) > 0 {
		c.Speed, c.Memory = c.RowsPS/c.DuckRowsPS, float64(c.Peak)/float64(c.DuckPeak)
		c.CPU = of(c.Labeljoin, cpu) / of(c.DuckDB, cpu)
		c.Output = float64(c.Bytes) / float64(c.DuckBytes)
	}
}

// Lines are the result for people.
func (r *replayResult) Lines() (lines []string) {
	for _, c := range r.Comparisons {
		lines = append(lines, fmt.Sprintf("%s from %s: %d rows from %d MB, on %d threads", c.Log, c.Input, c.Rows,
			c.InputBytes>>20, r.Threads))
		lines = append(lines, turnLines("labeljoin", c.Labeljoin)...)
		lines = append(lines, turnLines("duckdb", c.DuckDB)...)
		if c.Speed > 0 {
			lines = append(lines,
				fmt.Sprintf("labeljoin / duckdb, medians: rows/s %.2f, CPU %.2f, peak memory %.2f, output %.2f",
					c.Speed, c.CPU, c.Memory, c.Output))
		}
		switch {
		case c.Differ != "":
			lines = append(lines, "THE ROWS DIFFER: "+c.Differ)
		case c.Speed > 0:
			lines = append(lines, "the rows are the same")
		}
	}
	return lines
}

// labeljoin runs a replay as a process of its own.
func (b *Replay) labeljoin(ctx context.Context, dir, logs, format, out string) (t turn, err error) {
	program, err := os.Executable()
	if err != nil {
		return t, err
	}
	if err := os.RemoveAll(out); err != nil {
		return t, err
	}
	args := []string{"replay", "--config", filepath.Join(dir, "labeljoin.yaml"), "--complete", "--out", out,
		"--requests", filepath.Join(logs, "requests."+format), "--outcomes", filepath.Join(logs, "outcomes."+format)}
	if b.Profile != "" {
		args = append(args, "--cpuprofile", b.Profile)
	}
	var said strings.Builder
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = &said
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return t, err
	}
	var peak peakRSS
	peak.watchTree(cmd.Process.Pid)
	err = cmd.Wait()
	t.Seconds, t.Peak = time.Since(begin).Seconds(), peak.stop()
	t.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	if err != nil {
		return t, fmt.Errorf("the replay: %w: %s", err, said.String())
	}
	t.Bytes, err = bytesBelow(filepath.Join(out, "data"))
	return t, err
}

// duckdb runs the program with DuckDB over a log.
func (b *Replay) duckdb(ctx context.Context, what string, l *replayLog, logs, format, out string) (t turn, err error) {
	if err := os.RemoveAll(out); err != nil {
		return t, err
	}
	err = b.program(ctx, &t, what, l.name, filepath.Join(logs, "requests."+format),
		filepath.Join(logs, "outcomes."+format), out,
		fmt.Sprint(runtime.GOMAXPROCS(0)), fmt.Sprint(replayWindow.Milliseconds()), l.features)
	if err != nil {
		return t, err
	}
	t.Bytes, err = bytesBelow(out)
	return t, err
}

// program runs replay.py, and reads what it prints.
func (b *Replay) program(ctx context.Context, into any, args ...string) error {
	return runPython(ctx, b.Python, replayProgram, into, args...)
}

func bytesBelow(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}

// featureTypes are the features of a request with the types of DuckDB's that hold them.
func featureTypes(request []byte) string {
	var decoder jsonevent.Decoder
	req, err := decoder.DecodeRequest(request)
	if err != nil {
		return "" // the query will say that it lacks them
	}
	var all []string
	for _, f := range req.Features {
		t := map[events.ValueKind]string{events.ValueInt: "BIGINT", events.ValueDouble: "DOUBLE",
			events.ValueString: "VARCHAR"}[f.Value.Kind]
		all = append(all, f.Name+"="+t)
	}
	return strings.Join(all, ",")
}
