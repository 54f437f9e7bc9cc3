package engine_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// halfway is a world that is stopped between its requests and some of their clicks,
// with all that has closed committed, and the number of batches that it has read.
func halfway(t *testing.T) (w *world, whole []events.Batch) {
	t.Helper()
	h := enginetest.Lines(oneLabel())
	h.Request(0, "closed")
	h.Click(time.Minute, "closed")
	h.Request(20*time.Minute, "open")
	h.Click(21*time.Minute, "open")
	h.Heartbeats(40 * time.Minute)
	before := len(h.Events)
	h.Click(30*time.Second, "closed") // it is late
	h.Click(45*time.Minute, "open")
	h.Request(42*time.Minute, "new")
	h.End()
	w = newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{}
	whole = w.Logs[0]
	w.Logs[0] = whole[:before]
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	w.Logs[0] = whole
	return w, whole
}

// countLabel is a label that a configuration may get beside the first.
func countLabel() joiner.Label {
	return joiner.Label{Name: "clicks", Window: 30 * time.Minute, Agg: joiner.AggCount, When: func(o *events.Outcome) bool { return o.Type == "click" }}
}

// broken is a log in which a message is missing.
type broken struct{ at uint64 }

func (b *broken) Error() string      { return fmt.Sprintf("message %d is missing", b.at) }
func (b *broken) Incomplete() string { return b.Error() }

// holed is a source that lacks a message.
type holed struct {
	engine.Source
	at uint64
}

func (h holed) Next(ctx context.Context) (events.Batch, error) {
	b, err := h.Source.Next(ctx)
	for i := range b.Messages {
		if b.Messages[i].Seq >= h.at {
			return events.Batch{}, &broken{at: h.at}
		}
	}
	return b, err
}

// lacks takes something away from a world's log.
var lacks = map[string]func(w *world){
	"nothing":       func(*world) {},
	"its beginning": func(w *world) { w.first = 3 },
	"a message in the middle": func(w *world) {
		w.source = func(s engine.Source, from events.Position) engine.Source {
			if from.Next > 2 {
				return s
			}
			return holed{s, 2}
		}
	},
}

// TestConfigurationChangesOnAnyLog adds a label where the log is whole, begins too
// late or has a hole, and takes it away again. The rows are the same.
func TestConfigurationChangesOnAnyLog(t *testing.T) {
	for what, take := range lacks {
		t.Run("the log lacks "+what, func(t *testing.T) {
			w, _ := halfway(t)
			take(w)
			w.hash, w.History.Rules.Labels = "with a label", append(slices.Clone(w.History.Rules.Labels), countLabel())
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
			checkBooks(t, w)
			latest := w.latest()
			for id, want := range map[string]struct {
				clicked, clicks float64
				revision        uint32
			}{"closed": {1, 2, 1}, "open": {1, 2, 0}, "new": {0, 0, 0}} {
				r := latest[[2]string{id, ""}]
				if len(r.Cells) != 2 || r.Cells[0].Value != want.clicked || r.Cells[1].Value != want.clicks || r.Revision != want.revision {
					t.Errorf("%s: %v revision %d, want %+v", id, r.Cells, r.Revision, want)
				}
			}
			rows := len(slices.Collect(w.out.Rows()))
			w.hash, w.History.Rules = "as before", oneLabel()
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
			if n := len(slices.Collect(w.out.Rows())); n != rows {
				t.Errorf("%d rows are written again by a change that concerns none", n-rows)
			}
		})
	}
}

// TestEarlyIsSettledWithoutEmitEarly has a row written early, by a configuration that is
// changed before the request closes: what changes in the row until then is written.
func TestEarlyIsSettledWithoutEmitEarly(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	h.Rules.Early = true
	h.Request(10*time.Second, "r")
	h.Click(11*time.Second, "r")
	before := len(h.Events)
	h.Request(5*time.Second, "r") // an earlier copy
	h.End()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{}
	whole := w.Logs[0]
	w.Logs[0] = whole[:before]
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if n := len(slices.Collect(w.out.Rows())); n != 1 {
		t.Fatalf("%d rows are written early, want 1", n)
	}
	w.Logs[0], w.hash, w.History.Rules.Early = whole, "not early", false
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	checkBooks(t, w)
	if r := w.latest()[[2]string{"r", ""}]; r.Request.TS != h.At(5*time.Second) || r.Revision != 1 {
		t.Errorf("the row has the request's time %s and revision %d, want %s and 1", r.Request.TS, r.Revision, h.At(5*time.Second))
	}
}

