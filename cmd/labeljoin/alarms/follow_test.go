package alarms_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/alarms"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// world is an output that commits are added to, an hour of requests each.
type world struct {
	t   *testing.T
	cfg *config.Config
	out *export.Output
	n   uint64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cfg, err := config.Decode("test", []byte("labels: {clicked: 'type == \"click\"'}\nmonitor: {slices: [device], subject: alarms}\n"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Output.Dir = filepath.Join(t.TempDir(), "labeled")
	w := &world{t: t, cfg: cfg}
	w.out, err = export.Open(export.Options{Bucket: bucket.NewDir(vfs.Default, cfg.Output.Dir), Name: cfg.Name, RulesHash: "abc",
		Labels:     []joiner.Label{{Name: "clicked", Window: time.Hour}},
		Statistics: func() tablelog.Sink { return health.NewCounter([]string{"clicked"}, []string{"device"}) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.out.Close() })
	return w
}

// hour commits the rows of an hour, of which one in so many is clicked on each device; 0: none.
func (w *world) hour(start time.Time, phone, tv int) {
	w.t.Helper()
	w.n++
	s, err := w.out.Stage(w.n)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range 4000 {
		device, every := "phone", phone
		if i%2 == 1 {
			device, every = "tv", tv
		}
		req := &events.Request{ID: fmt.Sprint(w.n, "-", i), TS: events.At(start).Add(time.Duration(i) * 100 * time.Millisecond),
			Features: []events.Field{{Name: "device", Value: events.Value{Kind: events.ValueString, Str: device}}}}
		cell := joiner.Cell{TS: events.MinTime}
		if every > 0 && i/2%every == 0 {
			cell = joiner.Cell{Value: 1, TS: req.TS.Add(time.Second)}
		}
		if err := s.Row(req, &joiner.Row{Item: -1, Cells: []joiner.Cell{cell}, Weight: 1}); err != nil {
			w.t.Fatal(err)
		}
	}
	closed := events.At(start.Add(time.Hour))
	if _, err := s.Commit(context.Background(), &joiner.Cut{Number: w.n, Nonce: fmt.Sprint(w.n), RulesHash: "abc", MaxEvent: closed,
		From: []events.Position{{Input: "S", Created: 5, Next: w.n * 10}},
		Progress: joiner.Progress{Commit: w.n, Clock: joiner.NewClock(), ClosedThrough: closed, PublishedThrough: closed,
			Inputs: []events.Position{{Input: "S", Created: 5, Next: w.n*10 + 10}}}}); err != nil {
		w.t.Fatal(err)
	}
}

// follow makes a follower that notes what it publishes.
func (w *world) follow(said *[]string) *alarms.Follower {
	f := alarms.New(w.cfg, 0, slog.New(slog.DiscardHandler))
	f.Publish = func(subject, id string, data []byte) error {
		var m struct{ State, Kind, Label, Slice, Text string }
		if err := json.Unmarshal(data, &m); err != nil || subject != "alarms" || m.Text == "" {
			w.t.Errorf("%v: %s to %s", err, data, subject)
		}
		*said = append(*said, fmt.Sprint(m.State, " ", m.Kind, " ", m.Slice))
		return nil
	}
	return f
}

func (w *world) look(f *alarms.Follower) {
	w.t.Helper()
	if err := f.Look(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// TestFollower: a label dies for one device. That is said once, in its first hour; a restart does not
// say it again; and its end is said.
func TestFollower(t *testing.T) {
	w := newWorld(t)
	var said []string
	f := w.follow(&said)
	w.look(f) // there is no output yet
	start := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	for day := range 3 {
		for hour := range 3 {
			w.hour(start.AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour), 20, 20)
			w.look(f)
		}
	}
	if len(said) > 0 {
		t.Fatalf("in quiet days it says %q", said)
	}
	s := f.Status()
	if s == nil || len(s.Labels) != 1 || s.Labels[0].Rate == nil || *s.Labels[0].Rate != 0.05 || s.Labels[0].Usual == nil || s.Hour != "2026-11-22T11:00Z" {
		t.Fatalf("the status is %+v", s)
	}
	if l := s.Labels[0]; l.DayBefore == nil || *l.DayBefore != 0.05 || l.WeekBefore != nil {
		t.Errorf("a day before it was %v, a week before %v", l.DayBefore, l.WeekBefore)
	}
	dead := start.AddDate(0, 0, 3)
	w.hour(dead.Add(time.Hour), 0, 20)
	w.look(f)
	has := func(want string) bool { return strings.Contains(strings.Join(said, "|")+"|", want+"|") }
	if !has("raised rate device=phone") || has("raised rate device=tv") {
		t.Fatalf("of a dead label it says %q", said)
	}
	before := len(said)
	again := w.follow(&said)
	w.look(again)
	if a, b := again.Status(), f.Status(); len(said) != before || len(a.Alarms) != len(b.Alarms) || len(a.Alarms) == 0 {
		t.Errorf("after a restart it says %q, and has %+v; before it had %+v", said[before:], a.Alarms, b.Alarms)
	}
	w.hour(dead.Add(2*time.Hour), 20, 20)
	w.look(again)
	if !has("ended rate device=phone") || len(again.Status().Alarms) > 0 {
		t.Errorf("of its end it says %q, and has %+v", said[before:], again.Status().Alarms)
	}
	var text bytes.Buffer
	again.Status().Print(&text)
	if !strings.Contains(text.String(), "positive in 5 % of 4000 rows") {
		t.Errorf("the status says %s", &text)
	}
}
