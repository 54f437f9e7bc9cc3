package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/batch"
	"github.com/labeljoin/labeljoin/joiner/guard"
)

// ownMemory is about what a replay takes beside the events that it holds: for the program, batches on their way, and
// files being made.
const ownMemory = 80 << 20

// LeastMemory leaves more than half as much for events.
const LeastMemory = 128 << 20

// DefaultMemory is what a replay takes unless it is told otherwise.
const DefaultMemory = 1 << 30

// The memory that a replay may take is for events, but for a part for the rows of a file
// and one for garbage. Of rows there is a file being made and one being written.
const (
	fileShare    = 40
	garbageShare = 48
)

// ParsePart reads I/N.
func ParsePart(text string) (part, parts int, err error) {
	i, n, _ := strings.Cut(text, "/")
	part, errI := strconv.Atoi(i)
	parts, errN := strconv.Atoi(n)
	if errI != nil || errN != nil || parts < 1 || part < 0 || part >= parts {
		return 0, 0, fmt.Errorf("%q is no part: write it like 3/64, the first number from 0 to one below the second", text)
	}
	return part, parts, nil
}

// target is where the rows of a replay go: a new output, or days of one that is there.
// Both are nil in a dry run.
type target struct {
	out     *export.Output
	keeper  *export.Keeper
	again   *export.Recomputed
	relabel *export.Relabeled
	cells   *labelCells // of relabel, once the join begins
}

func (t *target) close() (err error) {
	if t.out != nil {
		err = t.out.Close()
	}
	if t.keeper != nil {
		err = errors.Join(err, t.keeper.Close())
	}
	return err
}

// rowWriter takes rows that a commit or an operation is made of.
type rowWriter interface {
	batch.Sink
	Tallies() (rows, unfit int64)
	Abort()
	// Leave is Abort that leaves finished files for the next run, and says how many.
	Leave() (files int, rows int64)
	// Reused is how many files of a run before are used again.
	Reused() int
}

// begin begins to write; nil: nothing is written.
func (t *target) begin() (rowWriter, error) {
	switch {
	case t.relabel != nil:
		return t.cells, nil
	case t.again != nil:
		return t.again, nil
	case t.out != nil:
		return t.out.Stage(1)
	}
	return nil, nil
}

// open opens an output without commits, or one whose days are to be replaced. A dry run
// has none.
func (r *Replay) open(ctx context.Context, rules *joiner.Rules) (t target, err error) {
	if r.DryRun {
		r.Out, err = os.MkdirTemp("", "labeljoin-replay-") // for what comes through a pipe
		return t, err
	}
	if !config.IsAddress(r.Out) {
		if err := os.MkdirAll(r.Out, 0o755); err != nil {
			return t, fmt.Errorf("making the output directory: %w", err)
		}
	}
	rows, err := place.Of(ctx, r.Config, r.Out)
	if err != nil {
		return t, err
	}
	o := partition.OutputOptions(rows, partition.ID{}, r.Config, rules, r.Log)
	o.Behind, o.FileBytes, o.Keep = true, min(o.FileBytes, r.Memory/fileShare), r.keep()
	if r.Replace || len(r.Labels) > 0 {
		return r.openDays(rows, o, rules)
	}
	if t.out, err = export.Open(o); err != nil {
		return t, err
	}
	if _, receipt, ok := t.out.Last(); ok {
		err := &terminal.UsageError{Err: fmt.Errorf("%s holds %d commits already: give --out a directory of its own, "+
			"or --replace to put the rows in the place of whole days", r.Out, receipt.Number)}
		return target{}, errors.Join(err, t.out.Close())
	}
	return t, nil
}

// spool copies what can be read only once into a file: logs are read more than once.
func (r *Replay) spool(ctx context.Context) error {
	kept := map[string]string{} // of an input that brings both kinds
	for k := range r.files {
		for i := range r.files[k] {
			path := r.files[k][i].Path
			if to, ok := kept[path]; ok {
				r.files[k][i].Path = to
				continue
			}
			if !readOnce(path) {
				continue
			}
			dir := filepath.Join(r.scratch(), events.Kind(k).String()+strconv.Itoa(i))
			to := filepath.Join(dir, filepath.Base(path))
			if err := partition.MakeDir(dir); err != nil {
				return err
			}
			if err := copyOnce(ctx, path, to); err != nil {
				return fmt.Errorf("keeping what comes through %s: %w", path, err)
			}
			r.files[k][i].Path, kept[path] = to, to
		}
	}
	return nil
}

func readOnce(path string) bool {
	if path == stdinPath {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
}

func copyOnce(ctx context.Context, path, to string) (err error) {
	from := os.Stdin
	if path != stdinPath {
		if from, err = os.Open(path); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, from.Close()) }()
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, &stoppable{ctx: ctx, from: from})
	return errors.Join(err, f.Close())
}

