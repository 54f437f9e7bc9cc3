package engine_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// copyState is the state as a backup of its directory would hold it.
func (w *world) copyState() *vfs.MemFS {
	return w.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: w.Rand})
}

// stopAfter runs an engine that dies when so many batches of each log are read.
func (w *world) stopAfter(batches int) error {
	st, err := w.open()
	if err != nil {
		return err
	}
	err = engine.New(w.options(st, batches)).Run(context.Background())
	if errors.Is(err, errCrash) {
		err = nil
	}
	return errors.Join(err, st.Close())
}

// quiet is a timely history and its answer.
func quiet(seed uint64) (enginetest.History, enginetest.Answer) {
	h := enginetest.Generate(seed, timely)
	reference := h.Reference()
	return h, reference.Join(h.Set())
}

// TestStateLost deletes the state, or puts an older copy of it in its place,
// between runs: it is rebuilt from the log and nothing is written twice.
func TestStateLost(t *testing.T) {
	forSeeds(t, 75, func(t *testing.T, seed uint64) {
		h, want := quiet(seed)
		r := newRand(seed)
		w := newWorld(seed, h, anyLayout(r, true))
		w.Roll = engine.Roll{}
		old := w.fs
		for read := r.IntN(6); read < len(w.Logs[0]); read += 1 + r.IntN(20) {
			if err := w.stopAfter(read); err != nil {
				t.Fatal(err)
			}
			switch r.IntN(4) {
			case 0:
				w.fs = vfs.NewCrashableMem()
			case 1:
				w.fs = old
			case 2:
				old = w.copyState()
			}
		}
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		checkBooks(t, w)
		checkBase(t, w, want)
	})
}

// longAgo is a history whose beginning is long forgotten at its end, so that a
// rebuild need not read it: n requests, an hour apart, each with a click.
func longAgo(n int) (enginetest.History, enginetest.Answer) {
	h := enginetest.Lines(oneLabel())
	for i := range n {
		at := time.Duration(i) * time.Hour
		h.Request(at, "r%d", i)
		h.Click(at+time.Minute, "r%d", i)
		h.Click(at+2*time.Minute, "gone%d", i)
	}
	h.End()
	reference := h.Reference()
	return h, reference.Join(h.Set())
}

func oneLabel() joiner.Rules {
	return joiner.Rules{
		Labels:   []joiner.Label{{Name: "clicked", Window: 30 * time.Minute, When: func(o *events.Outcome) bool { return o.Type == "click" }}},
		Lateness: time.Minute, Corrections: time.Hour,
	}
}

// TestRebuildReadsTheEnd counts what a rebuild reads.
func TestRebuildReadsTheEnd(t *testing.T) {
	h, want := longAgo(50)
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	whole := w.Logs[0]
	for n := 10; n < len(whole); n += 10 { // the log grows, and is joined to its end each time
		w.Logs[0] = whole[:n]
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
	}
	w.Logs[0] = whole
	w.fs = vfs.NewCrashableMem()
	first := uint64(1 << 60)
	w.opened = func(from events.Position) { first = min(first, from.Next) }
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if last := w.out.Commits[len(w.out.Commits)-1].Cut.Progress.Inputs[0].Next; first < last*3/4 {
		t.Errorf("the rebuild reads from message %d of %d on, and most of that is forgotten", first, last)
	}
	checkBooks(t, w)
	checkBase(t, w, want)
}

// TestRebuildEndsWithTheLog erases the newest message that a commit has read, in a log whose silence proves nothing and
// that does not say whether the message was read. A rebuild does not wait for it.
func TestRebuildEndsWithTheLog(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	h.Request(0, "before")
	h.Heartbeats(40 * time.Minute)
	read := len(h.Events)
	h.Request(41*time.Minute, "after")
	h.Click(42*time.Minute, "after")
	h.End()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{}
	whole := w.Logs[0]
	w.Logs[0] = whole[:read]
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	erased := whole[read-1].Messages[0].Seq
	if last := w.out.Commits[len(w.out.Commits)-1].Cut.Progress.Inputs[0].Next; last != erased+1 {
		t.Fatalf("the commit reads up to message %d, want %d", last-1, erased)
	}
	w.Logs[0] = slices.Concat(whole[:read-1], whole[read:])
	w.fs = vfs.NewCrashableMem()
	w.holdFirst(erased, erased-1, 100)
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	reference := h.Reference()
	checkBase(t, w, reference.Join(h.Set()))
}