// TestRefusedConfigurationChangesNothing changes the unit of timestamps where the log
// is too short: what is held would be read as other times. It is refused, and the
// configuration as it was goes on.
func TestRefusedConfigurationChangesNothing(t *testing.T) {
	for what, take := range lacks {
		if what == "nothing" {
			continue
		}
		t.Run("the log lacks "+what, func(t *testing.T) {
			w, _ := halfway(t)
			take(w)
			w.hash, w.decoder = "seconds", &jsonevent.Decoder{Unit: events.UnitUS}
			for range 2 { // the first refusal must not make way for a second start
				e := refusal[*engine.ReconfigureError](t, w)
				if text := e.Error(); !strings.Contains(text, "put the configuration back") {
					t.Errorf("%s: it does not say what to do", text)
				}
			}
			w.hash, w.decoder = "rules", nil
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
			checkBooks(t, w)
			for id, want := range map[string]float64{"closed": 1, "open": 1, "new": 0} {
				if r := w.latest()[[2]string{id, ""}]; len(r.Cells) != 1 || r.Cells[0].Value != want {
					t.Errorf("%s: %v, want %v", id, r.Cells, want)
				}
			}
		})
	}
}

// TestConfigurationChangesBeforeTheFirstCommit has requests pending, no commit yet,
// and a log that has dropped them: a changed configuration must not begin with what
// the log still holds.
func TestConfigurationChangesBeforeTheFirstCommit(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	h.Request(0, "r")
	h.Click(time.Minute, "r")
	before := len(h.Events)
	h.End()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	whole := w.Logs[0]
	w.Logs[0] = whole[:before]
	if err := w.run(); err != nil || len(w.out.Commits) > 0 {
		t.Fatalf("%v, %d commits", err, len(w.out.Commits))
	}
	w.Logs[0] = whole[before:]
	w.first, w.hash, w.History.Rules.Labels = uint64(before)+1, "with a label", append(w.History.Rules.Labels, countLabel())
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	checkBooks(t, w)
	if r := w.latest()[[2]string{"r", ""}]; len(r.Cells) != 2 || r.Cells[0].Value != 1 || r.Cells[1].Value != 1 {
		t.Errorf("%v", r.Cells)
	}
}

// readAndErased joins a request that closes, and one that is pending with its click, and erases a message of that one:
// back is how many messages of the pending one come from there on.
func readAndErased(t *testing.T, back int) (w *world, erased uint64) {
	t.Helper()
	h := enginetest.Lines(oneLabel())
	h.Request(0, "closed")
	h.Heartbeats(40 * time.Minute)
	committed := len(h.Events)
	h.Request(41*time.Minute, "pending")
	h.Click(42*time.Minute, "pending")
	before := len(h.Events)
	h.End()
	w = newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{}
	whole := w.Logs[0]
	for _, n := range []int{committed, before} {
		w.Logs[0] = whole[:n]
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
	}
	at := before - back
	w.Logs[0] = slices.Concat(whole[:at], whole[at+1:])
	return w, whole[at].Messages[0].Seq
}

// checkNewLabel joins with a label more, and looks whether the pending request has both.
func checkNewLabel(t *testing.T, w *world) {
	t.Helper()
	w.hash, w.History.Rules.Labels = "with a label", append(w.History.Rules.Labels, countLabel())
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	checkBooks(t, w)
	if r := w.latest()[[2]string{"pending", ""}]; len(r.Cells) != 2 || r.Cells[0].Value != 1 || r.Cells[1].Value != 1 {
		t.Errorf("%v", r.Cells)
	}
}

// TestPendingMessageErased erases a message that was read after the last commit, and
// whose request is pending: only the state has it. A changed configuration must not
// go back to the commit, from where it could not be read again.
func TestPendingMessageErased(t *testing.T) {
	w, _ := readAndErased(t, 2)
	checkNewLabel(t, w)
}

// held is a source that comes to the end of its log, where silence proves nothing and nothing comes any more.
type held struct {
	engine.Source
	end     uint64
	through uint64 // what it says of the end; less than that where it is not known whether something unread is gone
	ask     int    // how often it may be asked there
}

func (h *held) Next(ctx context.Context) (events.Batch, error) {
	b, err := h.Source.Next(ctx)
	if err == nil && (len(b.Messages) == 0 || b.Messages[0].Seq <= h.end) {
		return b, nil
	}
	if h.ask--; h.ask < 0 {
		return events.Batch{}, errors.New("the end was reached, and is waited for")
	}
	return events.Batch{ReadThrough: events.MinTime, Through: h.through}, nil
}