// stoppable is a reader that ends with its context.
type stoppable struct {
	ctx  context.Context
	from io.Reader
}

// Read implements io.Reader.
func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.from.Read(p)
}

// join joins the logs into one commit.
func (r *Replay) join(ctx context.Context, rules *joiner.Rules, seen *evidence, to *target) (done *report, err error) {
	if r.From == 0 && r.To == 0 {
		r.From, r.To = events.MinTime, events.MaxTime
	}
	o, err := r.batchOptions(rules, seen)
	if err != nil {
		return nil, err
	}
	sink := &rowSink{from: r.From, to: r.To, strict: r.Strict, days: map[int64]*dayReport{},
		incomplete: map[string]int64{}, ofOthers: make([]bool, len(rules.Labels)),
		labels: make([]labelReport, len(rules.Labels))}
	for i := range rules.Labels {
		sink.ofOthers[i], sink.labels[i].Label = rules.Labels[i].Of != nil, rules.Labels[i].Name
	}
	stage, err := to.begin()
	if err != nil {
		return nil, err
	}
	if stage != nil {
		sink.stage = stage
		defer func() { r.endStage(ctx, stage, err) }()
	}
	stop := r.watch()
	result, err := r.run(ctx, o, sink, seen)
	stop()
	if err != nil {
		return nil, err
	}
	l := &result.Ledger
	l.Rows = sink.rows
	if sink.stage != nil {
		l.Rows, l.Unfit = sink.stage.Tallies()
		if s, ok := stage.(*export.Stage); ok && s.Redo() { // once at most: then the types are known before the first row
			sink.stage.Abort()
			seen.forget()
			return r.join(ctx, rules, seen, to)
		}
	}
	if !l.Balanced() {
		return nil, fmt.Errorf("the books do not balance: requests %+v, outcomes %+v; this is a defect of labeljoin: report it", l.Kinds[0], l.Kinds[1])
	}
	if err := seen.read(l); err != nil {
		return nil, err
	}
	if err := seen.decided(result, rules); err != nil {
		return nil, err
	}
	report := r.reportOf(result, sink, seen)
	if l.Kinds[events.KindRequest].Read+l.Kinds[events.KindOutcome].Read == 0 {
		return report, nil
	}
	switch {
	case to.relabel != nil:
		err = r.commitLabels(ctx, to, report)
	case to.again != nil:
		err = r.commitDays(ctx, to.again, sink, report)
	case to.out != nil:
		_, err = stage.(*export.Stage).Commit(context.WithoutCancel(ctx), r.cut(result, rules))
	}
	if stage != nil {
		report.Reused = stage.Reused()
	}
	return report, err
}

// run joins the logs, and looks at the beginnings of the files of requests beside it: what is wrong with those comes
// first.
func (r *Replay) run(ctx context.Context, o batch.Options, sink *rowSink, seen *evidence) (*batch.Result, error) {
	return besides(ctx, func(ctx context.Context) error { return r.look(ctx, seen) },
		func(ctx context.Context) (*batch.Result, error) { return batch.Run(ctx, o, sink) })
}

// besides joins and looks at the same time. Either that fails stops the other, and its error is the one returned: an
// object store that does not answer one of them does not hide what the other has found.
func besides(ctx context.Context, look func(context.Context) error,
	join func(context.Context) (*batch.Result, error)) (*batch.Result, error) {
	joining, stopJoin := context.WithCancel(ctx)
	defer stopJoin()
	looking, stopLook := context.WithCancel(ctx)
	defer stopLook()
	looked := make(chan error, 1)
	go func() { // ended below
		err := look(looking)
		if err != nil {
			stopJoin()
		}
		looked <- err
	}()
	result, err := join(joining)
	if err != nil {
		stopLook()
	}
	wrong := <-looked
	if err != nil && errors.Is(wrong, context.Canceled) {
		return nil, err
	}
	return result, cmp.Or(wrong, err)
}

// batchOptions say how the logs are joined.
func (r *Replay) batchOptions(rules *joiner.Rules, seen *evidence) (batch.Options, error) {
	e, err := wire.Options(r.Config, *rules)
	if err != nil {
		return batch.Options{}, err
	}
	o := batch.Options{
		Rules: rules, Decoders: e.Decoders, Limit: e.OutcomesPerRequest, Complete: r.Complete,
		From: r.From, To: r.To, Codecs: r.codecs, Memory: max(1, r.Memory-ownMemory), Jobs: r.Jobs,
		Refused: seen.refused, Columns: !r.slicesByFeature(),
		Advanced: func(s batch.Stage) {
			r.reading.Lock()
			r.stage = s
			r.reading.Unlock()
		},
	}
	if r.Parts > 0 {
		o.Keep = func(id []byte) bool { return batch.Part(id, r.Parts) == r.Part }
	}
	for k := range o.Open {
		o.Inputs[k] = r.inputName(events.Kind(k))
		o.Open[k] = func(context.Context) (batch.Source, error) { return r.openLog(events.Kind(k)), nil }
	}
	o.OpenIDs = func(_ context.Context, parts int) ([]batch.Source, error) { return r.openIDs(parts), nil }
	return o, nil
}

