package dump_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/demo"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/dump"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
)

// shared are inputs of a stream that holds other subjects too.
const shared = `  requests: {subject: "ev.requests.*"}
  outcomes: {subject: "ev.outcomes.*"}
`

// newShared is a world whose inputs share a stream with other subjects. Its click on r1 is message 4, and r0, long
// before, has no outcome.
func newShared(t *testing.T, limits nats.StreamConfig, click ...nats.PubOpt) *world {
	limits.Name, limits.Subjects = "ev", []string{"ev.>"}
	w := worldOf(t, shared, limits)
	w.publish("ev.requests.r0", `{"request_id":"r0","ts":%q}`, w.stamp(0))
	w.publish("ev.outcomes.beat", `{"heartbeat":%q}`, w.stamp(600))
	w.publish("ev.requests.r1", `{"request_id":"r1","ts":%q}`, w.stamp(1200))
	if _, err := w.js.Publish("ev.outcomes.r1", w.click("r1", 1205), click...); err != nil {
		t.Fatal(err)
	}
	w.publish("ev.other.a", "of someone else")
	w.publish("ev.outcomes.end", `{"heartbeat":%q}`, w.stamp(2400))
	return w
}

func (w *world) click(id string, seconds int) []byte {
	return []byte(`{"request_id":"` + id + `","type":"click","ts":"` + w.stamp(seconds) + `"}`)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// vanishes waits until the stream does not hold a message.
func (w *world) vanishes(seq uint64) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		_, err := w.js.GetMsg("ev", seq)
		if errors.Is(err, nats.ErrMsgNotFound) {
			return
		}
		if err != nil || time.Now().After(deadline) {
			w.t.Fatalf("message %d does not vanish: %v", seq, err)
		}
	}
}

// clicked is the label of each request in an output, with its reason.
func (w *world) clicked(dir string) map[string]string {
	w.t.Helper()
	labels := map[string]string{}
	w.must(filepath.WalkDir(filepath.Join(dir, "data"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return demo.ReadRows(path, []string{"request_id", "reason", "revision", "request_ts", "clicked"}, func(row []string, _ bool) bool {
			labels[row[0]] = row[4] + " " + row[1]
			return true
		})
	}))
	return labels
}

