package exports_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/exports"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
)

// firstDay and secondDay are the days of these tests, and midnight is between them.
const firstDay, secondDay = "2026-11-20", "2026-11-21"

var midnight = events.At(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC))

// living is the output of a joiner that goes on, and the daily exports of it.
type living struct {
	*testing.T
	cfg    *config.Config
	rules  joiner.Rules
	out    *export.Output
	daily  *exports.Daily
	after  time.Duration // from the end of a day until its export, by what has closed
	commit uint64
}

func start(t *testing.T, exportBlock string) *living {
	t.Helper()
	c, err := config.Decode("test", []byte("labels: {clicked: 'type == \"click\"'}\nexport: "+exportBlock+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c.State.Dir, c.Export.Dir = filepath.Join(dir, "state"), filepath.Join(dir, "exports")
	l := &living{T: t, cfg: c}
	if l.rules, err = wire.Rules(c); err != nil {
		t.Fatal(err)
	}
	l.writesTo(filepath.Join(dir, "labeled"))
	return l
}

// writesTo begins an output in a directory, as a joiner does that has lost its state and its output.
func (l *living) writesTo(dir string) {
	l.Helper()
	l.cfg.Output.Dir, l.commit = dir, 0
	o, err := wire.Options(l.cfg, l.rules)
	if err != nil {
		l.Fatal(err)
	}
	at, err := place.Of(l.Context(), l.cfg, dir)
	if err != nil {
		l.Fatal(err)
	}
	l.after = o.DayAfter
	out, err := export.Open(export.Options{Bucket: at, Name: l.cfg.Name, RulesHash: o.RulesHash, Labels: l.rules.Labels})
	if err != nil {
		l.Fatal(err)
	}
	l.out = out
	l.Cleanup(func() {
		if err := out.Close(); err != nil {
			l.Error(err)
		}
	})
	l.restart()
}

// restart begins the exports anew, as a joiner does that was stopped.
func (l *living) restart() {
	l.Helper()
	var err error
	if l.daily, err = exports.NewDaily(l.cfg, 0, slog.New(slog.DiscardHandler)); err != nil {
		l.Fatal(err)
	}
}

// written is a row that is committed.
type written struct {
	id       string
	ts       events.Time
	clicked  float64
	revision uint32
}

// goesTo moves the clock, so that what is stamped before a time has closed, commits rows, and lets the
// exports look.
func (l *living) goesTo(closed events.Time, rows ...written) *exports.Status {
	l.Helper()
	l.commit++
	s, err := l.out.Stage(l.commit)
	if err != nil {
		l.Fatal(err)
	}
	clock, last := joiner.NewClock(), closed.Add(l.rules.Longest()).Add(l.rules.Lateness)
	clock.Observe(events.KindRequest, last)
	clock.Observe(events.KindOutcome, last)
	for i := range rows {
		r := &rows[i]
		cell := joiner.Cell{Value: r.clicked, TS: events.MinTime}
		if r.clicked > 0 {
			cell.TS = r.ts.Add(time.Second)
		}
		if err := s.Row(&events.Request{ID: r.id, TS: r.ts}, &joiner.Row{Item: -1, Cells: []joiner.Cell{cell}, Weight: 1,
			Revision: r.revision}); err != nil {
			l.Fatal(err)
		}
	}
	n := l.commit
	if _, err := s.Commit(context.Background(), &joiner.Cut{Number: n, Nonce: fmt.Sprint(n),
		RulesHash: l.cfg.Fingerprint(),
		MaxEvent:  last, From: []events.Position{{Input: "S", Created: 5, Next: n * 10}},
		Progress: joiner.Progress{Commit: n, Clock: clock,
			ClosedThrough:    l.rules.ClosedThrough(clock.Watermark(l.rules.Lateness)),
			PublishedThrough: closed, Inputs: []events.Position{{Input: "S", Created: 5, Next: n*10 + 10}}},
	}); err != nil {
		l.Fatal(err)
	}
	return l.look()
}

// look lets the exports look, twice: the second time there is nothing to do.
func (l *living) look() *exports.Status {
	l.Helper()
	var before map[string]string
	for range 2 {
		before = l.files()
		if err := l.daily.Look(l.Context()); err != nil {
			l.Fatal(err)
		}
	}
	if after := l.files(); !maps.Equal(before, after) {
		l.Errorf("a second look changed the exports: %q, then %q", before, after)
	}
	return l.daily.Status()
}

// files are the exports' files, with their hashes.
func (l *living) files() map[string]string {
	l.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(l.cfg.Export.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		found[path] = fmt.Sprintf("%x", sha256.Sum256(text))
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		l.Fatal(err)
	}
	return found
}

// exported are the versions of the days, and the rows of each version.
func (l *living) exported() string {
	l.Helper()
	days, err := exports.Days(l.Context(), l.cfg, 0)
	if err != nil {
		l.Fatal(err)
	}
	var versions []string
	for i := range days {
		if days[i].Version.Number > 0 {
			versions = append(versions, days[i].Day+" "+days[i].Version.String())
		}
	}
	var rows []string
	for path := range l.files() {
		if !strings.HasSuffix(path, ".parquet") {
			continue
		}
		read, err := parquet.ReadFile[struct {
			ID      string  `parquet:"request_id"`
			Clicked float64 `parquet:"clicked"`
		}](path)
		if err != nil {
			l.Fatal(err)
		}
		for _, r := range read {
			rows = append(rows, fmt.Sprint(r.ID, "=", r.Clicked))
		}
	}
	slices.Sort(rows)
	return strings.Join(versions, ", ") + ": " + strings.Join(rows, " ")
}

// TestDailyAcrossMidnight moves the clock of a joiner over midnight. The first day is exported once,
// with all of its rows, when it is complete and the time after that is over, though a restart comes
// before and after it; and the second day a day later.
func TestDailyAcrossMidnight(t *testing.T) {
	l := start(t, "{daily: {after: 15m}, split: {eval: 0}}")
	if want := l.rules.Retention() + 15*time.Minute; l.after != want {
		t.Fatalf("an export is due %s after a day has closed, want %s", l.after, want)
	}
	due := func(end events.Time) string {
		return end.Add(l.rules.Longest()).Add(l.rules.Lateness).Add(l.after).String()
	}
	pending := func(s *exports.Status, exported int64, last, day, waits string, end events.Time) {
		t.Helper()
		want := exports.Status{Exported: exported, Last: last, Pending: day, Due: due(end), Waits: waits}
		if *s != want {
			t.Errorf("status\n%+v, want\n%+v", *s, want)
		}
	}
	waitsFor := func(closed events.Time) string {
		return "requests after " + closed.Add(l.rules.Longest()).Add(l.rules.Lateness).String()
	}

	// A day that goes on. The status says how far it has come, at each commit.
	evening := midnight.Add(-time.Hour)
	pending(l.goesTo(evening, written{"morning", midnight.Add(-14 * time.Hour), 0, 0},
		written{"noon", midnight.Add(-12 * time.Hour), 1, 0}),
		0, "", firstDay, waitsFor(evening), midnight)
	// It has closed, and may be corrected: an outcome that comes late does so.
	pending(l.goesTo(midnight.Add(time.Minute), written{"last", midnight.Add(-1), 0, 0}, written{"first", midnight, 1, 0},
		written{"morning", midnight.Add(-14 * time.Hour), 1,
			1}), 0, "", firstDay, waitsFor(midnight.Add(time.Minute)), midnight)
	// It is complete, and the time after that is not over.
	pending(l.goesTo(midnight.Add(l.rules.Retention()), written{"second", midnight.Add(time.Minute), 0, 0}), 0, "",
		firstDay, "", midnight)
	pending(l.goesTo(midnight.Add(l.after-1)), 0, "", firstDay, "", midnight)
	l.restart()
	pending(l.look(), 0, "", firstDay, "", midnight)
	if got := l.exported(); got != ": " {
		t.Fatalf("exported before it is due: %s", got)
	}

	// It is due: the commit has no rows, as in a silence.
	end, first := midnight.Add(24*time.Hour), firstDay+" v=0001: last=0 morning=1 noon=1"
	waits := waitsFor(midnight.Add(l.after))
	pending(l.goesTo(midnight.Add(l.after)), 1, firstDay, secondDay, waits, end)
	if got := l.exported(); got != first {
		t.Errorf("exported %s, want %s", got, first)
	}
	made := l.files()
	l.restart()
	pending(l.look(), 0, "", secondDay, waits, end)
	l.goesTo(midnight.Add(12*time.Hour), written{"third", midnight.Add(10 * time.Hour), 0, 0})
	pending(l.goesTo(end.Add(l.after-1)), 0, "", secondDay, "", end)
	if got := l.files(); !maps.Equal(got, made) {
		t.Errorf("the exports have changed after a restart and within the second day: %q, then %q", made, got)
	}

	s := l.goesTo(end.Add(l.after))
	if want := (exports.Status{Exported: 1, Last: secondDay}); *s != want {
		t.Errorf("status\n%+v, want\n%+v", *s, want)
	}
	both := firstDay + " v=0001, " + secondDay + " v=0001: first=1 last=0 morning=1 noon=1 second=0 third=0"
	if got := l.exported(); got != both {
		t.Errorf("exported %s, want %s", got, both)
	}
}

// TestDayOfAnotherOutput: a day whose only version was made of another output's rows is exported anew,
// once. One that this output has exported is not, though another output has a newer version of it.
func TestDayOfAnotherOutput(t *testing.T) {
	l := start(t, "{daily: {after: 0s}, settle: close, split: {eval: 0}}")
	noon := midnight.Add(-12 * time.Hour)
	l.goesTo(midnight, written{"lost", noon, 1, 0})
	first := l.cfg.Output.Dir
	l.writesTo(first + "-2")
	s := l.goesTo(midnight, written{"found", noon, 0, 0})
	if want := (exports.Status{Exported: 1, Last: firstDay}); *s != want {
		t.Errorf("status %+v, want %+v", *s, want)
	}
	if got, want := l.exported(), firstDay+" v=0002: found=0 lost=1"; got != want {
		t.Errorf("exported %s, want %s", got, want)
	}
	l.cfg.Output.Dir = first
	l.restart()
	if s := l.look(); *s != (exports.Status{}) {
		t.Errorf("status %+v, want none exported and none pending", *s)
	}
}

// TestPendingFromItsFirstRow: a day is the oldest that is not exported as soon as it has a row, also if
// it had none when the day before was exported. Else no alert would notice that it waits.
func TestPendingFromItsFirstRow(t *testing.T) {
	l := start(t, "{daily: {after: 0s}, settle: close, split: {eval: 0}}")
	s := l.goesTo(midnight, written{"noon", midnight.Add(-12 * time.Hour), 1, 0})
	if s.Exported != 1 || s.Last != firstDay || s.Pending != "" {
		t.Fatalf("status %+v, want the first day exported, and none pending", *s)
	}
	if s = l.goesTo(midnight.Add(time.Hour)); s.Pending != "" {
		t.Errorf("status %+v, want none pending: there is no row", *s)
	}
	if s = l.goesTo(midnight.Add(2*time.Hour), written{"early", midnight.Add(time.Hour), 0, 0}); s.Pending != secondDay {
		t.Errorf("status %+v, want %s pending", *s, secondDay)
	}
}

// TestGapIsTakenBack: a day that waits for a gap is exported once that is taken back, also where no commit comes.
func TestGapIsTakenBack(t *testing.T) {
	t.Parallel()
	l := start(t, "{daily: {after: 0s}, settle: close, split: {eval: 0}}")
	at, err := place.Of(l.Context(), l.cfg, l.cfg.Output.Dir)
	if err != nil {
		t.Fatal(err)
	}
	noon := midnight.Add(-12 * time.Hour)
	gap := events.Gap{From: noon, To: noon.Add(time.Hour)}
	gap.Kinds[events.KindOutcome] = true
	id, err := export.OpenGaps(at).Declare(gap, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := l.goesTo(midnight, written{id: "a", ts: noon}); s.Pending != firstDay || s.Last != "" {
		t.Fatalf("with the gap it is %+v, want that %s waits", s, firstDay)
	}
	if _, err := export.OpenGaps(at).Declare(events.Gap{Removes: id}, nil); err != nil {
		t.Fatal(err)
	}
	if s := l.look(); s.Last != firstDay {
		t.Errorf("without the gap it is %+v, want that %s is exported", s, firstDay)
	}
}
