package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

func gapLogCommand() *cli.Command {
	return &cli.Command{
		Name:      "log",
		ArgsUsage: argsConfig,
		Usage:     "say what the streams have lost, and with --yes go on without it",
		Description: "For a joiner that refuses to start because messages are gone: a stream was purged, trimmed, recreated,\n" +
			"rewound or restored from an older copy, single messages were deleted, or a lost state would need what the\n" +
			"stream no longer holds. It changes nothing without --yes. With it, each loss is declared as a gap of what\n" +
			"the stream carries, from the time of the message before it to that of the message after it, and the joiner\n" +
			"goes on behind it at its next start: labels whose windows touch the gap are null. Rows that were made of\n" +
			"messages that are gone now stay, as far as the gap does not touch them. `labeljoin gap remove` takes a\n" +
			"declaration back.",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.BoolFlag{Name: "yes", Usage: "declare it"},
			&cli.StringFlag{Name: "note", Usage: "why, for those who find it in the manifest"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			g := gapLog{cfg: cfg, declare: c.Bool("yes"), note: c.String("note"), out: &lineWriter{to: c.App.Writer}}
			return g.run(c.Context)
		},
	}
}

// gapLog compares what the next start wants of the streams with what they hold.
type gapLog struct {
	cfg     *config.Config
	declare bool
	note    string
	out     *lineWriter

	want     engine.Wanted
	declared []joiner.Gap
	lost     int
}

// askPatience is how long a command that asks NATS waits for its answers.
const askPatience = 30 * time.Second

func (g *gapLog) run(ctx context.Context) (err error) {
	saved, err := savedState(g.cfg)
	if err != nil {
		return err
	}
	s, err := g.connect(ctx)
	if err != nil {
		return err
	}
	var logs []jetstream.Log
	if s != nil {
		defer func() { err = errors.Join(err, s.close()) }()
		asking, cancel := context.WithTimeout(ctx, askPatience)
		defer cancel()
		if logs, err = g.streams(asking, s); err != nil {
			return fmt.Errorf("looking at the streams: %w", err)
		}
	}
	if g.want, g.declared, err = wanted(g.cfg, &saved, logs); err != nil {
		return err
	}
	if err := g.sameStreams(logs); err != nil {
		return err
	}
	for i := range logs {
		if err := g.log(ctx, s, &logs[i]); err != nil {
			return err
		}
	}
	if g.lost > 0 && !g.declare {
		g.out.line("restore the stream if you can; labeljoin gap log --yes goes on without what is lost")
	}
	return g.out.err
}

