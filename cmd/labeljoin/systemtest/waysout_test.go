package systemtest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// wayOut is a refusal of the whole program, and what its text advises to do.
type wayOut struct {
	name    string
	spoil   func(w *outWorld)
	refusal string // what the refusal says
	advice  string // and what it advises
	follow  func(w *outWorld)
	unsound bool // what is lost stays so: verify --deep has nothing to compare
	// needsState: a state that is lost afterwards is another refusal, with another way out.
	needsState bool
}

// outWorld is a joiner that has made commits, is stopped, and gets into trouble. before
// is a copy of state and output as they were in between.
type outWorld struct {
	*silentWorld
	name, text string
}

// testWaysOut gets a joiner into every state in which a start refuses with 3 that a
// person can cause, and does what the refusal advises: the joiner goes on, and its
// output is sound. So it is when the state is lost afterwards, and once more. An error
// type that is in none of these is met in another test, or by a damaged disk or a defect
// only.
func testWaysOut(t *testing.T, b *rig) {
	js := openTraffic(t, b.broker.URL(), 0).js
	for _, c := range waysOut() {
		t.Run(c.name, func(t *testing.T) {
			w := newOutWorld(t, b, js, strings.ReplaceAll(c.name, " ", "-"))
			c.spoil(w)
			refused := w.start("run", "--config", w.config)
			said := ""
			if code := refused.code(); code != terminal.ExitRefused {
				t.Fatalf("the start ends with %d, want 3: %s", code, refused.log.tail(2000))
			} else {
				said = refused.log.text()
			}
			for _, text := range []string{c.refusal, c.advice} {
				if !strings.Contains(said, text) {
					t.Errorf("it does not say %q: %s", text, said)
				}
			}
			c.follow(w)
			w.goesOn("later", c.unsound)
			for _, id := range []string{"later still", "last"} {
				if !c.needsState {
					w.remove("state/p0000")
				}
				w.goesOn(id, c.unsound)
			}
		})
	}
}

// goesOn starts the joiner, which may want to be told to go on without what is lost, and
// has it make a row. The output is sound then.
func (w *outWorld) goesOn(id string, unsound bool) {
	w.t.Helper()
	c := w.start("run", "--config", w.config)
	if !c.joinsOrEnds() {
		if code := c.code(); code != terminal.ExitRefused {
			w.t.Fatalf("before %q the start ends with %d: %s", id, code, c.log.tail(2000))
		}
		w.declare()
		c = w.start("run", "--config", w.config)
	}
	c.joins()
	before, _ := c.status()
	w.send("request", id, "")
	c.until("requests close", func() bool {
		s, ok := c.status()
		r := s.Events["request"]
		return ok && r.Pending == 0 && r.Read > before.Events["request"].Read && s.Rows > before.Rows
	})
	c.stop()
	if got := w.last(); got[id] == "" {
		w.t.Errorf("request %q has no row: %v", id, got)
	}
	if out, code := w.output("verify", "--config", w.config); code != 0 {
		w.t.Errorf("after %q verify says %d: %s", id, code, out)
	}
	if out, code := w.output("verify", "--config", w.config, "--deep"); code != 0 && !unsound {
		w.t.Errorf("after %q verify --deep says %d: %s", id, code, out)
	}
}

func newOutWorld(t *testing.T, b *rig, js jetstream.JetStream, name string) *outWorld {
	w := &outWorld{name: name, silentWorld: &silentWorld{
		rig: &rig{t: t, binary: b.binary, dir: t.TempDir(), broker: b.broker}, js: js,
		stream: jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}},
	}}
	w.createStream()
	w.text = strings.NewReplacer("ev.", name+".", "stream: ev", "stream: "+name).Replace(silentConfig)
	w.config = w.configureSilent(w.text)
	w.join("a", 2)
	w.keep("before")
	w.join("b", 4)
	w.keep("after")
	return w
}

