package deadletter

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// ago is a time in the unit of the configuration, seconds.
func ago(d time.Duration) int64 { return now.Add(-d).Unix() }

// letters are dead letters of a joiner whose time_unit was wrong, with what becomes of them
// with the right one.
func letters() (list []events.DeadLetter, fates []string) {
	add := func(kind events.Kind, fate, reason, subject, data string) {
		list = append(list, events.DeadLetter{Origin: events.Origin{Seq: uint64(len(list) + 1)}, Input: kind.String() + "s",
			Kind:   kind,
			Reason: reason, Detail: "it was so", Stored: events.At(now.Add(-time.Hour)), Subject: subject, Data: []byte(data)})
		fates = append(fates, fate)
	}
	request := func(d time.Duration) string { return fmt.Sprintf(`{"request_id":"r%d","ts":%d}`, len(list), ago(d)) }
	outcome := func(d time.Duration) string {
		return fmt.Sprintf(`{"request_id":"r%d","type":"click","ts":%d}`, len(list), ago(d))
	}
	const r, o = events.KindRequest, events.KindOutcome
	add(r, fateJoins, "max_age", "requests.web", request(10*time.Minute))
	add(r, fateCorrect, "max_age", "requests.web", request(time.Hour))
	add(r, fateBeyond, "max_age", "requests.app", request(24*time.Hour))
	add(r, fateRefused, "max_age", "requests.app", request(60*24*time.Hour))
	add(o, fateJoins, "max_age", "outcomes.web", outcome(time.Minute))
	add(o, fateCorrect, "max_age", "outcomes.web", outcome(time.Hour))
	add(o, fateBeyond, "max_age", "outcomes.web", outcome(24*time.Hour))
	add(o, fateRefused, "not_json", "outcomes.web", `{"request_id":`)
	add(o, fateJoins, "max_age", "", outcome(time.Minute)) // of a version without subjects
	add(r, fateRefused, "max_age", "elsewhere.web", request(time.Minute))
	return list, fates
}

// world is an output with dead letters.
type world struct{ cfg *config.Config }

