// Package alarms follows the counts of labels that the joiner's commits carry, and says when they
// change: in the log, to those who ask, and on a subject. Whatever happens to it, the joiner goes on.
package alarms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// look is how often new commits are looked for, and rest how long is waited after an error.
const (
	look = 5 * time.Second
	rest = time.Minute
)

// mostRead bounds how many manifests are read for the history, at the start.
const mostRead = 20_000

// featureHistory is how far back the counts of columns are read at the start.
const featureHistory = (health.KeepFeatureDays + 1) * 24 * time.Hour

// judgedAgain is how many hours are judged again at the start.
const judgedAgain = 8 * 24

// Follower follows the commits of one output.
type Follower struct {
	cfg  *config.Config
	part int
	log  *slog.Logger
	// Publish sends an alarm; nil, or an error: it is in the log and the status only.
	Publish func(subject, id string, data []byte) error

	next uint64 // the operation that is read next; 0: the history was not read
	wake chan struct{}

	mu     sync.Mutex
	watch  *health.Watch
	closed events.Time // requests before it are closed
	raised map[health.Kind]int64
	unsent int64
	// drifted are the columns of the hour that was asked for last.
	drifted struct {
		hour   health.Hour
		status FeaturesStatus
	}
}

// New follows what the numbered partition writes. It is nil where no labels are looked at.
func New(c *config.Config, part int, log *slog.Logger) *Follower {
	if !c.Monitor.Labels {
		return nil
	}
	labels := make([]string, len(c.Labels))
	for i := range labels {
		labels[i] = c.Labels[i].Name
	}
	return &Follower{cfg: c, part: part, log: log, watch: health.NewWatch(labels, c.Monitor.Slices),
		raised: map[health.Kind]int64{}, wake: make(chan struct{}, 1)}
}

// Watch follows until ctx ends.
func (f *Follower) Watch(ctx context.Context) {
	for ctx.Err() == nil {
		wait := look
		if err := f.Look(ctx); err != nil && ctx.Err() == nil {
			wait = rest
			f.log.Warn("the counts of labels were not read; it is tried again", "error", err, "after", wait)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		case <-f.wake:
		}
	}
}

// Committed says that there is a new commit, so that it is looked at now and not some seconds later.
func (f *Follower) Committed() {
	if f == nil {
		return
	}
	select {
	case f.wake <- struct{}{}:
	default: // it has been said, and was not heard yet
	}
}

// Look takes in the commits that were made since it looked last, and judges the hours that they end.
func (f *Follower) Look(ctx context.Context) error {
	_, archive, err := place.Output(ctx, f.cfg, f.part)
	if err != nil || archive == nil {
		return err
	}
	if f.next == 0 {
		if err := f.readHistory(ctx, archive.Log()); err != nil || f.next == 0 {
			return err
		}
	}
	for ctx.Err() == nil {
		op, err := archive.Log().Read(f.next)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		f.next++
		f.take(op)
	}
	return nil
}

// take takes in an operation.
func (f *Follower) take(op *tablelog.Operation) {
	if op.Commit == nil {
		return
	}
	counts, by := f.countsOf(op, health.Decode)
	f.mu.Lock()
	if counts != nil {
		f.watch.Add(counts, by)
	}
	f.closed = op.Commit.Progress.ClosedThrough
	changes := f.watch.Through(f.endOf(f.closed))
	for i := range changes {
		if !changes[i].Ended {
			f.raised[changes[i].Kind]++
		}
	}
	f.mu.Unlock()
	for i := range changes {
		f.tell(&changes[i])
	}
}

// endOf is the first hour that is not written whole when requests before a time are closed. Where the
// log has ended, that is the one after the last.
func (f *Follower) endOf(closed events.Time) health.Hour {
	switch closed {
	case events.MinTime:
		next, _ := f.watch.Judged()
		return next
	case events.MaxTime:
		if hours := f.watch.Table().Hours(); len(hours) > 0 {
			return hours[len(hours)-1] + 1
		}
	}
	return health.Hour(closed.Std().Unix() / 3600)
}

// countsOf are the counts that a commit carries; nil if it has none that can be read.
func (f *Follower) countsOf(op *tablelog.Operation,
	decode func([]byte) (*health.Table, []string, error)) (*health.Table, []string) {
	if len(op.Statistics) == 0 {
		return nil, nil
	}
	counts, by, err := decode(op.Statistics)
	if err != nil {
		f.log.Debug("a commit's counts of labels cannot be read", "commit", op.Commit.Number, "error", err)
		return nil, nil
	}
	return counts, by
}