// holdFirst makes the first source that is opened one that is held.
func (w *world) holdFirst(end, through uint64, ask int) {
	opened := false
	w.source = func(s engine.Source, _ events.Position) engine.Source {
		if opened {
			return s
		}
		opened = true
		return &held{Source: s, end: end, through: through, ask: ask}
	}
}

// TestNewestMessageErasedAndHeld erases the newest message that was read, in a log whose silence proves nothing: one that
// is shared with others and sealed, for one, where no event can come. A changed configuration does not wait for the message.
// Where messages vanish in the ordinary course of things, the source does not say that it is passed.
func TestNewestMessageErasedAndHeld(t *testing.T) {
	for name, passed := range map[string]bool{"it is passed": true, "it may have been unread": false} {
		t.Run(name, func(t *testing.T) {
			w, end := readAndErased(t, 1)
			through := end
			if !passed {
				through--
			}
			w.holdFirst(end, through, 3)
			checkNewLabel(t, w)
		})
	}
}

// TestUncommittedRows crashes before a commit that holds a correction. On a short log
// a changed configuration is refused then, and says what to do; that works.
func TestUncommittedRows(t *testing.T) {
	w, _ := halfway(t)
	w.out.Fail = func(uint64, bool) error { return errCrash }
	if err := w.run(); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.out.Fail = nil
	w.first, w.hash = 10_000, "other"
	e := refusal[*engine.ReconfigureError](t, w)
	if text := e.Error(); !strings.Contains(text, "stop it by SIGTERM") {
		t.Errorf("%s: it does not say what to do", text)
	}
	for _, hash := range []string{"rules", "other"} {
		w.hash = hash
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
	}
	checkBooks(t, w)
	if r := w.latest()[[2]string{"new", ""}]; len(r.Cells) != 1 {
		t.Error("a row is missing")
	}
}

// lostLater says that a state was lost some time after the configuration was changed.
const lostLater = "lost later"

// TestConvertedIsRebuilt stops generated histories in their middle, changes what the
// labels are or which rows there are, and goes on: once with the state rebuilt from the
// log, once with a log that is too short for it, and once with a state that is lost
// later. The rows are the same, and no revision is missing or there twice.
func TestConvertedIsRebuilt(t *testing.T) {
	ran, compared := 0, 0
	forSeeds(t, 100, func(t *testing.T, seed uint64) {
		ran++
		var outs []*memory.Output
		beyond := false // something was read after the last commit, which a rebuild reads again under the new rules
		var books []joiner.Ledger
		for _, how := range []string{"rebuilt", "as it is", lostLater} {
			r := newRand(seed)
			h := enginetest.Generate(seed, enginetest.Shape{Timely: r.IntN(2) == 0, Early: r.IntN(3) == 0, Late: r.IntN(2) == 0, Clean: r.IntN(2) == 0})
			layout := anyLayout(r, h.MaxFuture > 0)
			layout.Inputs = 1 // of two logs each is read as it comes, and what is late depends on it
			w := newWorld(seed, h, layout)
			w.Roll = engine.Roll{}
			whole := slices.Clone(w.Logs)
			for i := range w.Logs {
				w.Logs[i] = whole[i][:len(whole[i])*(1+r.IntN(3))/4]
			}
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
			last := w.out.Commits[max(0, len(w.out.Commits)-1):]
			beyond = beyond || len(last) == 0 || !slices.Equal(last[0].Cut.Progress.Inputs, w.final.Progress.Inputs)
			w.Logs, w.hash = whole, "changed"
			changeRules(r, &w.History.Rules)
			switch how {
			case "as it is":
				w.first = 1 << 40
			case lostLater:
				if err := w.applies(1 + r.IntN(20)); err != nil {
					t.Fatal(err)
				}
				w.fs = vfs.NewCrashableMem()
			}
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
			checkBooks(t, w)
			outs, books = append(outs, w.out), append(books, w.final.Progress.Ledger)
		}
		// Which of an orphan's copies is the duplicate depends on commits, so that the books may differ.
		for k := range books[0].Kinds {
			if a, b := books[0].Kinds[k], books[1].Kinds[k]; a.Read != b.Read || a.Pending != b.Pending {
				t.Errorf("the books differ: %+v, and %+v where the state was changed as it is", a, b)
			}
		}
		if beyond {
			return
		}
		compared++
		for i, other := range outs[1:] {
			sameRows(t, outs[0], other, []string{"changed as it is", lostLater}[i])
		}
	})
	if compared == 0 && ran >= 30 { // a short run may have none
		t.Error("no history was stopped where a commit was cut")
	}
}

