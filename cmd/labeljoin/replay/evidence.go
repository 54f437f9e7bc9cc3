package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/events/logfile"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/batch"
)

// evidence is what a replay wants to see before it writes a negative: that the
// logs are those of the requests and of their outcomes. A replay reads logs
// that are not monitored, so a wrong file would make every row a negative in
// silence.
type evidence struct {
	maxRejected float64                  // share of a file's lines
	trusted     bool                     // the logs are right, whatever they look like
	complete    bool                     // nothing is missing after the end of the logs
	logs        *[events.Kinds]*logFiles // as they are being read
	decoders    [events.Kinds]jsonevent.Decoder
	mapped      [events.Kinds][]string // inputs of the configuration that have a mapping
	talk        io.Writer

	looked    bool     // at the beginnings of the files
	unmatched []string // labels that no outcome has to match
	parted    bool     // one part of several is joined, which says little of all outcomes

	rejected map[string]*rejectedLines // by kind, input and path
	outcomes int64                     // that are in order
	empty    bool                      // --outcomes is /dev/null: that there are none is said on purpose
}

// rejectedLines are the lines of one file of which an event was rejected.
type rejectedLines struct {
	kind   events.Kind
	lines  int64
	last   uint64 // the newest of them
	other  int64  // of these events, how many are of the other kind
	events int64
	first  string // why the first one was rejected, with its line
}

// fewRequests are too few to conclude anything from there being no outcome.
const fewRequests = 10

// EvidenceError says that a replay would write rows without evidence. Nothing
// was written.
type EvidenceError struct{ what string }

func (e *EvidenceError) Error() string { return e.what + ". Nothing was written" }

// Refusal reports that a person has to decide.
func (e *EvidenceError) Refusal() bool { return true }

// refused implements batch.Options.Refused: it gives a dead letter its place
// within its own file, and counts it.
func (v *evidence) refused(d *events.DeadLetter) {
	log := v.logs[d.Origin.Input]
	file := log.fileOf(d.Origin.Seq)
	seq := d.Origin.Seq
	d.Origin.Seq -= file.base
	d.Input = file.name(d.Kind)
	if v.rejected == nil {
		v.rejected = map[string]*rejectedLines{}
	}
	r := v.rejected[file.key(d.Kind)]
	if r == nil {
		r = &rejectedLines{kind: d.Kind, first: fmt.Sprintf("line %d: %s: %s", d.Origin.Seq, d.Reason,
			d.Detail)}
		v.rejected[file.key(d.Kind)] = r
	}
	if r.last != seq {
		r.lines, r.last = r.lines+1, seq
	}
	r.events++
	if !file.mapped && v.ofOtherKind(d) {
		r.other++
	}
}

// ofOtherKind reports whether a rejected event would be in order as one of the other kind. An outcome that has a type
// is no request, though all that a request needs may be in it: it was rejected for something else.
func (v *evidence) ofOtherKind(d *events.DeadLetter) bool {
	if d.Kind == events.KindRequest {
		_, _, err := v.decoders[events.KindOutcome].DecodeOutcome(d.Data)
		return err == nil
	}
	_, err := v.decoders[events.KindRequest].DecodeRequest(d.Data)
	return err == nil && d.Reason == events.ReasonMissingType
}

// forget begins anew, because the logs are read again.
func (v *evidence) forget() { v.rejected, v.outcomes = nil, 0 }

