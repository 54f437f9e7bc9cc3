// Package explain finds out what is known of one request, and says why each of its labels is what it is.
package explain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/monitor"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// Find finds out everything there is to know of a request id.
func Find(ctx context.Context, cfg *config.Config, id string) (*Explanation, error) {
	rules, err := wire.Rules(cfg)
	if err != nil {
		return nil, err
	}
	story, err := findReport(ctx, cfg, rules, id)
	if err != nil {
		return nil, err
	}
	t := describer{cfg: cfg, rules: &rules, report: story}
	if err := t.lookUp(ctx); err != nil {
		return nil, err
	}
	return t.describe(), nil
}

// findReport asks the running joiner, or else the state.
func findReport(ctx context.Context, cfg *config.Config, rules joiner.Rules, id string) (*engine.RequestReport, error) {
	story := new(engine.RequestReport)
	err := monitor.Ask(ctx, cfg.State.Dir, "explain", url.Values{"id": {id}}, story)
	if !errors.Is(err, monitor.ErrNotRunning) {
		return story, err
	}
	st, err := partition.OpenReadOnly(partition.ID{}, cfg)
	if err != nil {
		return nil, err
	}
	if st == nil {
		none := engine.Stats{Watermark: events.MinTime, Sources: [events.Kinds]events.Time{events.MinTime, events.MinTime}}
		return &engine.RequestReport{ID: id, Forgotten: events.MinTime, Stats: none}, nil
	}
	o, err := partition.EngineOptions(cfg, rules, &partition.Partition{Store: st}, slog.New(slog.DiscardHandler))
	if err == nil {
		story, err = engine.Look(o, id)
	}
	return story, errors.Join(err, st.Close())
}

// lookUp looks up what was written of a request. The files have microseconds,
// and a request may have been written under the time of another of its pieces.
func (t *describer) lookUp(ctx context.Context) error {
	rows, err := place.Of(ctx, t.cfg, t.cfg.Output.Dir)
	if err != nil {
		return err
	}
	archive, err := export.OpenArchive(rows, partition.Default)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s := t.report
	if last, ok, err := archive.Last(); err != nil {
		return err
	} else if ok && len(s.Read) == 0 {
		s.Read = last.Cut.Progress.Inputs
	}
	for first, err := range archive.Commits() {
		if err != nil {
			return err
		}
		t.began = first.Cut.From
		break
	}
	from, to := events.MinTime, events.MaxTime
	if s.Known && s.Copies == 0 {
		from, to = events.MaxTime, events.MinTime
		for _, p := range s.Pieces {
			from, to = min(from, p.TS.Add(-time.Microsecond)), max(to, p.TS)
		}
	}
	names := make([]string, len(t.rules.Labels))
	for i := range names {
		names[i] = t.rules.Labels[i].Name
	}
	t.rows, err = archive.Rows(s.ID, from, to, names)
	return err
}

// UnknownError says that nothing is known of an id. It may come yet, so it is a failure that
// may be gone when the command is given again.
type UnknownError struct{ ID string }

// Error implements error.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("nothing is known of request %q: compare the id with that of the event", e.ID)
}

// Err is an *UnknownError if there is nothing to explain.
func (x *Explanation) Err() error {
	if x.Standing == standingUnknown {
		return &UnknownError{ID: x.RequestID}
	}
	return nil
}

// standingUnknown is the standing of an id of which nothing is known.
const standingUnknown = "unknown"

// Explanation is what explain --json prints. Times are RFC 3339 in UTC.
type Explanation struct {
	RequestID string               `json:"request_id"`
	Standing  string               `json:"standing"` // unknown, waiting, open, correctable, remembered or forgotten
	Answers   []string             `json:"answers"`  // in sentences, the most important first
	Request   *requestDescription  `json:"request,omitempty"`
	Outcomes  []outcomeDescription `json:"outcomes"`
	Labels    []labelDescription   `json:"labels"`
	Written   []rowDescription     `json:"written"`
	Watermark watermarkDescription `json:"watermark"`

	names []string // of the labels
}

// Names are the labels, in the order of the configuration.
func (x *Explanation) Names() []string { return x.names }