// TestRebuildNamesOutcomesAsBefore has outcomes outside the window of requests that are
// forgotten soon after: a rebuild finds the outcome and not its request. The books go on
// to say that it was outside the window, and do not call it an orphan.
func TestRebuildNamesOutcomesAsBefore(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	for i := range 40 {
		at := time.Duration(i) * 10 * time.Minute
		h.Request(at, "r%d", i)
		h.Click(at+80*time.Minute, "r%d", i)
		h.Click(at+81*time.Minute, "gone%d", i)
	}
	slices.SortStableFunc(h.Events, func(a, b enginetest.Arrival) int { return cmp.Compare(a.TS, b.TS) })
	h.End()
	disposed := func(read int) [joiner.Dispositions]int64 {
		w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
		w.Roll = engine.Roll{}
		if read > 0 {
			if err := w.stopAfter(read); err != nil {
				t.Fatal(err)
			}
			w.fs = vfs.NewCrashableMem()
		}
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		checkBooks(t, w)
		return w.final.Progress.Ledger.Kinds[events.KindOutcome].Disposed
	}
	want := disposed(0)
	if want[joiner.DispositionOutsideWindow] != 40 || want[joiner.DispositionOrphan] != 40 {
		t.Fatalf("%v: want 40 outside the window and 40 orphans", want)
	}
	for read := 7; read < len(h.Events); read += 12 {
		if got := disposed(read); got != want {
			t.Errorf("the state was lost after %d messages: %v, want %v", read, got, want)
		}
	}
}

// TestOneIDForEver has a client that sends the same request id all the time.
// Whatever that means, it must not stop the joiner, with its state or without.
func TestOneIDForEver(t *testing.T) {
	for _, lost := range []bool{false, true} {
		h := enginetest.Lines(oneLabel())
		for i := range 400 {
			h.Request(time.Duration(i)*time.Minute, "health")
			h.Click(time.Duration(i)*time.Minute, "health")
		}
		h.End()
		w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
		w.Roll = engine.Roll{Rows: 7, Interval: time.Hour}
		for read := 10; read < len(w.Logs[0]); read += 37 {
			if err := w.stopAfter(read); err != nil {
				t.Fatal(err)
			}
			if lost {
				w.fs = vfs.NewCrashableMem()
			}
		}
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		for i, c := range w.out.Commits {
			if !c.Cut.Progress.Ledger.Balanced() {
				t.Errorf("commit %d: the books do not balance", i+1)
			}
		}
	}
}

// refusal runs a world that must be refused.
func refusal[E error](t *testing.T, w *world) E {
	t.Helper()
	commits := len(w.out.Commits)
	var refused E
	if err := w.run(); !errors.As(err, &refused) {
		t.Fatalf("it runs with %v, want %T", err, refused)
	}
	if len(w.out.Commits) != commits {
		t.Error("it was refused, and yet something was written")
	}
	return refused
}