// slicesByFeature reports whether the counts of labels look at the features of a row.
func (r *Replay) slicesByFeature() bool {
	ofFeature := func(column string) bool { return column != "model" && column != "model_version" }
	return slices.ContainsFunc(r.Config.Monitor.Slices, ofFeature)
}

// openLog begins to read a log, to join it.
func (r *Replay) openLog(k events.Kind) *logFiles {
	r.reading.Lock()
	defer r.reading.Unlock()
	l := openLogs(r.files[k], k, uint8(k))
	l.rooms, l.strict = &r.rooms, r.Strict
	r.logs[k] = l
	return l
}

// openIDs begins to read the requests for their ids, in parts. They are read so while they are opened to be joined.
func (r *Replay) openIDs(parts int) []batch.Source {
	r.reading.Lock()
	defer r.reading.Unlock()
	r.idLogs = r.idLogs[:0]
	var sources []batch.Source
	for _, l := range openParts(r.files[events.KindRequest], parts) {
		l.rooms, l.strict = &r.rooms, r.Strict
		r.idLogs, sources = append(r.idLogs, l), append(sources, l)
	}
	return sources
}

// inputName is how the log of a kind is called.
func (r *Replay) inputName(k events.Kind) string {
	if len(r.files[k]) == 1 {
		return r.files[k][0].name(k)
	}
	return k.String() + "s"
}

// cut is the one commit of a replay.
func (r *Replay) cut(result *batch.Result, rules *joiner.Rules) *joiner.Cut {
	cut := &joiner.Cut{Number: 1, Nonce: partition.Nonce(), RulesHash: r.Config.Fingerprint(), MaxEvent: result.MaxEvent}
	p := &cut.Progress
	p.Commit, p.Ledger, p.Gaps = 1, result.Ledger, rules.Gaps
	p.Guard = guard.New(rules.GuardRules(), &guard.Guard{})
	p.Clock = joiner.NewClock()
	p.ClosedThrough, p.PublishedThrough = events.MaxTime, events.MaxTime
	for k, seen := range result.Seen {
		kind := events.Kind(k)
		p.Clock.Observe(kind, seen)
		p.Clock.MarkRead(kind, events.MaxTime)
		begin := events.Position{Input: r.inputName(kind), Next: 1}
		cut.From = append(cut.From, begin)
		begin.Next = r.logs[k].last + 1
		p.Inputs = append(p.Inputs, begin)
		for _, fate := range closedFates[k] {
			cut.Closed.Kinds[k].Disposed[fate] = p.Ledger.Kinds[k].Disposed[fate]
		}
	}
	cut.Closed.Rows, cut.Closed.Unfit = p.Ledger.Rows, p.Ledger.Unfit
	cut.Closed.Unseen, cut.Closed.SampledOut = p.Ledger.Unseen, p.Ledger.SampledOut
	return cut
}

// closedFates are what becomes of an event when its request closes.
var closedFates = [events.Kinds][]joiner.Disposition{
	events.KindRequest: {joiner.DispositionAccepted},
	events.KindOutcome: {joiner.DispositionJoined, joiner.DispositionOutsideWindow, joiner.DispositionUnknownItem,
		joiner.DispositionDuplicate, joiner.DispositionOrphan},
}

// watch shows how far a replay is until the function it returns is called.
func (r *Replay) watch() (stop func()) {
	return terminal.WatchProgress(r.Talk, func() (string, float64) {
		r.reading.Lock()
		defer r.reading.Unlock()
		at := 3 * r.stage.Pass
		doing := "reading outcomes"
		switch {
		case r.stage.Deciding:
			at, doing = at+2, "joining requests"
		case r.stage.Kind == events.KindRequest:
			at, doing = at+1, "looking for ids that come twice"
		}
		logs := []*logFiles{r.logs[r.stage.Kind]}
		if r.stage.Kind == events.KindRequest && !r.stage.Deciding && len(r.idLogs) > 0 {
			logs = r.idLogs
		}
		var read, size int64
		for _, log := range logs {
			n, of := log.Progress()
			read, size = read+n, size+of
		}
		share := float64(at) / float64(max(1, 3*r.stage.Passes))
		if size > 0 {
			share += float64(read) / float64(size) / float64(max(1, 3*r.stage.Passes))
		}
		return fmt.Sprintf("%s, %s of %s, %.0f%% of all", doing, config.Size(read), config.Size(size), 100*share), share
	})
}