// read is asked when the logs are read whole and nothing has closed yet.
func (v *evidence) read(l *joiner.Ledger) error {
	for _, log := range v.logs {
		if len(log.damaged) > 0 && !v.trusted {
			return v.refuse("%w", log.damaged[0])
		}
		for _, file := range log.files {
			if err := v.judge(file, v.rejected[file.key(log.kind)]); err != nil {
				return err
			}
		}
	}
	requests, outcomes := &l.Kinds[events.KindRequest], &l.Kinds[events.KindOutcome]
	v.outcomes = outcomes.Read - outcomes.Disposed[joiner.DispositionRejected]
	switch {
	case v.trusted:
		return nil
	case requests.Read == 0 && v.outcomes > 0:
		return v.refuse("there is no request beside %s: look at the files of --requests", events.Count(v.outcomes, "outcome"))
	case outcomes.Read == 0 && v.complete && !v.empty && requests.Read >= fewRequests:
		return v.refuse("there are %d requests and no outcome, so every label would be a negative: look at the files of --outcomes, "+
			"or name /dev/null if there was none", requests.Read)
	}
	return nil
}

// judge looks at what was rejected of one file.
func (v *evidence) judge(file logFile, r *rejectedLines) error {
	if r == nil || file.messages == 0 || float64(r.lines) <= v.maxRejected*float64(file.messages) {
		return nil
	}
	if r.other == r.events {
		other := events.Kind(1 - r.kind)
		return &EvidenceError{fmt.Sprintf("%s %s holds %ss: exchange the files", file.Flag, file.Path, other)}
	}
	return &EvidenceError{fmt.Sprintf("%d of %d lines of %s %s were rejected, the first in %s; "+
		"more than --max-rejected (%s) would make negatives of outcomes that could not be read: %s, or raise --max-rejected",
		r.lines, file.messages, file.Flag, file.Path, r.first, percent(v.maxRejected), v.wayOut(&file, r))}
}

// wayOut says what to do about a file of which too much was rejected. If it is all of it, the file is perhaps of an
// input that has a mapping.
func (v *evidence) wayOut(file *logFile, r *rejectedLines) string {
	if file.mapped {
		return fmt.Sprintf("`labeljoin map --input %s %s` shows why: correct the mapping or the file", file.Input, file.Path)
	}
	if mapped := v.mapped[r.kind]; len(mapped) > 0 && r.lines == file.messages {
		return fmt.Sprintf("%s reads labeljoin's own format: name the files of an input with a mapping by --events %s=FILES",
			file.Flag, strings.Join(mapped, "=FILES, --events "))
	}
	return "correct the file"
}

// decided is asked when every row is decided, before any is committed.
func (v *evidence) decided(result *batch.Result, rules *joiner.Rules) error {
	outcomes := &result.Ledger.Kinds[events.KindOutcome]
	if v.trusted {
		return nil
	}
	if err := v.of1970(result); err != nil || v.outcomes == 0 {
		return err
	}
	none := outcomes.Disposed[joiner.DispositionJoined] == 0
	if none && beside(outcomes) == 0 {
		return v.noneBelongs(outcomes)
	}
	if err := v.covered(result, rules); err != nil {
		return err
	}
	if none {
		if err := v.noneCounts(outcomes); err != nil {
			return err
		}
	}
	return v.matched(&result.Coverage, rules)
}

// of1970 says so if every event is of the time at which epochs begin: seconds that were taken for milliseconds, by
// which windows are a thousand times too long.
func (v *evidence) of1970(result *batch.Result) error {
	newest := max(result.Seen[events.KindRequest], result.Seen[events.KindOutcome])
	if newest == events.MinTime || newest.Std().Year() > 1970 {
		return nil
	}
	_, err := fmt.Fprintf(v.talk, "every event is stamped in 1970 or before, the newest %s: if their times count seconds, "+
		"the windows are wrong: set time_unit: s for the inputs, and replay again\n\n", newest)
	return err
}

// beside counts the outcomes that have a request and yet are of none of its rows.
func beside(outcomes *joiner.Tally) int64 {
	return outcomes.Disposed[joiner.DispositionOutsideWindow] + outcomes.Disposed[joiner.DispositionUnknownItem]
}