func (w *outWorld) send(kind, id, more string) {
	w.t.Helper()
	w.publish(w.name+"."+kind+"s", id, more)
}

// join has a joiner make rows of two requests.
func (w *outWorld) join(id string, rows int64) {
	w.t.Helper()
	c := w.start("run", "--config", w.config)
	w.send("request", id+"1", "")
	w.send("outcome", id+"1", `,"type":"click"`)
	w.send("request", id+"2", "")
	w.closed(c, rows)
	c.stop()
}

// keep makes a copy of state and output.
func (w *outWorld) keep(name string) {
	w.t.Helper()
	if err := os.Mkdir(w.path(name), 0o700); err != nil {
		w.t.Fatal(err)
	}
	for _, dir := range []string{"state", "labeled"} {
		w.copyDir(dir, filepath.Join(name, dir))
	}
}

func (w *outWorld) copyDir(from, to string) {
	w.t.Helper()
	w.remove(to)
	copyFiles(w.t, w.path(from), w.path(to))
}

func (w *outWorld) remove(name string) {
	w.t.Helper()
	if err := os.RemoveAll(w.path(name)); err != nil {
		w.t.Fatal(err)
	}
}

// restore puts a directory back from a copy.
func (w *outWorld) restore(copy string, dirs ...string) {
	for _, dir := range dirs {
		w.copyDir(filepath.Join(copy, dir), dir)
	}
}

// only is the newest file that a pattern names.
func (w *outWorld) only(pattern string) string {
	w.t.Helper()
	found, err := filepath.Glob(w.path(pattern))
	if err != nil || len(found) == 0 {
		w.t.Fatalf("no %s (%v)", pattern, err)
	}
	return found[len(found)-1]
}

// do runs a command that must work.
func (w *outWorld) do(args ...string) string {
	w.t.Helper()
	out, code := w.output(append(args, "--config", w.config)...)
	if code != 0 {
		w.t.Errorf("%v ends with %d: %s", args, code, out)
	}
	return out
}

