// Package dump copies the events of streams into files: what a joiner would read of them, for a
// replay.
package dump

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// The files of a dump, below its directory. Those of events are in the folders of their kinds.
const (
	ReportFile   = "dump.json" // written last: without it a dump is not whole
	RejectedFile = "rejected.jsonl"
)

// Dump is one run of the command.
type Dump struct {
	Config *config.Config
	Talk   io.Writer
	Dir    string // made, or empty
	// From is where reading begins, by the broker's time of storage, or in one stream by its
	// sequence. The zero value is the beginning of what the streams hold.
	From From
	// AllowGone goes on where messages are gone from the middle of a stream.
	AllowGone bool

	options engine.Options
	files   *files
	report  Report
	at      *StreamReport // of the stream that is read
	read    atomic.Int64  // messages of it, for the progress
}

// From is where reading begins.
type From struct {
	Time   events.Time       // 0: not by time
	Seq    uint64            // of the only stream; 0: not by sequence
	Stream map[string]uint64 // sequences by stream
}

// ParseFrom reads times, days, sequences, and sequences of streams: STREAM=SEQUENCE. What can count once
// only is refused where it is given again: a stream, a time, a sequence without a stream.
func (f *From) ParseFrom(texts []string) error {
	for _, text := range texts {
		if err := f.parse(text); err != nil {
			return err
		}
	}
	return nil
}

func (f *From) parse(text string) error {
	stream, number, named := strings.Cut(text, "=")
	if !named {
		number = text
	}
	seq, err := strconv.ParseUint(number, 10, 64)
	isSeq := err == nil && seq > 0
	switch {
	case named && !isSeq:
		return fmt.Errorf("%q: write it STREAM=SEQUENCE, with a sequence from 1 on", text)
	case named && f.Stream[stream] != 0:
		return fmt.Errorf("%q: stream %s is given twice", text, stream)
	case named:
		if f.Stream == nil {
			f.Stream = map[string]uint64{}
		}
		f.Stream[stream] = seq
	case f.Seq != 0 || f.Time != 0:
		return fmt.Errorf("%q: reading begins at one time or sequence; for several streams write STREAM=SEQUENCE, once for each", text)
	case isSeq:
		f.Seq = seq
	default:
		if f.Time, err = events.ParseTimeOrDay(text); err != nil {
			return fmt.Errorf("%w, or a sequence, or STREAM=SEQUENCE", err)
		}
	}
	return nil
}

// Report says what a dump holds. It is in the dump, as JSON.
type Report struct {
	Version int             `json:"version"` // 1
	Name    string          `json:"name"`    // of the joiner whose streams they are
	Streams []*StreamReport `json:"streams"`
	// Missing, unless 0, is the time (ns since 1970) before which outcomes are not in the dump
	// that were, or may have been, in the streams: reading began later, or they had expired.
	Missing events.Time `json:"outcomes_missing_before_ns,omitempty"`
	// Gone are times, from and to, of which outcomes are gone from the middle of a stream.
	Gone [][2]events.Time `json:"outcomes_gone_ns,omitempty"`
}

// StreamReport is what was read of a stream.
type StreamReport struct {
	Stream      string `json:"stream"`
	First       uint64 `json:"first_seq"` // that was wanted
	Last        uint64 `json:"last_seq"`  // the newest when the dump began
	Messages    int64  `json:"messages"`
	Requests    int64  `json:"requests"`
	Outcomes    int64  `json:"outcomes"`
	Heartbeats  int64  `json:"heartbeats"`
	Rejected    int64  `json:"rejected"`
	Quarantined int64  `json:"quarantined"`
}

// Run reads the streams to their present ends.
func (d *Dump) Run(ctx context.Context) (err error) {
	rules, err := wire.Rules(d.Config)
	if err != nil {
		return err
	}
	if d.options, err = wire.Options(d.Config, rules); err != nil {
		return err
	}
	if err := partition.FreshDir(d.Dir); err != nil {
		return err
	}
	s, err := partition.ConnectReading(ctx, d.Config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	partition.TellRetired(d.Talk, d.Config, "what a joiner has read of it before is not copied, so labels that it decided may differ in a replay")
	d.files = newFiles(d.Dir)
	d.report = Report{Version: 1, Name: d.Config.Name}
	if err := d.readStreams(ctx, s); err != nil {
		return errors.Join(err, d.files.abort())
	}
	if err := d.files.close(); err != nil {
		return errors.Join(err, d.files.abort())
	}
	data, err := json.MarshalIndent(&d.report, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(d.Dir, ReportFile), append(data, '\n'), 0o600)
	}
	if err == nil {
		d.tell()
	}
	return err
}

