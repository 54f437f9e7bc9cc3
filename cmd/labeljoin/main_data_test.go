package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/nats-io/nats.go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/demo"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/exports"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/shards"
	"github.com/labeljoin/labeljoin/joiner"
)

// dataDir is where real logs with independently computed answers are.
const dataDir = "../../../shared/data"

// expectation is one block of an expected.json.
type expectation struct {
	RequestsFile   string `json:"requests_file"`
	EarlyTolerance int64  `json:"early_tolerance_ms"`
	Rows           int64  `json:"rows"`
	Requests       int64  `json:"request_lines"`
	Outcomes       int64  `json:"outcome_lines"`
	Duplicates     int64  `json:"duplicate_outcome_lines"`
	Orphans        int64  `json:"orphan_outcomes"`
	Windows        map[string]struct {
		Millis   int64 `json:"window_ms"`
		Outcomes struct {
			InWindow int64 `json:"in_window"`
			Late     int64 `json:"late"`
			Unknown  int64 `json:"unknown_item_in_window"`
		} `json:"outcomes"`
		Labels map[string]struct {
			Types    []string `json:"positive_types"`
			MinValue *float64 `json:"min_value"`
			Positive int64    `json:"positive_rows"`
			SHA256   string   `json:"rows_sha256"`
		} `json:"labels"`
	} `json:"by_window"`
}

// dataCase is a case of real data: one window of one expectation, with all its labels.
type dataCase struct {
	set, block, window string
	expectation        expectation
}

func (c *dataCase) name() string { return c.set + "/" + c.block + "/" + c.window }

// dataCases lists every window of every set, or skips when there is no data.
func dataCases(t *testing.T) []dataCase {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dataDir, "*", "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Skipf("no real data in %s", dataDir)
	}
	var cases []dataCase
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		blocks := map[string]json.RawMessage{}
		if err := json.Unmarshal(text, &blocks); err != nil {
			t.Fatal(err)
		}
		for block, text := range blocks {
			if !strings.HasPrefix(block, "expected") {
				continue
			}
			var e expectation
			if err := json.Unmarshal(text, &e); err != nil {
				t.Fatal(err)
			}
			for window := range e.Windows {
				cases = append(cases, dataCase{set: filepath.Base(filepath.Dir(path)), block: block, window: window,
					expectation: e})
			}
		}
	}
	sort.Slice(cases, func(i, j int) bool { return cases[i].name() < cases[j].name() })
	return cases
}