// connect connects to NATS. An embedded server whose streams are gone is not
// started just to look: s is nil then.
func (g *gapLog) connect(ctx context.Context) (s *service, err error) {
	if g.cfg.NATS.Embedded && !g.declare {
		if _, err := vfs.Default.Stat(filepath.Join(g.cfg.State.Dir, "nats")); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	d := deep{cfg: g.cfg}
	return d.connect(ctx)
}

// streams finds the streams. Those that are gone are made again, if a loss is to be
// declared and the joiner would make them.
func (g *gapLog) streams(ctx context.Context, s *service) ([]jetstream.Log, error) {
	logs, missing, err := jetstream.Look(ctx, s.nc, s.streamInputs())
	if err != nil || len(missing) == 0 || !g.declare {
		return logs, err
	}
	if !g.cfg.Inputs.Create && !g.cfg.NATS.Embedded {
		return nil, fmt.Errorf("no stream holds subject %q: create the stream, then give this command again", missing[0].Subject)
	}
	making := service{cfg: g.cfg, nc: s.nc, log: s.log}
	return making.logs(ctx)
}

// sameStreams tells of streams that are gone, and refuses if others are configured
// than were read.
func (g *gapLog) sameStreams(logs []jetstream.Log) error {
	if g.want.Inputs == nil {
		return nil
	}
	for _, p := range g.want.Inputs {
		if !slices.ContainsFunc(logs, func(l jetstream.Log) bool { return l.Stream == p.Input }) {
			g.lost++
			g.out.line("stream %s: it is gone; it was read up to message %d. With --yes it is made again if inputs.create is set,\n"+
				"  and the joiner goes on with what comes then", p.Input, max(p.Next, 1)-1)
		}
	}
	if !g.declare || g.lost == 0 {
		return nil
	}
	e := &engine.InputsError{}
	for _, p := range g.want.Inputs {
		e.Had = append(e.Had, p.Input)
	}
	for _, l := range logs {
		e.Have = append(e.Have, l.Stream)
	}
	return e
}

// log says what a stream has lost.
func (g *gapLog) log(ctx context.Context, s *service, log *jetstream.Log) error {
	p := joiner.Position{Input: log.Stream, Created: log.Created, Next: max(1, log.First)}
	for _, q := range g.want.Inputs {
		if q.Input == log.Stream {
			p = q
		}
	}
	losses, err := jetstream.FindLosses(ctx, s.nc, *log, jetstream.Want{
		From: p, First: g.want.Clock == joiner.NewClock(), Reread: g.want.Rebuild, Lost: declaredSpans(g.declared, log.Stream, p.Created, log.Created),
	})
	if err != nil {
		return err
	}
	for _, loss := range losses {
		if slices.ContainsFunc(g.declared, func(d joiner.Gap) bool { return d.Log != nil && d.Log.Leaps(&p, log.Created) }) && loss.Gap.From == p.Next {
			g.out.line("stream %s: %s; that is declared already, and the joiner goes on with message %d at its next start", log.Stream, loss.Fault.What(), loss.Gap.Next)
			continue
		}
		if err := g.tell(log, &p, &loss); err != nil {
			return err
		}
	}
	if len(losses) == 0 {
		g.out.line("stream %s: nothing is lost; message %d is to be read next", log.Stream, max(1, p.Next))
	}
	return nil
}

// tell says what is lost, and declares it.
func (g *gapLog) tell(log *jetstream.Log, p *joiner.Position, loss *jetstream.Loss) error {
	g.lost++
	gap := g.gapOf(log, p, loss)
	g.out.line("stream %s: %s", log.Stream, loss.Fault.What())
	if loss.Gap.Decided != 0 {
		g.out.line("  the state is gone that was made of them: requests that were not decided are lost with it")
	}
	g.out.line("  what it carries (%s) is not known from %s to %s; reading can go on with message %d", sourcesOf(gap), gap.From, gap.To, loss.Gap.Next)
	if !g.declare {
		return nil
	}
	id, err := declareGap(g.cfg, gap)
	if err == nil {
		g.out.line("  declared as gap %d; the joiner goes on behind it", id)
	}
	return err
}

// gapOf is the loss as a gap. An event may have been stored up to lateness after its
// time, so the gap begins that much before the message before. Of a state that is
// lost too, all is missing that it held.
func (g *gapLog) gapOf(log *jetstream.Log, p *joiner.Position, loss *jetstream.Loss) joiner.Gap {
	gap := joiner.Gap{From: loss.From, To: loss.To, Note: g.note, Log: &loss.Gap}
	seen := events.MaxTime
	for k := range gap.Kinds {
		if gap.Kinds[k] = log.Has(events.Kind(k)); gap.Kinds[k] {
			seen = min(seen, g.want.Clock.Seen[k])
		}
	}
	switch gap.From = gap.From.Add(-g.cfg.Join.Lateness.Std()); {
	case gap.From != events.MinTime:
	case g.want.Rebuild:
		gap.From = g.want.Oldest.Add(-g.cfg.Join.ClockSkew.Std())
	default:
		gap.From = seen.Add(-g.cfg.Join.Lateness.Std())
	}
	if g.want.Rebuild && gap.Kinds[events.KindRequest] && (loss.Gap.Anew || loss.Gap.From <= p.Mark.Seq) {
		loss.Gap.Decided = g.want.Decided
	}
	gap.To = max(gap.To, gap.From)
	return gap
}

// declaredSpans are the stretches of a stream that are declared lost. It may have
// been created at another time when that was done.
func declaredSpans(declared []joiner.Gap, stream string, created ...events.Time) []jetstream.Span {
	var spans []jetstream.Span
	for _, g := range declared {
		if l := g.Log; l != nil && slices.ContainsFunc(created, func(c events.Time) bool { return l.MayLack(stream, c, l.From) }) {
			spans = append(spans, jetstream.Span{From: l.From, Next: l.Next})
		}
	}
	return spans
}

// wanted is what the next start wants of the streams, and what was declared lost. It
// makes nothing that is not there. No joiner may run.
func wanted(cfg *config.Config, saved *engine.Saved, logs []jetstream.Log) (want engine.Wanted, declared []joiner.Gap, err error) {
	rules, err := wire.Rules(cfg)
	if err != nil {
		return want, nil, err
	}
	commits := &archived{}
	commits.archive, err = export.OpenArchive(vfs.Default, cfg.Output.Dir, partition)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		commits.archive = nil
	case err != nil:
		return want, nil, err
	default:
		if commits.last, commits.any, err = commits.archive.Last(); err != nil {
			return want, nil, err
		}
		gaps, err := export.OpenGaps(vfs.Default, cfg.Output.Dir)
		if err != nil {
			return want, nil, err
		}
		if declared, err = gaps.List(); err != nil {
			return want, nil, err
		}
	}
	var there []engine.Input
	for i := range logs {
		there = append(there, engine.Input{Name: logs[i].Stream, Created: logs[i].Created, First: logs[i].First})
	}
	want, err = engine.Want(&rules, saved, commits, there)
	return want, declared, err
}

// savedState is how the state stands; the zero value if there is none.
func savedState(cfg *config.Config) (saved engine.Saved, err error) {
	st, err := lookAtState(cfg)
	if err != nil {
		return saved, fmt.Errorf("a joiner that runs must be stopped first: %w", err)
	}
	if st == nil {
		return saved, nil
	}
	return st.Progress(), st.Close()
}

// archived is an output that is only read, as an engine looks at it.
type archived struct {
	archive *export.Archive // nil: there is none
	last    export.Commit
	any     bool
}

// Last implements engine.Commits.
func (a *archived) Last() (joiner.Cut, joiner.Receipt, bool) {
	return a.last.Cut, joiner.Receipt{Number: a.last.Cut.Number, Hash: a.last.Hash}, a.any
}

// Cuts implements engine.Commits.
func (a *archived) Cuts() iter.Seq2[joiner.Cut, error] {
	return func(yield func(joiner.Cut, error) bool) {
		if a.archive == nil {
			return
		}
		for c, err := range a.archive.Commits() {
			if !yield(c.Cut, err) {
				return
			}
		}
	}
}