type requestDescription struct {
	TS     string             `json:"ts"`
	Late   bool               `json:"late,omitempty"`
	Pieces []eventDescription `json:"came"`
	Copies int                `json:"other_copies,omitempty"`
	Closes string             `json:"closes_after"` // the watermark has to pass it
}

// eventDescription is where an event was read.
type eventDescription struct {
	Stream   string `json:"stream"`
	Sequence uint64 `json:"sequence"`
	Event    uint32 `json:"event,omitempty"` // its number in the message, from 0
	TS       string `json:"ts"`
}

type outcomeDescription struct {
	eventDescription
	Type      string   `json:"type"`
	OutcomeID string   `json:"outcome_id,omitempty"`
	ItemID    string   `json:"item_id,omitempty"`
	Value     *float64 `json:"value,omitempty"`
	After     string   `json:"after,omitempty"` // the request
	Fate      string   `json:"fate"`
	// Given says that it named no request and was given to this one by join.attribute.
	Given bool    `json:"given,omitempty"`
	Share float64 `json:"share,omitempty"` // of it, where several requests share it
	// Faults says, by label, why its condition cannot be evaluated for the outcome.
	Faults map[string]string `json:"condition_errors,omitempty"`
}

type labelDescription struct {
	ItemID string   `json:"item_id,omitempty"`
	Label  string   `json:"label"`
	Value  *float64 `json:"value"` // null: not known, or not yet
	Rule   string   `json:"rule"`
	Why    string   `json:"why"`
}

type rowDescription struct {
	Commit    uint64              `json:"commit"`
	File      string              `json:"file"`
	Row       int64               `json:"row"` // from 0
	ItemID    string              `json:"item_id,omitempty"`
	Revision  uint32              `json:"revision"`
	Reason    string              `json:"reason"`
	Labels    map[string]*float64 `json:"labels"`
	Watermark string              `json:"watermark"` // of the commit
}

type watermarkDescription struct {
	Joiner  string `json:"joiner"`
	Request string `json:"request"`
	Outcome string `json:"outcome"`
}

// Print writes an explanation for people.
func (x *Explanation) Print(to io.Writer) error {
	w := &terminal.LineWriter{To: to}
	for _, a := range x.Answers {
		w.Line("%s", a)
	}
	if r := x.Request; r != nil {
		w.Line("\nrequest %s, stamped %s, closes after %s", x.RequestID, r.TS, r.Closes)
		for _, p := range r.Pieces {
			w.Line("  read from %s, message %d, stamped %s", p.Stream, p.Sequence, p.TS)
		}
		if r.Copies > 0 {
			w.Line("  and %d other copies that lost to it", r.Copies)
		}
	}
	if len(x.Outcomes) > 0 {
		w.Line("\noutcomes")
	}
	for _, o := range x.Outcomes {
		what := o.Type
		if o.ItemID != "" {
			what += " of item " + o.ItemID
		}
		if o.Value != nil {
			what += fmt.Sprintf(", value %v", *o.Value)
		}
		w.Line("  %s  %s, %s: %s (%s, message %d)", o.TS, what, o.After, o.Fate, o.Stream, o.Sequence)
		if o.Given {
			w.Line("    names no request: it is this one's by join.attribute%s", shareOf(o.Share))
		}
		for _, label := range slices.Sorted(maps.Keys(o.Faults)) {
			w.Line("    does not count for %s, whose condition cannot be evaluated for it: %s", label, o.Faults[label])
		}
	}
	if len(x.Written) > 0 {
		w.Line("\nwritten")
	}
	for _, r := range x.Written {
		w.Line("  %s row %d, commit %d (watermark %s): %srevision %d, %s", r.File, r.Row, r.Commit, r.Watermark,
			itemOf(r.ItemID), r.Revision, r.Reason)
	}
	w.Line("\nwatermark %s (requests %s, outcomes %s)", x.Watermark.Joiner, x.Watermark.Request, x.Watermark.Outcome)
	return w.Err
}

// itemOf names the item of a row; a row of a request without items has none.
func itemOf(id string) string {
	if id == "" {
		return ""
	}
	return fmt.Sprintf("item %q, ", id)
}

// shareOf says how much of an outcome a request has.
func shareOf(share float64) string {
	if share == 0 {
		return ""
	}
	return fmt.Sprintf(", a share of %.4g", share)
}