// readStreams reads one stream after the other.
func (d *Dump) readStreams(ctx context.Context, s *partition.Service) error {
	wanted, err := s.StreamInputs()
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, partition.AskTimeout)
	defer cancel()
	logs, missing, err := jetstream.Look(asking, s.Conn, wanted) // which makes none that is missing
	if err == nil && len(missing) > 0 {
		err = &jetstream.NoStreamError{Subject: missing[0].Subject, Stream: missing[0].Stream}
	}
	if err != nil {
		return err
	}
	if err := d.checkFrom(logs); err != nil {
		return err
	}
	times, err := partition.NewLostTimes(d.Config, logs, events.MinTime)
	if err != nil {
		return err
	}
	begin := make([]uint64, len(logs))
	for i := range logs {
		if begin[i], err = d.beginning(ctx, s, &logs[i], &times[i]); err != nil {
			return err
		}
		if err := d.findGone(ctx, s, &logs[i], begin[i], &times[i]); err != nil {
			return err
		}
	}
	inputs, err := s.Inputs(ctx)
	if err != nil {
		return err
	}
	for i := range inputs {
		if err := d.readStream(ctx, &inputs[i], begin[i], logs[i].Last); err != nil {
			return err
		}
		if !logs[i].Filtered {
			continue // its reader sees that a message is gone
		}
		if err := d.findGone(ctx, s, &logs[i], begin[i], &times[i]); err != nil {
			return err
		}
	}
	return nil
}

// checkFrom looks whether the sequences are of streams that are read.
func (d *Dump) checkFrom(logs []jetstream.Log) error {
	var names []string
	for i := range logs {
		names = append(names, logs[i].Stream)
	}
	if d.From.Seq > 0 && len(logs) > 1 {
		return &terminal.UsageError{Err: fmt.Errorf("--from %d: there are the streams %s: write STREAM=SEQUENCE, once for each",
			d.From.Seq, strings.Join(names, ", "))}
	}
	for name := range d.From.Stream {
		known := false
		for _, is := range names {
			known = known || is == name
		}
		if !known {
			return &terminal.UsageError{Err: fmt.Errorf("--from %s=: no input is in that stream; there are %s", name,
				strings.Join(names, ", "))}
		}
	}
	return nil
}

// beginning is the sequence from which on a stream is read. What outcomes were before it is not
// known then.
func (d *Dump) beginning(ctx context.Context, s *partition.Service, l *jetstream.Log,
	times *partition.LostTimes) (uint64, error) {
	first := max(1, l.First)
	switch seq, named := d.From.Stream[l.Stream]; {
	case named:
		first = max(first, seq)
	case d.From.Seq > 0:
		first = max(first, d.From.Seq)
	case d.From.Time != 0:
		at, err := jetstream.SeqAt(ctx, s.Conn, l, d.From.Time)
		if err != nil {
			return 0, err
		}
		first = max(first, at)
	}
	if first == 1 || !l.Has(events.KindOutcome) {
		return first, nil
	}
	next, stored, err := jetstream.FirstFrom(ctx, s.Conn, l, first)
	if err != nil {
		return 0, err
	}
	d.report.Missing = max(d.report.Missing, times.End(next, stored))
	return first, nil
}

// findGone finds the messages that are gone from the middle of a stream, and that were not found before. Of a stream
// that others share nothing tells whether they were of ours, so they count: an outcome that came is no silence.
func (d *Dump) findGone(ctx context.Context, s *partition.Service, l *jetstream.Log, first uint64,
	times *partition.LostTimes) error {
	if l.Deleted == 0 && !l.Filtered || first > l.Last {
		return nil
	}
	losses, err := jetstream.FindLosses(ctx, s.Conn, *l, jetstream.Want{
		From: events.Position{Input: l.Stream, Created: l.Created, Next: first},
		Lost: partition.DeclaredSpans(s.Gaps, l.Stream, l.Created), Every: true,
	})
	if err != nil {
		return err
	}
	for i := range losses {
		loss := &losses[i]
		if loss.Gap.From > l.Last || loss.Fault.Fault == jetstream.FaultTrimmed && d.at != nil && d.at.Stream == l.Stream {
			continue // it is not read, or expired behind the reader
		}
		if !d.AllowGone {
			return &GoneError{Stream: l.Stream, From: loss.Gap.From, To: loss.Gap.Next - 1, Shared: l.Filtered}
		}
		s.Gaps = append(s.Gaps, events.Gap{Log: &loss.Gap})
		fmt.Fprintf(d.Talk, "stream %s: messages %d to %d are gone\n", l.Stream, loss.Gap.From, loss.Gap.Next-1)
		if l.Has(events.KindOutcome) {
			from, to := times.Span(loss, events.MinTime)
			d.report.Gone = append(d.report.Gone, [2]events.Time{from.Add(-d.Config.Join.Lateness.Std()), to})
		}
	}
	return nil
}