// finished is a world that was joined to its end in several commits.
func finished(t *testing.T) (*world, enginetest.Answer) {
	t.Helper()
	h, want := longAgo(8)
	w := newWorld(1, h, enginetest.Layout{Inputs: 2, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if len(w.out.Commits) < 2 {
		t.Fatalf("%d commits, the tests need some", len(w.out.Commits))
	}
	return w, want
}

func TestOlderOutput(t *testing.T) {
	w, want := finished(t)
	n := uint64(len(w.out.Commits))
	w.out.Commits = w.out.Commits[:n-1]
	if e := refusal[*engine.OutputBehindError](t, w); e.State != n || e.Output != n-1 {
		t.Errorf("%+v, want state %d, output %d", e, n, n-1)
	}
	w.out.Commits = nil
	refusal[*engine.OutputBehindError](t, w)
	// The error says what to do.
	w.fs = vfs.NewCrashableMem()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	checkBooks(t, w)
	checkBase(t, w, want)
}

func TestForeignOutput(t *testing.T) {
	w, want := finished(t)
	own := w.out
	w.out = &memory.Output{Commits: slices.Clone(own.Commits)}
	w.out.Commits[len(w.out.Commits)-1].Receipt.Hash = "another's"
	refusal[*engine.ForeignOutputError](t, w)
	w.out = own
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	checkBase(t, w, want)
}

func TestOtherInputs(t *testing.T) {
	w, _ := finished(t)
	logs := w.Logs
	w.Logs = logs[:1]
	if e := refusal[*engine.InputsError](t, w); !slices.Equal(e.Had, []string{"log0", "log1"}) || !slices.Equal(e.Have, []string{"log0"}) {
		t.Errorf("%+v", e)
	}
	w.fs = vfs.NewCrashableMem() // the output remembers too
	refusal[*engine.InputsError](t, w)
}

func TestTrimmedLog(t *testing.T) {
	w, want := finished(t)
	w.first = 10_000
	if err := w.run(); err != nil {
		t.Fatalf("with its state it needs nothing from before: %v", err)
	}
	checkBase(t, w, want)
	w.fs = vfs.NewCrashableMem()
	if e := refusal[*engine.TrimmedError](t, w); e.First != 10_000 {
		t.Errorf("%+v", e)
	}
}

// TestShorterLog lets a log end before the commit that was cut from it.
func TestShorterLog(t *testing.T) {
	w, _ := finished(t)
	w.fs = vfs.NewCrashableMem()
	w.out.Commits = w.out.Commits[:len(w.out.Commits)/2]
	w.Logs = [][]events.Batch{nil, nil}
	refusal[*engine.BooksError](t, w)
}

// TestSourceFailsBesideRebuild has one log fail beyond the point that a rebuild
// reads it to, while the other is still being read. How the two readers end is
// a race, hence the repetition.
func TestSourceFailsBesideRebuild(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	h.Request(0, "r")
	h.Heartbeats(2 * time.Hour)
	w := newWorld(1, h, enginetest.Layout{Inputs: 2, Messages: 1, Batches: 1})
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	w.endless = true // the outcomes never come
	for range 20 {
		w.fs = vfs.NewCrashableMem()
		st, err := w.open()
		if err != nil {
			t.Fatal(err)
		}
		if err := engine.New(w.options(st, 2)).Run(t.Context()); !errors.Is(err, errCrash) {
			t.Errorf("%v, want the source's error", err)
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCompletesCommit crashes after a manifest was created: the commit is
// completed from the state, which need not be rebuilt.
func TestCompletesCommit(t *testing.T) {
	h, want := longAgo(8)
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{Interval: time.Hour}
	w.out.Fail = func(_ uint64, created bool) error {
		if created {
			return errCrash
		}
		return nil
	}
	if err := w.run(); !errors.Is(err, errCrash) || len(w.out.Commits) != 1 {
		t.Fatalf("%v, %d commits, want a crash after the first", err, len(w.out.Commits))
	}
	w.out.Fail = nil
	w.opened = func(from events.Position) {
		if from != w.out.Commits[0].Cut.Progress.Inputs[0] {
			t.Errorf("reading begins at %+v, the commit was cut at %+v", from, w.out.Commits[0].Cut.Progress.Inputs[0])
		}
	}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	checkBooks(t, w)
	checkBase(t, w, want)
}

// TestOutcomesPerRequest bounds what one id may hold; the rest are rejected,
// and kept as dead letters.
func TestOutcomesPerRequest(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	for i := range 5 {
		h.Click(time.Duration(i)*time.Second, "r")
	}
	h.Request(0, "r")
	for i := range 5 {
		h.Click(time.Minute+time.Duration(i)*time.Second, "r")
	}
	h.End()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 4, Batches: 3})
	w.limit = 7
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	checkBooks(t, w)
	letters := 0
	for _, c := range w.out.Commits {
		for _, l := range c.DeadLetters {
			if letters++; l.Reason != "too_many_outcomes" || len(l.Data) == 0 {
				t.Errorf("dead letter %+v", l)
			}
		}
	}
	got := &w.final.Progress.Ledger.Kinds[events.KindOutcome].Disposed
	if got[joiner.DispositionJoined] != 7 || got[joiner.DispositionRejected] != 3 || letters != 3 {
		t.Errorf("%d joined, %d rejected, %d dead letters; want 7, 3 and 3", got[joiner.DispositionJoined], got[joiner.DispositionRejected], letters)
	}
}

// TestRebuildInterrupted ends a rebuild after each of its batches in turn. What is
// found then is a state to rebuild or a whole one, which knows that a row was
// written early: the close does not write it as if it were the first.
func TestRebuildInterrupted(t *testing.T) {
	rules := oneLabel()
	rules.Early = true
	h := enginetest.Lines(rules)
	h.Request(0, "r")
	h.Click(time.Minute, "r")
	h.Request(2*time.Minute, "later")
	h.End()
	for batch := 1; batch <= 6; batch++ {
		w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
		w.Roll = engine.Roll{}
		whole := w.Logs[0]
		w.Logs[0] = whole[:3]
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		w.Logs[0], w.fs = whole, vfs.NewCrashableMem()
		if err := errors.Join(w.applies(batch), w.run()); err != nil {
			t.Fatal(err)
		}
		if checkBooks(t, w); t.Failed() {
			t.Fatalf("ended after batch %d of the rebuild", batch)
		}
	}
}

// applies runs an engine that dies when it has applied so many batches.
func (w *world) applies(batches int) error {
	st, err := w.open()
	if err != nil {
		return err
	}
	o := w.options(st, -1)
	o.Store = &faulty{Store: st, left: batches, after: true}
	if err = engine.New(o).Run(context.Background()); errors.Is(err, errCrash) {
		err = nil
	}
	return errors.Join(err, st.Close())
}