// noneCounts looks at outcomes of which some have a request and none counts. Outcomes that come after the window are
// evidence, however many they are. Where all are of items that no request listed, the items are written in another way.
// Those of one part of several are too few to say so: they may be of a few requests.
func (v *evidence) noneCounts(outcomes *joiner.Tally) error {
	late, unlisted := outcomes.Disposed[joiner.DispositionOutsideWindow], outcomes.Disposed[joiner.DispositionUnknownItem]
	what := fmt.Sprintf("none of %s counts for a label (%d outside_window, %d unknown_item)", events.Count(v.outcomes, "outcome"), late,
		unlisted)
	if v.parted {
		_, err := fmt.Fprintf(v.talk, "in this part, %s: if it is so in the other parts too, compare the items (item_id) and the times "+
			"(time_unit) of both logs, and look at the windows\n\n", what)
		return err
	}
	if late == 0 && unlisted >= improbable {
		return v.refuse("%s, so every label would be a negative: compare the items (item_id) of both logs", what)
	}
	_, err := fmt.Fprintf(v.talk, "%s: look at the windows, and at the times of both logs (time_unit)\n\n", what)
	return err
}

// noneBelongs refuses outcomes of which none has a request.
func (v *evidence) noneBelongs(outcomes *joiner.Tally) error {
	var parts []string
	for d, n := range outcomes.Disposed {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, joiner.Disposition(d)))
		}
	}
	return v.refuse("none of %s belongs to any request (%s): compare the request ids and the times of both logs (time_unit, windows)",
		events.Count(v.outcomes, "outcome"), strings.Join(parts, ", "))
}

func (v *evidence) refuse(format string, args ...any) error {
	return &EvidenceError{fmt.Errorf(format, args...).Error() + "; --trust-logs goes on all the same"}
}

// name is how a file is called in dead letters and in the manifest, which are JSON: bytes of it that are no text are
// replaced.
func (f *File) name(kind events.Kind) string {
	text := strings.ToValidUTF8(filepath.Base(f.Path), "\uFFFD")
	if f.Input != "" {
		return f.Input + ":" + text
	}
	return kind.String() + "s:" + text
}

// key tells a file from those of the same name in other directories, and from itself as the log of
// another kind or input.
func (f *File) key(kind events.Kind) string { return kind.String() + ":" + f.Input + ":" + f.Path }

// ParseShare reads a share like 1% or 0.01.
func ParseShare(text string) (float64, error) {
	number, isPercent := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if isPercent {
		x /= 100
	}
	if err != nil || math.IsNaN(x) || x < 0 || x > 1 {
		return 0, fmt.Errorf("%q is no share: write it like 1%% or 0.01, from 0 to 100%%", text)
	}
	return x, nil
}

func percent(share float64) string { return strconv.FormatFloat(share*100, 'g', 4, 64) + "%" }

// sampled is how many messages at the beginning of a file tell what it holds.
const sampled = 100

// holdsOutcomes reports whether a file of requests begins with outcomes. They
// could be read as requests that list nothing.
func (v *evidence) holdsOutcomes(ctx context.Context, file *File) (holds bool, err error) {
	if info, err := os.Stat(file.Path); file.object == nil && (err != nil || !info.Mode().IsRegular()) {
		return false, nil // a pipe can be read only once
	}
	source, err := logfile.Open(file.options(events.KindRequest, 0, packRequests(nil)))
	if err != nil {
		return false, nil // reading it says what is wrong with it
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	if source.Packed() {
		return false, nil
	}
	batch, err := source.Next(ctx)
	if err != nil {
		return false, ctx.Err()
	}
	for _, m := range batch.Messages[:min(len(batch.Messages), sampled)] {
		for _, data := range v.decoders[events.KindRequest].Split(m.Data) {
			o, info, err := v.decoders[events.KindOutcome].DecodeOutcome(data)
			if err != nil || info.Heartbeat {
				return false, nil
			}
			r, err := v.decoders[events.KindRequest].DecodeRequest(data)
			if err != nil || len(r.Items) > 0 || len(r.Features) > 0 || r.Model != "" || r.HasScore {
				return false, nil
			}
			holds = o.Type != ""
		}
	}
	return holds, nil
}