func newWorld(t *testing.T) *world {
	t.Helper()
	cfg, err := config.Decode("labeljoin.yaml", []byte(`
name: feed
inputs: {requests: {time_unit: s}, outcomes: {time_unit: s}}
join: {window: 30m, corrections: 1h, lateness: 0s}
labels: {clicked: 'type == "click"'}
`))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Output.Dir, cfg.State.Dir = filepath.Join(t.TempDir(), "labeled"), t.TempDir()
	rules, err := wire.Rules(cfg)
	if err != nil {
		t.Fatal(err)
	}
	out, err := partition.OpenOutput(bucket.NewDir(vfs.Default, cfg.Output.Dir), partition.ID{}, cfg, &rules,
		slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	list, _ := letters()
	for k, half := range [][]events.DeadLetter{list[:4], list[4:]} {
		s, err := out.Stage(uint64(k + 1))
		if err != nil {
			t.Fatal(err)
		}
		for i := range half {
			if err := s.DeadLetter(&half[i]); err != nil {
				t.Fatal(err)
			}
		}
		cut := &joiner.Cut{Number: uint64(k + 1), Nonce: "n", RulesHash: cfg.Fingerprint(),
			Progress: joiner.Progress{Commit: uint64(k + 1), Clock: joiner.NewClock(), ClosedThrough: events.MinTime,
				PublishedThrough: events.MinTime}}
		for kind := range cut.Progress.Clock.Seen {
			cut.Progress.Clock.Observe(events.Kind(kind), events.At(now))
		}
		if _, err := s.Commit(t.Context(), cut); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return &world{cfg}
}

func TestShow(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	if err := Show(t.Context(), w.cfg, Wanted{}, 0, now, true, &out); err != nil {
		t.Fatal(err)
	}
	list, fates := letters()
	var got []shown
	for line := range strings.Lines(out.String()) {
		var s shown
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	slices.Reverse(got)
	if len(got) != len(list) {
		t.Fatalf("%d are shown", len(got))
	}
	for i, s := range got {
		t.Run(s.ID, func(t *testing.T) {
			if s.Now.Fate != fates[i] || s.Data != string(list[i].Data) || s.Subject != list[i].Subject ||
				s.Seq != list[i].Origin.Seq ||
				s.Reason != list[i].Reason || s.Kind != list[i].Kind.String() || s.Stored != list[i].Stored.String() {
				t.Errorf("got %+v, want %s of %+v", s, fates[i], list[i])
			}
		})
	}
}

func TestWanted(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name   string
		wanted Wanted
		lines  int
	}{
		{"all", Wanted{}, 10},
		{"reason", Wanted{Reason: "not_json"}, 1},
		{"input", Wanted{Input: "requests"}, 5},
		{"since", Wanted{Since: events.At(now.Add(-time.Minute))}, 0},
		{"one", Wanted{ID: "2/4"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Show(t.Context(), w.cfg, c.wanted, 0, now, true, &out); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(out.String(), "\n"); n != c.lines {
				t.Errorf("%d are shown", n)
			}
		})
	}
	var misuse interface{ Misuse() bool }
	if err := Show(t.Context(), w.cfg, Wanted{Input: "clicks"}, 0, now, true, io.Discard); !errors.As(err, &misuse) {
		t.Errorf("an input that does not exist: %v", err)
	}
}

func TestList(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	if err := List(t.Context(), w.cfg, Wanted{}, now, true, &out); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		var c counted
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(c.Input, " ", c.Reason, " ", c.Letters, " ", c.Now))
	}
	want := []string{
		"outcomes max_age 4 map[beyond:1 correct:1 joins:2]", "outcomes not_json 1 map[refused:1]",
		"requests max_age 5 map[beyond:1 correct:1 joins:1 refused:2]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// killed is an appender whose process ends when so many messages are stored.
type killed struct {
	appender
	after int
}

var errKilled = errors.New("killed")

func (k *killed) Append(ctx context.Context, list []events.Outgoing) (int, error) {
	if k.after >= len(list) {
		k.after -= len(list)
		return k.appender.Append(ctx, list)
	}
	list, k.after = list[:k.after], 0
	if _, err := k.appender.Append(ctx, list); err != nil {
		return 0, err
	}
	return 0, errKilled
}

// TestRetry kills a retry after every number of messages, runs it again, and holds that each
// letter which can be read is in its stream once, as it was. The streams forget at once which
// ids they have seen.
func TestRetry(t *testing.T) {
	server, err := jetstream.StartServer(jetstream.ServerOptions{StoreDir: t.TempDir(), Port: 0})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	nc, err := jetstream.Connect(jetstream.ConnOptions{URL: server.URL()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	list, fates := letters()
	var want []string
	for i := range list {
		if fates[i] != fateRefused {
			subject := list[i].Subject
			if subject == "" {
				subject = "outcomes.http"
			}
			want = append(want, subject+" "+string(list[i].Data))
		}
	}
	slices.Sort(want)
	for after := range len(want) + 1 {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			w := newWorld(t)
			streams := emptyStreams(t, nc)
			if sum, err := w.retry(t, nc, len(want), true); err != nil || sum.Published[fateJoins] != 3 ||
				len(published(t, streams)) > 0 {
				t.Errorf("a dry run: %+v, %v", sum, err)
			}
			if _, err := w.retry(t, nc, after, false); (err == nil) != (after == len(want)) {
				t.Fatalf("got %v", err)
			}
			time.Sleep(150 * time.Millisecond) // as long as the streams know copies
			sum, err := w.retry(t, nc, len(want), false)
			if err != nil || sum.Wanted != len(list) || sum.Before != len(want) {
				t.Errorf("again: %+v, %v", sum, err)
			}
			if got := published(t, streams); !slices.Equal(got, want) {
				t.Errorf("published %q, want %q", got, want)
			}
		})
	}
}

// retry runs a retry that is killed after some messages.
func (w *world) retry(t *testing.T, nc *nats.Conn, after int, dry bool) (retrySum, error) {
	t.Helper()
	r := &Retry{Config: w.cfg, DryRun: dry, JSON: true, Now: now, Out: io.Discard}
	r.dial = func(ctx context.Context) (func() error, error) {
		a, err := jetstream.NewAppender(nc, jetstream.AppenderOptions{})
		if err != nil {
			return nil, err
		}
		feeds, err := wire.Feeds(w.cfg)
		if err != nil {
			return nil, err
		}
		logs, _, err := jetstream.Look(ctx, nc, wire.Subjects(w.cfg, feeds, false))
		r.use(&killed{a, after}, nc, logs)
		return func() error { a.Close(); return nil }, err
	}
	err := r.Run(t.Context())
	return r.sum, err
}

func emptyStreams(t *testing.T, nc *nats.Conn) (streams []natsjs.Stream) {
	t.Helper()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"requests", "outcomes"} {
		if err := js.DeleteStream(t.Context(), name); err != nil && !errors.Is(err, natsjs.ErrStreamNotFound) {
			t.Fatal(err)
		}
		s, err := js.CreateStream(t.Context(), natsjs.StreamConfig{Name: name, Subjects: []string{name + ".>"},
			Duplicates: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.Publish(t.Context(), name+".before", nil); err != nil {
			t.Fatal(err)
		}
		streams = append(streams, s)
	}
	return streams
}

// published lists subjects and data of the messages that were published since.
func published(t *testing.T, streams []natsjs.Stream) (all []string) {
	t.Helper()
	for _, s := range streams {
		info, err := s.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for seq := uint64(2); seq <= info.State.LastSeq; seq++ {
			m, err := s.GetMsg(t.Context(), seq)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, m.Subject+" "+string(m.Data))
		}
	}
	slices.Sort(all)
	return all
}

// TestContent: what was kept compressed is read, and keeps its header; what was kept as it was
// decompressed has no such header any more.
func TestContent(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(`{"id":1}`)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"kept compressed": packed.Bytes(), "kept as read": []byte(`{"id":1}`)} {
		t.Run(name, func(t *testing.T) {
			l := &export.Letter{DeadLetter: events.DeadLetter{Data: data,
				Header: map[string][]string{"content-encoding": {" GZIP"}, "ce-id": {"1"}}}}
			content, compressed := contentOf(l)
			header := headerOf(l)
			if string(content) != `{"id":1}` || compressed != (name == "kept compressed") {
				t.Errorf("it says %q, compressed %v", content, compressed)
			}
			if (header["content-encoding"] != nil) != compressed || header["ce-id"] == nil {
				t.Errorf("its headers are %v", header)
			}
		})
	}
}