// config writes the case's configuration into dir.
func (c *dataCase) config(t *testing.T, dir, url string) *config.Config {
	t.Helper()
	w := c.expectation.Windows[c.window]
	var b strings.Builder
	fmt.Fprintf(&b, "name: data\nnats: {url: %q}\n", url)
	fmt.Fprintf(&b, "join: {window: %dms, clock_skew: %dms, lateness: 40d, max_age: 3650d}\nlabels:\n", w.Millis,
		c.expectation.EarlyTolerance)
	for name, l := range w.Labels {
		when, err := json.Marshal(l.Types)
		if err != nil {
			t.Fatal(err)
		}
		expr := "type in " + string(when)
		if l.MinValue != nil {
			expr += fmt.Sprintf(" && value >= %v", *l.MinValue)
		}
		fmt.Fprintf(&b, "  label_%s: {when: '%s'}\n", name, expr)
	}
	// One of the sets has a stretch with a fifth of its outcomes: the guard would
	// hold it until a person says what that was.
	b.WriteString("guard: {enabled: false}\noutput: {roll: {interval: 200ms}}\nlog: {level: warn}\n")
	path := filepath.Join(dir, "labeljoin.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := partition.LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func (c *dataCase) files() [events.Kinds]string {
	return [events.Kinds]string{
		filepath.Join(dataDir, c.set, c.expectation.RequestsFile),
		filepath.Join(dataDir, c.set, "outcomes.jsonl.gz"),
	}
}

// check compares the rows below dir, highest revisions, with the answers.
func (c *dataCase) check(t *testing.T, dir string) {
	t.Helper()
	labels := c.expectation.Windows[c.window].Labels
	columns := []string{"request_id", "item_id", "position", "revision"}
	for name := range labels {
		columns = append(columns, "label_"+name)
	}
	rows := latestRows(t, dir, columns)
	if int64(len(rows)) != c.expectation.Rows {
		t.Errorf("%d rows, want %d", len(rows), c.expectation.Rows)
	}
	for i, column := range columns[4:] {
		want := labels[strings.TrimPrefix(column, "label_")]
		lines, positive := make([]string, 0, len(rows)), int64(0)
		for _, row := range rows {
			label := row[4+i]
			if label == "1" {
				positive++
			}
			lines = append(lines, row[0]+"\t"+row[1]+"\t"+row[2]+"\t"+label+"\n")
		}
		sort.Strings(lines)
		sum := sha256.Sum256([]byte(strings.Join(lines, "")))
		if got := hex.EncodeToString(sum[:]); got != want.SHA256 || positive != want.Positive {
			t.Errorf("%s: %d positive rows, want %d; SHA-256 %s, want %s", column, positive, want.Positive, got, want.SHA256)
		}
	}
}

// latestRows reads the rows of a data directory, of each only the highest
// revision. Nulls are empty.
func latestRows(t *testing.T, dir string, columns []string) [][]string {
	t.Helper()
	latest := map[string][]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return demo.ReadRows(path, columns, func(row []string, _ bool) bool {
			for i := range row {
				if row[i] == "<null>" {
					row[i] = ""
				}
			}
			key := row[0] + "\x00" + row[1]
			if old, ok := latest[key]; !ok || len(row[3]) > len(old[3]) || len(row[3]) == len(old[3]) && row[3] > old[3] {
				latest[key] = row
			}
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := make([][]string, 0, len(latest))
	for _, row := range latest {
		rows = append(rows, row)
	}
	return rows
}

// TestRealDataByReplay joins every set under every window and compares all rows
// with answers that were computed independently, in SQL.
func TestRealDataByReplay(t *testing.T) {
	for _, c := range dataCases(t) {
		t.Run(c.name(), func(t *testing.T) {
			dir := t.TempDir()
			cfg := c.config(t, dir, "nats://127.0.0.1:4222")
			r := replay.Replay{Config: cfg, Log: slog.New(slog.DiscardHandler), Talk: io.Discard, MaxRejected: 1,
				Out: cfg.Output.Dir, Complete: true}
			for k, path := range c.files() {
				r.Files[k] = []string{path}
			}
			if err := r.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.check(t, filepath.Join(cfg.Output.Dir, "data"))
			c.checkCounts(t, cfg)
		})
	}
}

// checkCounts compares the books of a replay with the answers' counts.
func (c *dataCase) checkCounts(t *testing.T, cfg *config.Config) {
	t.Helper()
	rules, err := wire.Rules(cfg)
	if err != nil {
		t.Fatal(err)
	}
	out, err := partition.OpenOutput(bucket.NewDir(vfs.Default, cfg.Output.Dir), partition.ID{}, cfg, &rules,
		slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	last, _, _ := out.Last()
	l := &last.Progress.Ledger
	if !l.Balanced() {
		t.Errorf("the books do not balance: %+v", l)
	}
	counts := map[string]int64{}
	for d, n := range l.Kinds[events.KindOutcome].Disposed {
		counts[joiner.Disposition(d).String()] = n
	}
	// An unlisted item is counted as such by us whether in its window or not.
	w := c.expectation.Windows[c.window].Outcomes
	if counts["orphan"] != c.expectation.Orphans || counts["duplicate"] != c.expectation.Duplicates ||
		counts["joined"] != w.InWindow-w.Unknown {
		t.Errorf("outcomes: %v, want %d orphans, %d duplicates, %d joined", counts, c.expectation.Orphans,
			c.expectation.Duplicates, w.InWindow-w.Unknown)
	}
}

// TestRealDataLive publishes every set to a real server and joins it live. The
// logs are whole before they are read: to a joiner that has been told by the
// broker that a log is read to its end, events years old come years too late.
func TestRealDataLive(t *testing.T) {
	if testing.Short() {
		t.Skip("publishes 100,000 events several times")
	}
	exported := ""
	for _, c := range dataCases(t) {
		t.Run(c.name(), func(t *testing.T) {
			dir := t.TempDir()
			server, err := jetstream.StartServer(jetstream.ServerOptions{StoreDir: filepath.Join(dir, "nats")})
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			cfg := c.config(t, dir, server.URL())
			cfg.Inputs.Create = true
			read := publishFiles(t, server.URL(), c.files())
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			joined := make(chan struct{})
			defer func() {
				stop()
				<-joined // the directory is not removed under its feet
			}()
			go func() {
				defer close(joined)
				done <- partition.RunLive(ctx, cfg, slog.New(slog.DiscardHandler), nil)
			}()
			waitForBooks(t, cfg, read, done)
			stop()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			c.check(t, filepath.Join(cfg.Output.Dir, "data"))
			if c.set != exported { // one window of each set: one of them has a year of days
				exported = c.set
				c.checkExports(t, cfg)
			}
		})
	}
}

// checkExports exports all days of an output, and adds up what their manifests say of the labels.
func (c *dataCase) checkExports(t *testing.T, cfg *config.Config) {
	t.Helper()
	archive, err := export.OpenArchive(bucket.NewDir(vfs.Default, cfg.Output.Dir), partition.Default)
	if err != nil {
		t.Fatal(err)
	}
	table, err := archive.Table()
	if err != nil {
		t.Fatal(err)
	}
	opts, err := exports.OptionsOf(cfg)
	if err != nil {
		t.Fatal(err)
	}
	opts.Out, opts.Shards, opts.Created = filepath.Join(t.TempDir(), "exports"), 1, time.Now()
	days, err := shards.List(table, opts)
	if err != nil {
		t.Fatal(err)
	}
	e, err := shards.New(archive, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	rows, positives := int64(0), map[string]int64{}
	for i := range days {
		result, err := e.Day(t.Context(), table, days[i].Start)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range result.Manifest.Splits {
			rows += s.Rows
			for _, l := range s.Labels {
				positives[l.Name] += l.Positive
			}
		}
	}
	if rows != c.expectation.Rows {
		t.Errorf("%d rows of %d days are exported, want %d", rows, len(days), c.expectation.Rows)
	}
	for name, l := range c.expectation.Windows[c.window].Labels {
		if got := positives["label_"+name]; got != l.Positive {
			t.Errorf("label %s: %d positive rows of %d days are exported, want %d", name, got, len(days), l.Positive)
		}
	}
}

// publishFiles publishes JSON Lines files, several lines to a message, and
// returns how many lines there were of each.
func publishFiles(t *testing.T, url string, files [events.Kinds]string) (read [events.Kinds]int64) {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"requests", "outcomes"} {
		if _, err := js.AddStream(&nats.StreamConfig{Name: name, Subjects: []string{name + ".>"}}); err != nil {
			t.Fatal(err)
		}
	}
	for k, path := range files {
		var batch []byte
		flush := func() {
			if len(batch) == 0 {
				return
			}
			if _, err := js.Publish([]string{"requests.data", "outcomes.data"}[k], batch); err != nil {
				t.Fatal(err)
			}
			batch = nil
		}
		for line := range jsonLines(t, path) {
			read[k]++
			if batch = append(append(batch, line...), '\n'); len(batch) > 100_000 {
				flush()
			}
		}
		flush()
	}
	// The events are old. A heartbeat of now says that nothing more will come: the
	// broker's time alone is not believed so far, where no other clock bears it out.
	for _, subject := range []string{"requests.data", "outcomes.data"} {
		if _, err := js.Publish(subject, fmt.Appendf(nil, `{"heartbeat":%d}`, time.Now().UnixMilli())); err != nil {
			t.Fatal(err)
		}
	}
	return read
}

func jsonLines(t *testing.T, path string) func(yield func([]byte) bool) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func([]byte) bool) {
		lines := bufio.NewScanner(z)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			if !yield(lines.Bytes()) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			t.Error(err)
		}
	}
}

// waitForBooks waits until a commit says that everything was read and nothing
// is pending.
func waitForBooks(t *testing.T, cfg *config.Config, read [events.Kinds]int64, done chan error) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-done:
			t.Fatalf("the joiner ended: %v", err)
		default:
		}
		counts, err := lastCounts(filepath.Join(cfg.Output.Dir, "_commits", "p0000"))
		if err != nil {
			t.Fatal(err)
		}
		whole := true
		for k, tally := range counts {
			whole = whole && tally.Read == read[k] && tally.Pending == 0
		}
		if whole {
			return
		}
	}
	t.Fatal("not everything was joined within two minutes")
}

type tallyOfManifest struct{ Read, Pending int64 }

// lastCounts reads the newest manifest as any program might.
func lastCounts(dir string) (counts [events.Kinds]tallyOfManifest, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "[0-9]*.json"))
	if err != nil || len(paths) == 0 {
		counts[0].Pending = -1
		return counts, err
	}
	sort.Strings(paths)
	text, err := os.ReadFile(paths[len(paths)-1])
	if err != nil {
		return counts, err
	}
	var m struct {
		Ledger struct {
			Request, Outcome struct{ Read, Pending int64 }
		}
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return counts, errors.Join(err, fmt.Errorf("manifest %s", paths[len(paths)-1]))
	}
	counts[0], counts[1] = tallyOfManifest(m.Ledger.Request), tallyOfManifest(m.Ledger.Outcome)
	return counts, nil
}
