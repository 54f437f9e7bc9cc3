package dump_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/dump"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/diff"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// world is a server with streams, and a configuration that reads them.
type world struct {
	t   *testing.T
	dir string
	cfg *config.Config
	js  nats.JetStreamContext
	at  time.Time // of the first request
}

// apart are inputs that have streams of their own, with a mapped one among them.
const apart = `  requests: {subject: requests.model}
  outcomes: {subject: outcomes.native}
  clicks:
    subject: outcomes.clicks
    kind: outcome
    format: json
    map: {request_id: event.id, type: '"click"', ts: event.at, item_id: event.what}
`

func newWorld(t *testing.T) *world {
	return worldOf(t, apart, nats.StreamConfig{Name: "requests", Subjects: []string{"requests.>"}},
		nats.StreamConfig{Name: "outcomes", Subjects: []string{"outcomes.>"}})
}

// worldOf has inputs, as the configuration names them, and streams.
func worldOf(t *testing.T, inputs string, streams ...nats.StreamConfig) *world {
	w := &world{t: t, dir: t.TempDir(), at: time.Now().Add(-time.Hour).Truncate(time.Second)}
	server, err := jetstream.StartServer(jetstream.ServerOptions{StoreDir: filepath.Join(w.dir, "nats")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	nc, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if w.js, err = nc.JetStream(); err != nil {
		t.Fatal(err)
	}
	for i := range streams {
		if _, err := w.js.AddStream(&streams[i]); err != nil {
			t.Fatal(err)
		}
	}
	text := fmt.Sprintf(`name: feed
nats: {url: %q}
state: {dir: %q}
output: {dir: %q, roll: {interval: 1s}}
join: {window: 60s, lateness: 1s, max_future: 5m, max_age: 1d}
inputs:
%slabels:
  clicked: {when: 'type == "click"', window: 60s}
  spent: {when: 'type == "buy"', window: 60s, value: sum}
`, server.URL(), filepath.Join(w.dir, "state"), filepath.Join(w.dir, "live"), inputs)
	if w.cfg, err = config.Read("test", strings.NewReader(text)); err == nil {
		w.cfg, err = partition.CheckExpressions(w.cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) publish(subject, format string, args ...any) {
	w.t.Helper()
	if _, err := w.js.Publish(subject, fmt.Appendf(nil, format, args...)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) stamp(seconds int) string {
	return w.at.Add(time.Duration(seconds) * time.Second).Format(time.RFC3339)
}

// histories publishes what makes reading and deciding hard: outcomes before their request, copies,
// messages of several events and of several lines, events that are rejected or out of bounds, records
// of another format, heartbeats.
func (w *world) histories() {
	for i := range 60 {
		id := fmt.Sprintf("r%d", i)
		if i%4 == 0 {
			w.publish("outcomes.clicks", `{"id":%q,"at":%q,"what":"b"}`, id, w.stamp(i+3))
		}
		switch i % 3 {
		case 0:
			w.publish("requests.model",
				`{"request_id":%q,"ts":%q,"features":{"n":%d},"items":[{"item_id":"a"},{"item_id":"b"}]}`, id, w.stamp(i), i)
		case 1: // it is written over several lines
			w.publish("requests.model", "[{\"request_id\":%q,\r\n \"ts\":%q,\n\t\"features\":{\"n\":%d}}\n]", id, w.stamp(i), i)
		case 2: // two events in a message, and a copy of other bytes, stamped earlier
			w.publish("requests.model", "{\"request_id\":%q,\"ts\":%q,\"features\":{\"n\":%d}}\n{\"request_id\":%q,\"ts\":%q}",
				id, w.stamp(i), i, id, w.stamp(i-1))
		}
		if i%5 == 0 {
			w.publish("outcomes.native",
				`[{"request_id":%q,"type":"buy","value":0.1,"ts":%q},{"request_id":%q,"type":"buy","value":0.2,"ts":%q}]`,
				id, w.stamp(i+9), id, w.stamp(i+61))
			w.publish("outcomes.native", "no event\nat all")
			// from the future
			w.publish("outcomes.native", `{"request_id":%q,"type":"buy","value":1e9,"ts":%q}`, id, w.stamp(i+7*86400))
			w.publish("outcomes.clicks", `{"at":%q}`, w.stamp(i))
		}
	}
	w.publish("outcomes.native", `{"heartbeat":%q}`, w.stamp(600))
}

// joined lets a joiner join until so many requests have rows, and then runs do beside it.
func (w *world) joined(requests int64, do func()) {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- partition.RunLive(ctx, w.cfg, slog.New(slog.DiscardHandler), nil) }()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		archive, err := export.OpenArchive(bucket.NewDir(vfs.Default, w.cfg.Output.Dir), partition.Default)
		if err == nil {
			if last, ok, err := archive.Last(); err == nil && ok &&
				last.Cut.Progress.Ledger.Kinds[events.KindRequest].Disposed != [16]int64{} &&
				last.Cut.Progress.Ledger.Kinds[events.KindRequest].Pending == 0 &&
				last.Cut.Progress.Ledger.Kinds[events.KindRequest].Read == requests {
				break
			}
		}
		if time.Now().After(deadline) {
			stop()
			w.t.Fatalf("the joiner has not joined all: %v", <-done)
		}
	}
	do()
	stop()
	if err := <-done; err != nil {
		w.t.Fatal(err)
	}
}

// replayed replays a dump, or the streams.
func (w *world) replayed(name string, change func(r *replay.Replay)) (out string, err error) {
	w.t.Helper()
	out = filepath.Join(w.dir, name)
	r := &replay.Replay{Config: w.cfg, Out: out, MaxRejected: 0.01, Complete: true, Log: slog.New(slog.DiscardHandler),
		Talk: new(bytes.Buffer)}
	change(r)
	return out, r.Run(w.t.Context())
}

func (w *world) same(a, b string) {
	w.t.Helper()
	result, err := diff.Compare(w.t.Context(), a, b, diff.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	if !result.Same() || result.RowsA < 60 {
		w.t.Errorf("%s and %s differ:\n%s", a, b, result)
	}
}

// dumped makes a dump and loads it.
func (w *world) dumped(name string, from ...string) (string, *dump.Dumped) {
	w.t.Helper()
	dir := filepath.Join(w.dir, name)
	d := &dump.Dump{Config: w.cfg, Dir: dir, Talk: new(bytes.Buffer)}
	if err := d.From.ParseFrom(from); err != nil {
		w.t.Fatal(err)
	}
	if err := d.Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	loaded, err := dump.Load(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	return dir, loaded
}

// TestRowsAreThoseOfLive dumps streams beside a joiner that reads them. A replay of the dump, and one
// of the streams, give the joiner's rows.
func TestRowsAreThoseOfLive(t *testing.T) {
	w := newWorld(t)
	w.histories()
	w.joined(80, func() {
		w.dumped("dumped")
		for _, stream := range []string{"requests", "outcomes"} {
			info, err := w.js.StreamInfo(stream)
			if err != nil || info.State.Msgs == 0 || info.State.FirstSeq != 1 {
				t.Errorf("stream %s: %+v: %v", stream, info, err)
			}
		}
	})
	for _, left := range []string{"requests/.DS_Store", "outcomes/.DS_Store"} {
		if err := os.WriteFile(filepath.Join(w.dir, "dumped", left), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := dump.Load(filepath.Join(w.dir, "dumped"))
	if err != nil {
		t.Fatal(err)
	}
	from, err := w.replayed("from-dump", func(r *replay.Replay) { r.Dumped = []*replay.Own{(*replay.Own)(loaded)} })
	if err != nil {
		t.Fatal(err)
	}
	w.same(w.cfg.Output.Dir, from)
	streams, err := w.replayed("from-stream", func(r *replay.Replay) {
		r.Streams = func(ctx context.Context, dir string) (*replay.Own, error) {
			d := &dump.Dump{Config: w.cfg, Dir: dir, Talk: new(bytes.Buffer)}
			if err := d.Run(ctx); err != nil {
				return nil, err
			}
			loaded, err := dump.Load(dir)
			return (*replay.Own)(loaded), err
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	w.same(w.cfg.Output.Dir, streams)
	if _, err := os.Stat(filepath.Join(streams, "_replay")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a copy of the streams is left: %v", err)
	}
	letters, err := os.ReadFile(filepath.Join(w.dir, "dumped", dump.RejectedFile))
	if err != nil || bytes.Count(letters, []byte("\n")) != 12*3 ||
		bytes.Count(letters, []byte(events.ReasonMaxFuture)) != 12 {
		t.Errorf("%d dead letters: %v\n%.2000s", bytes.Count(letters, []byte("\n")), err, letters)
	}
}

// TestRetiredIsTold: a dump, which a replay of streams makes as well, says that a retired stream is not in it.
func TestRetiredIsTold(t *testing.T) {
	w := newWorld(t)
	w.cfg.Inputs.Retired = []string{"taps"}
	w.histories()
	talk := new(bytes.Buffer)
	if err := (&dump.Dump{Config: w.cfg, Dir: filepath.Join(w.dir, "dumped"), Talk: talk}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(talk.String(), "stream taps is in inputs.retired and is not read") {
		t.Errorf("it does not say that taps is not copied: %s", talk)
	}
}

// TestFrom begins to read later: by time, by sequence, and where messages have gone.
func TestFrom(t *testing.T) {
	w := newWorld(t)
	w.histories()
	whole, _ := w.dumped("whole")
	info, err := w.js.StreamInfo("outcomes")
	if err != nil {
		t.Fatal(err)
	}
	if report, err := os.ReadFile(filepath.Join(whole, dump.ReportFile)); err != nil ||
		strings.Contains(string(report), "missing") {
		t.Errorf("%s: %v", report, err)
	}
	t.Run("a sequence", func(t *testing.T) {
		_, loaded := w.dumped("by-seq", "outcomes=20")
		if len(loaded.Gaps) != 1 || !loaded.Gaps[0].Kinds[events.KindOutcome] || loaded.Gaps[0].To < events.At(w.at) {
			t.Errorf("gaps %+v", loaded.Gaps)
		}
	})
	t.Run("a time", func(t *testing.T) {
		m, err := w.js.GetMsg("outcomes", 30)
		if err != nil {
			t.Fatal(err)
		}
		dir, _ := w.dumped("by-time", m.Time.Format(time.RFC3339Nano))
		report, err := os.ReadFile(filepath.Join(dir, dump.ReportFile))
		if err != nil || !strings.Contains(string(report), `"first_seq": 30`) {
			t.Errorf("%s: %v", report, err)
		}
	})
	t.Run("behind the end", func(t *testing.T) {
		_, loaded := w.dumped("nothing", time.Now().Add(time.Hour).Format(time.RFC3339))
		if len(loaded.Files[0])+len(loaded.Files[1]) != 0 {
			t.Errorf("files %q", loaded.Files)
		}
	})
	t.Run("wrong", func(t *testing.T) {
		for from, says := range map[string]string{"5": "STREAM=SEQUENCE", "events=5": "there are"} {
			d := &dump.Dump{Config: w.cfg, Dir: filepath.Join(w.dir, "wrong"), Talk: new(bytes.Buffer)}
			if err := d.From.ParseFrom([]string{from}); err != nil {
				t.Fatal(err)
			}
			if err := d.Run(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("--from %s: %v", from, err)
			}
		}
		for _, from := range [][]string{{"yesterday"}, {"0"}, {"outcomes=x"}, {"-1"}, {"5", "6"}, {"2026-10-01", "2026-10-02"},
			{"2026-10-01", "5"}, {"outcomes=5", "outcomes=6"}} {
			if err := new(dump.From).ParseFrom(from); err == nil {
				t.Errorf("--from %q is taken", from)
			}
		}
		both := new(dump.From)
		if err := both.ParseFrom([]string{"2026-10-01", "outcomes=5", "requests=6"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("into a directory that is not empty, or was not completed", func(t *testing.T) {
		d := &dump.Dump{Config: w.cfg, Dir: whole, Talk: new(bytes.Buffer)}
		if err := d.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "not empty") {
			t.Error(err)
		}
		if err := os.Remove(filepath.Join(whole, dump.ReportFile)); err != nil {
			t.Fatal(err)
		}
		if _, err := dump.Load(whole); err == nil || !strings.Contains(err.Error(), "not completed") {
			t.Error(err)
		}
	})
	t.Run("messages are gone from the middle", func(t *testing.T) {
		if err := w.js.DeleteMsg("outcomes", info.State.LastSeq-3); err != nil {
			t.Fatal(err)
		}
		d := &dump.Dump{Config: w.cfg, Dir: filepath.Join(w.dir, "gone"), Talk: new(bytes.Buffer)}
		gone := (*dump.GoneError)(nil)
		if err := d.Run(t.Context()); !errors.As(err, &gone) || gone.From != info.State.LastSeq-3 || gone.To != gone.From {
			t.Fatalf("it says %v", err)
		}
		d.AllowGone = true
		if err := d.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		loaded, err := dump.Load(d.Dir)
		if err != nil || len(loaded.Gaps) != 1 {
			t.Fatalf("gaps %+v: %v", loaded.Gaps, err)
		}
		evidence := (*replay.EvidenceError)(nil)
		if r := (&replay.Replay{Config: w.cfg, Out: filepath.Join(w.dir, "gone-archive"), Talk: new(bytes.Buffer),
			Dumped: []*replay.Own{(*replay.Own)(loaded)}}); !errors.As(r.Archive(t.Context()), &evidence) {
			t.Errorf("an archive of a dump with gaps says %v", evidence)
		}
		if _, err := w.replayed("gone-replayed",
			func(r *replay.Replay) { r.Dumped = []*replay.Own{(*replay.Own)(loaded)} }); err != nil {
			t.Error(err)
		}
	})
}