// GoneError says that messages are gone from the middle of a stream.
type GoneError struct {
	Stream   string
	From, To uint64 // sequences
	Shared   bool   // the stream may hold messages of others
}

func (e *GoneError) Error() string {
	whose := ""
	if e.Shared {
		whose = "; the stream may hold other subjects too, and does not tell which these had"
	}
	return fmt.Sprintf("stream %s: messages %d to %d are gone from the middle, and were outcomes perhaps%s: "+
		"--allow-gone goes on, and labels whose windows were open then will be null", e.Stream, e.From, e.To, whose)
}

// Refusal reports that a person has to decide.
func (e *GoneError) Refusal() bool { return true }

// readStream copies the events of a stream that are between two sequences, both included.
func (d *Dump) readStream(ctx context.Context, in *engine.Input, first, last uint64) (err error) {
	d.at = &StreamReport{Stream: in.Name, First: first, Last: last}
	d.report.Streams = append(d.report.Streams, d.at)
	d.read.Store(0)
	if first > last {
		return nil
	}
	source, err := in.Open(ctx, events.Position{Input: in.Name, Created: in.Created, Next: first})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	stop := terminal.WatchProgress(d.Talk, func() (string, float64) {
		return fmt.Sprintf("reading stream %s, %s", in.Name, terminal.Count(d.read.Load(), "message")),
			float64(d.read.Load()) / float64(last-first+1)
	})
	defer stop()
	for {
		batch, err := source.Next(ctx)
		if err != nil {
			return err
		}
		for i := range batch.Messages {
			if m := &batch.Messages[i]; m.Seq <= last {
				if err := d.message(in, m); err != nil {
					return err
				}
			}
		}
		// No message says that the end was reached: what comes behind the newest of ours is of others.
		if n := len(batch.Messages); n == 0 || batch.Messages[n-1].Seq >= last {
			return nil
		}
	}
}

// message copies the events of a message.
func (d *Dump) message(in *engine.Input, m *events.Message) (err error) {
	d.at.Messages++
	d.read.Add(1)
	jsonevent.EachOf(in.CodecOf(m), &d.options.Decoders[m.Kind], m, func(index uint32, e events.Decoded) bool {
		err = d.event(in, m, index, &e)
		return err == nil
	})
	return err
}

// event copies an event that is in order, and keeps what is not.
func (d *Dump) event(in *engine.Input, m *events.Message, index uint32, e *events.Decoded) error {
	letter := events.DeadLetter{
		Origin: events.Origin{Input: m.Input, Seq: m.Seq, Index: index}, Input: in.Name, Kind: e.Kind, Stored: m.Stored,
		Subject: m.Subject, Data: e.Record,
	}
	if e.Reject != nil {
		d.at.Rejected++
		letter.Reason, letter.Detail = e.Reject.Reason, e.Reject.Detail
		return d.files.reject(&letter)
	}
	ts, heartbeat, err := d.options.Decoders[e.Kind].Stamp(e.Kind, e.Data)
	if reject, ok := errors.AsType[*events.RejectError](err); ok {
		d.at.Rejected++
		letter.Reason, letter.Detail = reject.Reason, reject.Detail
		return d.files.reject(&letter)
	}
	if err != nil {
		return err
	}
	if reason := d.options.OutOfBounds(ts, m.Stored); reason != "" {
		d.at.Quarantined++
		letter.Reason, letter.Detail = reason, joiner.DispositionQuarantined.String()
		return d.files.reject(&letter)
	}
	switch {
	case heartbeat:
		d.at.Heartbeats++
	case e.Kind == events.KindRequest:
		d.at.Requests++
	default:
		d.at.Outcomes++
	}
	return d.files.add(e.Kind, e.Data)
}

// tell says what was copied.
func (d *Dump) tell() {
	for _, s := range d.report.Streams {
		fmt.Fprintf(d.Talk, "stream %s, messages %d to %d: %s, %s, %s, %d rejected, %d quarantined\n",
			s.Stream, s.First, s.Last, terminal.Count(s.Requests, "request"), terminal.Count(s.Outcomes, "outcome"),
			terminal.Count(s.Heartbeats, "heartbeat"), s.Rejected, s.Quarantined)
	}
	if d.report.Missing != 0 {
		fmt.Fprintf(d.Talk, "outcomes that were stored before %s are not in it: labels whose windows begin before that will be null\n",
			d.report.Missing)
	}
}