// changeRules changes what the labels are, or which rows there are.
func changeRules(r *rand.Rand, rules *joiner.Rules) {
	if r.IntN(3) > 0 {
		rules.PerRequest = !rules.PerRequest
	}
	if r.IntN(2) == 0 {
		rules.Negatives = []joiner.Negatives{joiner.NegativesAll, joiner.NegativesSeen, joiner.NegativesAboveLastPositive}[r.IntN(3)]
		rules.Impression = func(o *events.Outcome) bool { return o.Type == "view" }
		rules.SampleRate = []float64{0, 0, 0.5}[r.IntN(3)]
	}
	if r.IntN(2) == 0 {
		return
	}
	labels := slices.Clone(rules.Labels)
	labels[0].When = func(o *events.Outcome) bool { return o.Type == "buy" }
	rules.Labels = append(labels, countLabel())
	rules.Labels[len(labels)].Window = labels[0].Window
}

// sameRows holds the rows of an output whose state was rebuilt against those of one
// whose state was not, in the order in which revisions count.
func sameRows(t *testing.T, one, two *memory.Output, how string) {
	t.Helper()
	rebuilt, other := sorted(one), sorted(two)
	if how == lostLater {
		rebuilt, other = withoutRepeats(rebuilt), withoutRepeats(other)
	}
	if len(rebuilt) != len(other) {
		t.Errorf("%d rows, and %d where the state was %s", len(rebuilt), len(other), how)
		return
	}
	for i := range rebuilt {
		a, b := &rebuilt[i], &other[i]
		if a.RequestID != b.RequestID || a.ItemID != b.ItemID || a.Revision != b.Revision || a.Reason != b.Reason || !slices.Equal(a.Cells, b.Cells) {
			t.Errorf("%q %q %v revision %d %v, and %q %q %v revision %d %v where the state was %s",
				a.RequestID, a.ItemID, a.Cells, a.Revision, a.Reason, b.RequestID, b.ItemID, b.Cells, b.Revision, b.Reason, how)
		}
	}
}

// withoutRepeats leaves out what the close wrote of rows that had been written early, and did not
// change: after a loss of the state it may do so. What follows such a revision counts one less.
func withoutRepeats(rows []memory.Row) []memory.Row {
	kept, repeats := rows[:0:0], uint32(0)
	for i, r := range rows {
		if i == 0 || rows[i-1].RequestID != r.RequestID || rows[i-1].ItemID != r.ItemID {
			repeats = 0
		} else if before := &rows[i-1]; before.Reason == joiner.ReasonEarly && r.Reason == joiner.ReasonCorrected &&
			r.Weight == before.Weight && slices.Equal(r.Cells, before.Cells) &&
			enginetest.Columns(&r.Request, r.Item) == enginetest.Columns(&before.Request, before.Item) {
			repeats++
			continue
		}
		r.Revision -= repeats
		kept = append(kept, r)
	}
	return kept
}

// latest is the highest revision of every row, by request and item.
func (w *world) latest() map[[2]string]memory.Row {
	rows := map[[2]string]memory.Row{}
	for _, r := range w.out.Latest(enginetest.Reach(&w.History.Rules)) {
		rows[[2]string{r.RequestID, r.ItemID}] = r
	}
	return rows
}

// sorted are all rows of an output, in an order that does not depend on commits.
func sorted(out *memory.Output) []memory.Row {
	return slices.SortedFunc(out.Rows(), func(a, b memory.Row) int {
		return cmp.Or(strings.Compare(a.RequestID, b.RequestID), strings.Compare(a.ItemID, b.ItemID), cmp.Compare(a.Revision, b.Revision))
	})
}

// TestRebuildFailsBesideTheState breaks a rebuild for a changed configuration off at
// every batch that it applies: the state as it was is there again, and goes on.
func TestRebuildFailsBesideTheState(t *testing.T) {
	for n := 1; n <= 4; n++ {
		t.Run(fmt.Sprint("at batch ", n), func(t *testing.T) {
			w, _ := halfway(t)
			before := w.final
			w.hash = "other"
			if err := w.applies(n); err != nil {
				t.Fatal(err)
			}
			st, err := w.open()
			if err != nil {
				t.Fatal(err)
			}
			now := st.Progress()
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			if now.RulesHash != before.RulesHash && now.RulesHash != "other" || now.Receipt != before.Receipt {
				t.Errorf("there is neither the old state nor a new one: rules %q, commit %d", now.RulesHash, now.Receipt.Number)
			}
			w.hash, w.first = "rules", 10_000
			if err := w.run(); err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			checkBooks(t, w)
		})
	}
}