// readHistory takes in the commits of the last weeks, newest first, as far as they carry counts.
// Nothing is said of what they tell: it was said when they were made.
func (f *Follower) readHistory(ctx context.Context, log *tablelog.Log) error {
	state, err := log.State()
	if err != nil || state.Number == 0 {
		return err
	}
	labels := f.watch.Table().Labels
	watch, whole, oldest := health.NewWatch(labels, f.cfg.Monitor.Slices), false, (*health.Table)(nil)
	for n, read := state.Number, 0; ; n, read = n-1, read+1 {
		if n < state.Begins || n == 0 {
			whole = n == 0
			break
		}
		if read == mostRead {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		op, err := log.Read(n)
		if errors.Is(err, fs.ErrNotExist) {
			break // it was ended meanwhile
		}
		if err != nil {
			return err
		}
		if op.Commit == nil {
			continue
		}
		decode := health.Decode
		if state.Last != nil && op.Commit.MaxEvent < state.Last.MaxEvent.Add(-featureHistory) {
			decode = health.DecodeLabels
		}
		counts, by := f.countsOf(op, decode)
		if counts == nil && op.Summary.RowsAdded > 0 {
			break // it was made before commits carried counts
		}
		if counts != nil {
			watch.Add(counts, by)
			if len(counts.Cells) > 0 { // it may tell of outcomes without a request alone
				oldest = counts
			}
		}
	}
	watch.Forget(cutHour(oldest, whole))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watch = watch
	if state.Last != nil {
		f.closed = state.Last.Progress.ClosedThrough
		// What goes on is found again, and is not said again.
		end := f.endOf(f.closed)
		watch.Begin(end - judgedAgain)
		watch.Through(end)
	}
	f.next = state.Number + 1
	return nil
}

// cutHour is the last hour that may not be counted whole: the first of a log that is known from its
// beginning, and else the last hour of the oldest commit that is known.
func cutHour(oldest *health.Table, whole bool) health.Hour {
	if oldest == nil {
		return 0
	}
	hours := oldest.Hours()
	if whole {
		return hours[0]
	}
	return hours[len(hours)-1]
}

// message is an alarm as it is published.
type message struct {
	Joiner  string `json:"joiner"`
	State   string `json:"state"` // raised, ended
	Kind    string `json:"kind"`
	Label   string `json:"label,omitempty"`
	Slice   string `json:"slice,omitempty"`   // absent: all rows
	Feature string `json:"feature,omitempty"` // of an alarm about a column
	From    string `json:"from"`
	To      string `json:"to"`
	// Was and Is are the rate, rows an hour, or what happens by what scores predict. Of a column, Is is the
	// divergence of its values from those before.
	Was  float64 `json:"was"`
	Is   float64 `json:"is"`
	P    float64 `json:"p"`
	Text string  `json:"text"`
}

// tell says that an alarm begins or ends. The message has an id of its own for each hour: an alarm that ended may begin
// again.
func (f *Follower) tell(a *health.Change) {
	state, level, verb := "raised", slog.LevelWarn, "begun"
	if a.Ended {
		state, level, verb = "ended", slog.LevelInfo, "ended"
	}
	m := message{Joiner: f.cfg.Name, State: state, Kind: string(a.Kind), Label: a.Label, Slice: a.Slice,
		Feature: a.Feature, From: a.From.String(), To: a.To.String(), Was: a.Was, Is: a.Is, P: a.P, Text: a.Text()}
	about := "labels"
	if a.Feature != "" {
		about = "a feature"
	}
	f.log.Log(context.Background(), level, "an alarm about "+about+" has "+verb,
		"kind", m.Kind, "label", m.Label, "slice", m.Slice, "feature", m.Feature,
		"from", m.From, "says", m.Text)
	if f.cfg.Monitor.Subject == "" || f.Publish == nil {
		return
	}
	data, err := json.Marshal(&m)
	if err == nil {
		id := fmt.Sprintf("%s/%s/%s/%s/%s/%s", m.Joiner, m.State, m.Kind, m.Label, m.Slice, a.Hour)
		if m.Feature != "" {
			id += "/" + m.Feature
		}
		err = f.Publish(f.cfg.Monitor.Subject, id, data)
	}
	if err != nil {
		f.mu.Lock()
		f.unsent++
		f.mu.Unlock()
		f.log.Warn("an alarm was not published", "subject", f.cfg.Monitor.Subject, "error", err)
	}
}