// change changes the configuration.
func (w *outWorld) change(old, new string) {
	w.t.Helper()
	text, err := os.ReadFile(w.config)
	if err != nil || !strings.Contains(string(text), old) {
		w.t.Fatalf("no %q in %s (%v)", old, text, err)
	}
	if err := os.WriteFile(w.config, []byte(strings.ReplaceAll(string(text), old, new)), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// more is an input of another stream.
func (w *outWorld) more() string {
	return fmt.Sprintf("more: {kind: outcome, subject: %[1]s-more, stream: %[1]s-more}, ", w.name)
}

// addInput has a joiner read an input of another stream.
func (w *outWorld) addInput() {
	w.t.Helper()
	more := jetstream.StreamConfig{Name: w.name + "-more", Subjects: []string{w.name + "-more"}}
	if _, err := w.js.CreateStream(w.t.Context(), more); err != nil {
		w.t.Fatal(err)
	}
	w.change("inputs: {", "inputs: {"+w.more())
	w.publish(more.Name, "c2", `,"type":"click"`)
	w.join("c", 6)
}

// beside is an input of the same stream.
func (w *outWorld) beside() string {
	return fmt.Sprintf("beside: {kind: outcome, subject: %[1]s.more, stream: %[1]s}, ", w.name)
}

// removeInput takes it out again, and puts something in its place.
func (w *outWorld) removeInput(instead string) { w.t.Helper(); w.change(w.more(), instead) }

// inStream does something to the stream.
func (w *outWorld) inStream(do func(s jetstream.Stream) error) {
	w.t.Helper()
	s, err := w.js.Stream(w.t.Context(), w.name)
	if err == nil {
		err = do(s)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// anew deletes the stream and makes it again.
func (w *outWorld) anew() { w.t.Helper(); w.deleteStream(); w.createStream() }

func (w *outWorld) deleteStream() {
	w.t.Helper()
	if err := w.js.DeleteStream(w.t.Context(), w.name); err != nil {
		w.t.Fatal(err)
	}
}

func (w *outWorld) createStream() {
	w.t.Helper()
	if _, err := w.js.CreateStream(w.t.Context(), w.stream); err != nil {
		w.t.Fatal(err)
	}
}

// hold has the stream hold other subjects below its prefix.
func (w *outWorld) hold(subjects ...string) {
	w.t.Helper()
	w.stream.Subjects = nil
	for _, s := range subjects {
		w.stream.Subjects = append(w.stream.Subjects, w.name+"."+s)
	}
	w.update()
}

// olderBackup has a joiner read on, and restores the stream from a backup as it was before.
func (w *outWorld) olderBackup() {
	w.t.Helper()
	restore := w.backupStream(w.name)
	w.join("c", 6)
	restore()
}

func (w *outWorld) declare() { w.do("gap", "log", "--yes") }

const deleteState = "delete the partition's state (the folder p0000 in state.dir"

// waysOut are the refusals of a start.
func waysOut() []wayOut {
	return slices.Concat(waysOutOfFiles(), waysOutOfLogs())
}

// waysOutOfFiles are about state and output.
func waysOutOfFiles() []wayOut {
	restored := func(w *outWorld) { w.restore("after", "labeled") }
	return []wayOut{
		{
			name: "output older than state", spoil: func(w *outWorld) { w.restore("before", "labeled") },
			refusal: "the output is older than the state", advice: deleteState, follow: func(w *outWorld) { w.remove("state/p0000") },
		},
		{
			name: "manifest gone", spoil: func(w *outWorld) { w.removeFile(w.only("labeled/_commits/p0000/*1.json")) },
			refusal: "the output was changed from outside", advice: "restore it whole from a backup", follow: restored,
		},
		{
			name: "commits gone", spoil: func(w *outWorld) { w.remove("labeled/_commits") },
			refusal: "the output is older than the state", advice: "restore the newer output", follow: restored,
		},
		{
			name: "output gone", spoil: func(w *outWorld) { w.remove("labeled") },
			refusal: "the output is older than the state", advice: deleteState, follow: func(w *outWorld) { w.remove("state/p0000") },
		},
		{
			name: "newest file gone", spoil: func(w *outWorld) { w.removeFile(w.only("labeled/data/*/*.parquet")) },
			refusal: "labeled: file data/", advice: "restore the output whole from a backup", follow: restored,
		},
		{
			name: "gap file damaged",
			spoil: func(w *outWorld) {
				w.do("gap", "add", "--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z")
				w.copyDir("labeled/_gaps", "gaps")
				if err := os.WriteFile(w.only("labeled/_gaps/*"), []byte("{"), 0o600); err != nil {
					w.t.Fatal(err)
				}
				w.remove("state/p0000") // a rebuild reads them
			},
			refusal: "the file was changed from outside", advice: "restore it from a backup", follow: func(w *outWorld) { w.copyDir("gaps", "labeled/_gaps") },
		},
		{
			name: "other inputs", spoil: func(w *outWorld) {
				other := jetstream.StreamConfig{Name: w.name + "-other", Subjects: []string{w.name + "-other.>"}}
				if _, err := w.js.CreateStream(w.t.Context(), other); err != nil {
					w.t.Fatal(err)
				}
				w.change(w.name+".", w.name+"-other.")
				w.change("stream: "+w.name, "stream: "+w.name+"-other")
			},
			refusal: "the configuration now reads", advice: "put the inputs back", follow: func(w *outWorld) {
				w.change(w.name+"-other", w.name)
			},
		},
		{
			name: "input taken out", spoil: func(w *outWorld) { w.addInput(); w.removeInput("") },
			refusal: "the configuration now reads", advice: "name it in inputs.retired", follow: func(w *outWorld) {
				w.change("inputs: {", "inputs: {retired: "+w.name+"-more, ")
			},
			needsState: true,
		},
		{
			name: "state gone after an input was taken out", spoil: func(w *outWorld) {
				w.addInput()
				w.removeInput("retired: " + w.name + "-more, ")
				w.remove("state/p0000")
			},
			refusal: "which is in inputs.retired", advice: "Put its input back", follow: func(w *outWorld) {
				w.change("retired: "+w.name+"-more, ", w.more())
			},
		},
		{
			name: "state gone after an input of the same stream was left out", spoil: func(w *outWorld) {
				w.change("inputs: {", "inputs: {"+w.beside())
				w.publish(w.name+".more", "c2", `,"type":"click"`)
				w.join("c", 6)
				w.change(w.beside(), "")
				w.remove("state/p0000")
			},
			refusal: "are left out of the configuration", advice: "Put them back until the joiner has started", follow: func(w *outWorld) {
				w.change("inputs: {", "inputs: {"+w.beside())
			},
		},
		{
			name: "configuration on a short log",
			spoil: func(w *outWorld) {
				w.inStream(func(s jetstream.Stream) error {
					return s.Purge(w.t.Context(), jetstream.WithPurgeSequence(s.CachedInfo().State.LastSeq))
				})
				w.change("}, outcomes", ", time_unit: us}, outcomes")
			},
			refusal: "the changed configuration cannot be applied", advice: "put the configuration back",
			follow: func(w *outWorld) { w.change(", time_unit: us", "") }, unsound: true,
		},
	}
}

// waysOutOfLogs are about the streams.
func waysOutOfLogs() []wayOut {
	purge := func(w *outWorld) {
		w.inStream(func(s jetstream.Stream) error { return s.Purge(w.t.Context()) })
	}
	unread := func(w *outWorld) { w.send("request", "unread", ""); w.send("outcome", "unread", `,"type":"click"`) }
	return []wayOut{
		{
			name: "trimmed unread", spoil: func(w *outWorld) { unread(w); purge(w) },
			refusal: "expired or were purged unread", advice: "labeljoin gap log", follow: (*outWorld).declare, unsound: true,
		},
		{
			name: "trimmed and the state gone", spoil: func(w *outWorld) { purge(w); w.remove("state") },
			refusal: "cannot be rebuilt", advice: "Restore a newer copy of the state directory", follow: func(w *outWorld) { w.restore("after", "state") }, unsound: true,
		},
		{
			name: "recreated", spoil: (*outWorld).anew,
			refusal: "it is another log under the same name", advice: "labeljoin gap log", follow: (*outWorld).declare, unsound: true,
		},
		{
			name: "recreated and the state gone", spoil: func(w *outWorld) { w.anew(); w.remove("state") },
			refusal: "it is another log under the same name", advice: "labeljoin gap log", follow: (*outWorld).declare, unsound: true,
		},
		{
			name: "stream gone", spoil: (*outWorld).deleteStream, refusal: "no stream holds subject", advice: "as labeljoin gap log explains",
			follow: func(w *outWorld) { w.createStream(); w.declare() }, unsound: true,
		},
		{
			name: "restored from an older backup", spoil: (*outWorld).olderBackup,
			refusal: "does not have the newest message that was read", advice: "labeljoin gap log", follow: (*outWorld).declare, unsound: true,
		},
		{
			name: "message deleted unread", spoil: func(w *outWorld) {
				unread(w)
				unread(w)
				w.inStream(func(s jetstream.Stream) error { return s.DeleteMsg(w.t.Context(), s.CachedInfo().State.LastSeq-2) })
			},
			refusal: "no longer holds", advice: "labeljoin gap log", follow: (*outWorld).declare,
		},
		{
			name: "subject transform", spoil: func(w *outWorld) {
				w.stream.SubjectTransform = &jetstream.SubjectTransformConfig{Source: w.name + ".outcomes", Destination: "clean." + w.name}
				w.update()
			},
			refusal: "is not configured so that it can be read", advice: "change it back", follow: func(w *outWorld) {
				w.stream.SubjectTransform = nil
				w.update()
			},
		},
		{
			name: "subject taken out", spoil: func(w *outWorld) { w.hold("requests", "noise") },
			refusal: "it does not hold subject", advice: "change it back", follow: func(w *outWorld) { w.hold(">") },
		},
		{
			name: "subject moved to another stream", spoil: func(w *outWorld) {
				w.hold("requests", "noise")
				moved := jetstream.StreamConfig{Name: w.name + "-moved", Subjects: []string{w.name + ".outcomes"}}
				if _, err := w.js.CreateStream(w.t.Context(), moved); err != nil {
					w.t.Fatal(err)
				}
				w.send("outcome", "b2", `,"type":"click"`)
			},
			refusal: "it does not hold subject", advice: "configure the subject and the stream that have the events", follow: func(w *outWorld) {
				w.change("outcomes, stream: "+w.name, "outcomes, stream: "+w.name+"-moved")
			},
			needsState: true, unsound: true, // the outcomes before are read no more
		},
	}
}

func (w *outWorld) update() {
	w.t.Helper()
	if _, err := w.js.UpdateStream(w.t.Context(), w.stream); err != nil {
		w.t.Fatal(err)
	}
}

func (w *outWorld) removeFile(path string) {
	w.t.Helper()
	if err := os.Remove(path); err != nil {
		w.t.Fatal(err)
	}
}

// testGapTakenBack tries a gap, declares it, and takes it back while the joiner runs:
// what was null is known again, and the output is sound at every step.
func testGapTakenBack(t *testing.T, b *rig) {
	js := openTraffic(t, b.broker.URL(), 0).js
	w := newOutWorld(t, b, js, "gaps")
	c := w.start("run", "--config", w.config)
	c.joins()
	sound := func(when string, want map[string]string) {
		t.Helper()
		c.until(when, func() bool { return maps.Equal(w.last(), want) })
		for _, args := range [][]string{{"verify"}, {"verify", "--deep"}} {
			w.do(args...)
		}
	}
	known := map[string]string{"a1": "1 closed", "a2": "0 closed", "b1": "1 closed", "b2": "0 closed"}
	stretch := []string{"gap", "add", "--from", "2020-01-01T00:00:00Z", "--to", time.Now().UTC().Format(time.RFC3339Nano)}
	if out := w.do(append(stretch, "--dry-run")...); !strings.Contains(out, "2") {
		t.Errorf("the dry run does not say that 2 rows would change: %s", out)
	}
	if out := w.do("gap", "list"); strings.Contains(out, "outcomes missing") {
		t.Errorf("the dry run has declared a gap: %s", out)
	}
	sound("nothing has changed", known)
	w.do(append(stretch, "--note", "a mistake")...)
	sound("the gap is taken in", map[string]string{"a1": "1 closed", "a2": "<null> gap", "b1": "1 closed", "b2": "<null> gap"})
	w.remove("labeled/_gaps") // the gap stays in force, is listed, and its number is not given again
	if out := w.do("gap", "list"); !strings.Contains(out, "outcomes missing") || !strings.Contains(out, "for requests since") {
		t.Errorf("a gap whose declaration is gone is not listed: %s", out)
	}
	w.do("gap", "remove", "1", "--note", "it was one")
	sound("the gap is taken back", map[string]string{"a1": "1 closed", "a2": "0 corrected", "b1": "1 closed", "b2": "0 corrected"})
	if out, code := w.output("gap", "remove", "1", "--config", w.config); code != terminal.ExitUsage {
		t.Errorf("a gap is taken back twice, with code %d: %s", code, out)
	}
	c.stop()
}

// testGapTakenBackLate takes a gap back when the rows that it made null cannot be corrected any more. They stay as they
// are, and verify --deep, a replay and a state that was lost say the same of them.
func testGapTakenBackLate(t *testing.T, b *rig) {
	js := openTraffic(t, b.broker.URL(), 0).js
	w := newOutWorld(t, b, js, "gapslate")
	w.change("corrections: 1h", "corrections: 2s")
	c := w.start("run", "--config", w.config)
	c.joins()
	began := time.Now()
	w.send("request", "c1", "")
	w.send("outcome", "c1", `,"type":"click"`)
	w.send("request", "c2", "")
	w.do("gap", "add", "--from", "2020-01-01T00:00:00Z", "--to", time.Now().UTC().Format(time.RFC3339Nano))
	c.until("the gap is taken in", func() bool { s, ok := c.status(); return ok && s.Gaps == 1 })
	has := func(id string) { t.Helper(); c.until("it has a row of "+id, func() bool { return w.last()[id] != "" }) }
	has("c1")
	has("c2")
	c.until("rows cannot be corrected any more", func() bool {
		s, ok := c.status()
		at, err := time.Parse(time.RFC3339Nano, s.Watermark)
		return ok && err == nil && at.After(began.Add(4*time.Second))
	})
	w.do("gap", "remove", "1")
	c.until("the gap is taken back", func() bool { s, ok := c.status(); return ok && s.Gaps == 0 })
	w.send("request", "d1", "")
	has("d1")
	c.stop()
	check := func(when string) {
		t.Helper()
		for id, want := range map[string]string{"c1": "1 closed", "c2": "<null> gap", "d1": "0 closed"} {
			if got := w.last()[id]; got != want {
				t.Errorf("%s: the row of %s is %s, want %s", when, id, got, want)
			}
		}
		if out := w.do("gap", "list"); !strings.Contains(out, "it was taken back, too late for these") {
			t.Errorf("%s: the list does not say for which requests the gap holds: %s", when, out)
		}
		w.do("verify")
		w.do("verify", "--deep")
	}
	check("live")
	w.remove("state")
	c = w.start("run", "--config", w.config)
	c.joins()
	c.stop()
	check("with a state that was read from the log again")
	w.do("replay", "--from-stream", "--gaps-of", w.path("labeled"), "--complete", "--out", w.path("again"))
	if out, code := w.output("diff", w.path("labeled"), w.path("again"), "--config", w.config); code != 0 {
		t.Errorf("the replay differs: %s", out)
	}
}

// testDoctor asks the doctor before the first start, beside the joiner, and when
// something is wrong.
func testDoctor(t *testing.T, b *rig) {
	js := openTraffic(t, b.broker.URL(), 0).js
	w := &silentWorld{rig: b, js: js, stream: jetstream.StreamConfig{Name: "ev", Subjects: []string{"ev.>"}, DenyDelete: true, DenyPurge: true}}
	w.config = b.configureSilent(silentConfig)
	says := func(when string, want int, texts ...string) {
		t.Helper()
		out, code := b.output("doctor", "--config", w.config)
		for _, text := range texts {
			if !strings.Contains(out, text) {
				t.Errorf("%s it does not say %q: %s", when, text, out)
			}
		}
		if code != want {
			t.Errorf("%s it ends with %d, want %d: %s", when, code, want, out)
		}
	}
	says("without a stream", terminal.ExitFailed, "ok     NATS: connect and log in", "none does", "create one on the server")
	if _, err := js.CreateStream(t.Context(), w.stream); err != nil {
		t.Fatal(err)
	}
	before := b.files("nats")
	says("before the first start", terminal.ExitDone, "ok     state.dir")
	if after := b.files("nats"); !slices.Equal(after, before) {
		t.Errorf("it has changed the server's files: before\n%q\nafter\n%q", before, after)
	}
	c := b.start("run", "--config", w.config)
	c.joins()
	says("beside the joiner", terminal.ExitDone, "ok     output.dir")
	c.stop()
	w.stream.MaxAge = time.Minute
	w.stream.DenyDelete, w.stream.DenyPurge = true, true
	if _, err := js.UpdateStream(t.Context(), w.stream); err != nil {
		t.Fatal(err)
	}
	says("with a short max_age", terminal.ExitFailed, "max_age is 1m0s", "nats stream edit ev --max-age")
}