// TestGoneOfShared: a stream that others share drops single messages by its limits. Which of them were of ours the
// server does not say, so that one which is gone from the middle counts: a dump, and a replay of the stream, stop, and
// with --allow-gone what may be gone is no negative.
func TestGoneOfShared(t *testing.T) {
	perSubject := func(n int64) nats.StreamConfig { return nats.StreamConfig{MaxMsgsPerSubject: n} }
	for _, c := range []struct {
		name   string
		limits nats.StreamConfig
		click  []nats.PubOpt
		lose   func(w *world)
	}{
		{name: "max_msgs_per_subject", limits: perSubject(1), lose: func(w *world) {
			w.publish("ev.outcomes.r1", `{"request_id":"r1","type":"view","ts":%q}`, w.stamp(1210))
		}},
		{name: "its own time to live", limits: nats.StreamConfig{AllowMsgTTL: true}, click: []nats.PubOpt{nats.MsgTTL(time.Second)},
			lose: func(*world) {}},
		{name: "and a delete marker in its place", limits: nats.StreamConfig{AllowMsgTTL: true, SubjectDeleteMarkerTTL: time.Hour, MaxMsgsPerSubject: 1},
			click: []nats.PubOpt{nats.MsgTTL(time.Second)}, lose: func(*world) {}},
		{name: "rollup", limits: nats.StreamConfig{AllowRollup: true}, lose: func(w *world) {
			_, err := w.js.PublishMsg(&nats.Msg{Subject: "ev.outcomes.r1", Header: nats.Header{"Nats-Rollup": {"sub"}},
				Data: []byte(`{"heartbeat":"` + w.stamp(2401) + `"}`)})
			w.must(err)
		}},
		{name: "purged by its subject", limits: perSubject(100), lose: func(w *world) {
			w.must(w.js.PurgeStream("ev", &nats.StreamPurgeRequest{Subject: "ev.outcomes.r1"}))
		}},
		{name: "deleted", limits: perSubject(100), lose: func(w *world) { w.must(w.js.DeleteMsg("ev", 4)) }},
		{name: "deleted, where limits drop none", lose: func(w *world) { w.must(w.js.DeleteMsg("ev", 4)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newShared(t, c.limits, c.click...)
			c.lose(w)
			w.vanishes(4)
			gone := (*dump.GoneError)(nil)
			d := &dump.Dump{Config: w.cfg, Dir: filepath.Join(w.dir, "dumped"), Talk: new(bytes.Buffer)}
			if err := d.Run(t.Context()); !errors.As(err, &gone) || gone.From != 4 || gone.To != 4 {
				t.Fatalf("the dump says %v", err)
			}
			d.AllowGone = true
			w.must(d.Run(t.Context()))
			loaded, err := dump.Load(d.Dir)
			if err != nil || len(loaded.Gaps) != 1 {
				t.Fatalf("gaps %+v: %v", loaded.Gaps, err)
			}
			out, err := w.replayed("again", func(r *replay.Replay) {
				r.Dumped, r.Unmatched = []*replay.Own{(*replay.Own)(loaded)}, []string{"clicked", "spent"}
			})
			w.must(err)
			if got := w.clicked(out); got["r0"] != "0 closed" || got["r1"] != "<null> gap" {
				t.Errorf("the rows are %v", got)
			}
		})
	}
}

// TestNothingGoneOfShared: what is gone of a shared stream's beginning is missing, as of any, and stops nothing.
func TestNothingGoneOfShared(t *testing.T) {
	limits := nats.StreamConfig{MaxMsgsPerSubject: 100, AllowMsgTTL: true}
	t.Run("nothing is gone", func(t *testing.T) {
		w := newShared(t, limits)
		_, loaded := w.dumped("dumped")
		out, err := w.replayed("again", func(r *replay.Replay) {
			r.Dumped, r.Unmatched = []*replay.Own{(*replay.Own)(loaded)}, []string{"clicked", "spent"}
		})
		w.must(err)
		if got := w.clicked(out); len(loaded.Gaps) != 0 || got["r0"] != "0 closed" || got["r1"] != "1 closed" {
			t.Errorf("gaps %+v, the rows are %v", loaded.Gaps, got)
		}
	})
	t.Run("the beginning", func(t *testing.T) {
		w := newShared(t, limits)
		w.must(w.js.PurgeStream("ev", &nats.StreamPurgeRequest{Sequence: 3}))
		dir, loaded := w.dumped("dumped")
		report, err := os.ReadFile(filepath.Join(dir, dump.ReportFile))
		if err != nil || len(loaded.Gaps) != 1 || !strings.Contains(string(report), "outcomes_missing_before_ns") {
			t.Errorf("gaps %+v: %v: %s", loaded.Gaps, err, report)
		}
	})
	t.Run("before --from", func(t *testing.T) {
		w := newShared(t, limits)
		w.must(w.js.DeleteMsg("ev", 4))
		if _, loaded := w.dumped("dumped", "5"); len(loaded.Gaps) != 1 {
			t.Errorf("gaps %+v", loaded.Gaps)
		}
	})
}

// TestGoneAmongOthers: of which time what is gone was, only messages of ours tell. When the messages of others beside
// it were stored does not: these events were published an hour late.
func TestGoneAmongOthers(t *testing.T) {
	const others = 120
	for _, c := range []struct {
		name    string
		publish func(w *world) // the click on r1 is what comes last
		want    string         // of r0, long before
	}{
		{name: "many of others come before", want: "0 closed", publish: func(w *world) {
			w.publish("ev.requests.r0", `{"request_id":"r0","ts":%q}`, w.stamp(0))
			w.publish("ev.outcomes.beat", `{"heartbeat":%q}`, w.stamp(600))
			w.publish("ev.requests.r1", `{"request_id":"r1","ts":%q}`, w.stamp(1200))
			for range others {
				w.publish("ev.other.a", "of someone else")
			}
		}},
		{name: "none of ours comes before", want: "<null> gap", publish: func(w *world) { w.publish("ev.other.a", "of someone else") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := worldOf(t, shared, nats.StreamConfig{Name: "ev", Subjects: []string{"ev.>"}, MaxMsgsPerSubject: 1000})
			c.publish(w)
			ack, err := w.js.Publish("ev.outcomes.r1", w.click("r1", 1205))
			w.must(err)
			w.publish("ev.requests.r0", `{"request_id":"r0","ts":%q}`, w.stamp(0)) // again, or late
			w.publish("ev.requests.r1", `{"request_id":"r1","ts":%q}`, w.stamp(1200))
			w.publish("ev.outcomes.end", `{"heartbeat":%q}`, w.stamp(2400))
			w.must(w.js.DeleteMsg("ev", ack.Sequence))
			d := &dump.Dump{Config: w.cfg, Dir: filepath.Join(w.dir, "dumped"), Talk: new(bytes.Buffer), AllowGone: true}
			w.must(d.Run(t.Context()))
			loaded, err := dump.Load(d.Dir)
			w.must(err)
			out, err := w.replayed("again", func(r *replay.Replay) {
				r.Dumped, r.Unmatched = []*replay.Own{(*replay.Own)(loaded)}, []string{"clicked", "spent"}
			})
			w.must(err)
			if got := w.clicked(out); got["r0"] != c.want || got["r1"] != "<null> gap" {
				t.Errorf("the rows are %v", got)
			}
		})
	}
}

// onWrite is a writer that calls once what happens meanwhile.
type onWrite struct {
	bytes.Buffer
	do func()
}

func (w *onWrite) Write(p []byte) (int, error) {
	if do := w.do; do != nil {
		w.do = nil
		do()
	}
	return w.Buffer.Write(p)
}

// TestGoneWhileReading: what a shared stream drops after a dump has asked what is gone, and before it has read it,
// counts too.
func TestGoneWhileReading(t *testing.T) {
	w := newShared(t, nats.StreamConfig{MaxMsgsPerSubject: 100})
	w.must(w.js.DeleteMsg("ev", 2))
	talk := &onWrite{do: func() { w.must(w.js.DeleteMsg("ev", 4)) }}
	d := &dump.Dump{Config: w.cfg, Dir: filepath.Join(w.dir, "dumped"), Talk: talk, AllowGone: true}
	w.must(d.Run(t.Context()))
	loaded, err := dump.Load(d.Dir)
	if err != nil || len(loaded.Gaps) != 2 {
		t.Fatalf("gaps %+v: %v", loaded.Gaps, err)
	}
	lines := strings.Split(talk.String(), "\n")
	for _, line := range []string{"stream ev: messages 2 to 2 are gone", "stream ev: messages 4 to 4 are gone"} {
		if !slices.Contains(lines, line) {
			t.Errorf("it does not say %q: %s", line, talk)
		}
	}
}
