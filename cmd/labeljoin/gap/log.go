package gap

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// Losses compares what the next start wants of the streams with what they hold.
type Losses struct {
	Config  *config.Config
	Declare bool
	Note    string
	Now     events.Time // of this machine
	Out     *terminal.LineWriter

	want     engine.Wanted
	declared []events.Gap
	read     []events.Position // how far the streams were read, by the state or else by the last commit
	lost     int
	missing  int // inputs of the configuration whose streams are not there
}

// Run prints what each stream has lost, and declares it if so told.
func (g *Losses) Run(ctx context.Context) (err error) {
	saved, err := savedState(g.Config)
	if err != nil {
		return err
	}
	s, err := g.Connect(ctx)
	if err != nil {
		return err
	}
	var logs []jetstream.Log
	if s != nil {
		defer func() { err = errors.Join(err, s.Close()) }()
		asking, cancel := context.WithTimeout(ctx, partition.AskTimeout)
		defer cancel()
		if logs, err = g.streams(asking, s); err != nil {
			return fmt.Errorf("looking at the streams: %w", err)
		}
	}
	if err := g.findWanted(ctx, &saved, logs); err != nil {
		return err
	}
	if err := g.sameStreams(s, logs); err != nil {
		return err
	}
	times, err := partition.NewLostTimes(g.Config, logs, g.Now)
	if err != nil {
		return err
	}
	if len(logs) == 0 && g.want.Inputs == nil {
		g.Out.Line("there are no streams yet, and nothing was read of any: nothing is lost")
	}
	for i := range logs {
		if err := g.log(ctx, s, &logs[i], &times[i]); err != nil {
			return err
		}
	}
	if g.lost > 0 && !g.Declare {
		g.Out.Line("restore the stream if you can; labeljoin gap log --yes goes on without what is lost")
	}
	return g.Out.Err
}

// Connect connects to NATS. An embedded server whose streams are gone is not
// started just to look: s is nil then.
func (g *Losses) Connect(ctx context.Context) (s *partition.Service, err error) {
	if g.Config.NATS.Embedded && !g.Declare {
		if _, err := vfs.Default.Stat(filepath.Join(g.Config.State.Dir, "nats")); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	return partition.ConnectReading(ctx, g.Config)
}

// streams finds the streams. Those that are gone are made again, if a loss is to be
// declared and the joiner would make them.
func (g *Losses) streams(ctx context.Context, s *partition.Service) ([]jetstream.Log, error) {
	wanted, err := s.StreamInputs()
	if err != nil {
		return nil, err
	}
	logs, missing, err := jetstream.Look(ctx, s.Conn, wanted)
	g.missing = len(missing)
	if err != nil || len(missing) == 0 || !g.Declare {
		return logs, err
	}
	if !g.Config.Inputs.Create && !g.Config.NATS.Embedded {
		return nil, fmt.Errorf("no stream holds subject %q: create the stream, then give this command again",
			missing[0].Subject)
	}
	making := partition.Service{Config: g.Config, Conn: s.Conn, Log: s.Log}
	return making.Logs(ctx)
}

// sameStreams tells of streams that are gone, and refuses if others are configured
// than were read.
func (g *Losses) sameStreams(s *partition.Service, logs []jetstream.Log) error {
	if g.want.Inputs == nil {
		return nil
	}
	for _, p := range g.want.Inputs {
		if slices.Contains(g.Config.Inputs.Retired, p.Input) {
			g.Out.Line("stream %s: it is no input any more (inputs.retired); %s", p.Input, g.readOf(p.Input))
			continue
		}
		if !slices.ContainsFunc(logs, func(l jetstream.Log) bool { return l.Stream == p.Input }) {
			if s != nil && g.missing == 0 {
				g.Out.Line("stream %s: no input of the configuration reads it; %s. Put its input back,\n"+
					"  or name the stream in inputs.retired if it is to be read no more", p.Input, g.readOf(p.Input))
				continue
			}
			g.lost++
			g.Out.Line("stream %s: it is gone; %s. With --yes it is made again if inputs.create is set,\n"+
				"  and the joiner goes on with what comes then", p.Input, g.readOf(p.Input))
		}
	}
	if !g.Declare || g.lost == 0 {
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

// readOf says how far a stream was read.
func (g *Losses) readOf(stream string) string {
	for _, p := range g.read {
		if p.Input == stream && p.Next > 1 {
			return fmt.Sprintf("it was read up to message %d", p.Next-1)
		}
	}
	return "nothing of it was read"
}

// log says what a stream has lost.
func (g *Losses) log(ctx context.Context, s *partition.Service, log *jetstream.Log, times *partition.LostTimes) error {
	p := events.Position{Input: log.Stream, Created: log.Created, Next: max(1, log.First)}
	for _, q := range g.want.Inputs {
		if q.Input == log.Stream {
			p = q
		}
	}
	losses, err := jetstream.FindLosses(ctx, s.Conn, *log, jetstream.Want{
		From: p, First: g.want.Clock.IsNew(), Reread: g.want.Rebuild, Lost: partition.DeclaredSpans(g.declared,
			log.Stream, p.Created, log.Created),
	})
	if err != nil {
		return err
	}
	for _, loss := range losses {
		if slices.ContainsFunc(g.declared, func(d events.Gap) bool {
			return d.Log != nil &&
				d.Log.Leaps(&p, log.Created)
		}) && loss.Gap.From == p.Next {
			g.Out.Line("stream %s: %s; that is declared already, and the joiner goes on with message %d at its next start",
				log.Stream, loss.Fault.What(), loss.Gap.Next)
			continue
		}
		if err := g.tell(ctx, log, &p, &loss, times); err != nil {
			return err
		}
	}
	if len(losses) == 0 {
		g.Out.Line("stream %s: nothing is lost; message %d is to be read next", log.Stream, max(1, p.Next))
	}
	return nil
}

// tell says what is lost, and declares it.
func (g *Losses) tell(ctx context.Context, log *jetstream.Log, p *events.Position, loss *jetstream.Loss,
	times *partition.LostTimes) error {
	g.lost++
	gap := g.gapOf(log, p, loss, times)
	g.Out.Line("stream %s: %s", log.Stream, loss.Fault.What())
	if loss.Gap.Decided != 0 {
		g.Out.Line("  the state is gone that was made of them: requests that were not decided are lost with it")
	}
	g.Out.Line("  what it carries (%s) is not known from %s to %s; reading can go on with message %d", What(gap),
		gap.From, gap.To, loss.Gap.Next)
	if !g.Declare {
		return nil
	}
	id, err := Declare(ctx, g.Config, gap)
	if err == nil {
		g.Out.Line("  declared as gap %d; the joiner goes on behind it", id)
	}
	return err
}

// gapOf is the loss as a gap. An event may come up to lateness after its time, so the gap
// begins that much before the events before it. Of a state that is lost too, all is
// missing that it held.
func (g *Losses) gapOf(log *jetstream.Log, p *events.Position, loss *jetstream.Loss,
	times *partition.LostTimes) events.Gap {
	gap := events.Gap{Note: g.Note, Log: &loss.Gap}
	seen := events.MaxTime
	for k := range gap.Kinds {
		if gap.Kinds[k] = log.Has(events.Kind(k)); gap.Kinds[k] {
			seen = min(seen, g.want.Clock.Seen[k])
		}
	}
	gap.From, gap.To = times.Span(loss, seen)
	switch gap.From = gap.From.Add(-g.Config.Join.Lateness.Std()); {
	case gap.From != events.MinTime:
	case g.want.Rebuild:
		gap.From = g.want.Oldest.Add(-g.Config.Join.ClockSkew.Std())
	default:
		gap.From = seen.Add(-g.Config.Join.Lateness.Std())
	}
	if g.want.Rebuild && gap.Kinds[events.KindRequest] && (loss.Gap.Anew || loss.Gap.From <= p.Mark.Seq) {
		loss.Gap.Decided = g.want.Decided
	}
	gap.To = max(gap.To, gap.From)
	return gap
}

// findWanted finds out what the next start wants of the streams, how far they were read,
// and what was declared lost. It makes nothing that is not there. No joiner may run.
func (g *Losses) findWanted(ctx context.Context, saved *state.Checkpoint, logs []jetstream.Log) error {
	rules, err := wire.Rules(g.Config)
	if err != nil {
		return err
	}
	rows, err := place.Of(ctx, g.Config, g.Config.Output.Dir)
	if err != nil {
		return err
	}
	commits := &archived{}
	commits.archive, err = export.OpenArchive(rows, partition.Default)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		commits.archive = nil
	case err != nil:
		return err
	default:
		if commits.last, commits.any, err = commits.archive.Last(); err != nil {
			return err
		}
		if g.declared, err = export.OpenGaps(rows).List(); err != nil {
			return err
		}
	}
	var there []engine.Input
	for i := range logs {
		there = append(there, engine.Input{Name: logs[i].Stream, Created: logs[i].Created, First: logs[i].First})
	}
	if g.read = saved.Progress.Inputs; len(g.read) == 0 {
		g.read = commits.last.Cut.Progress.Inputs
	}
	g.want, err = engine.Want(&rules, saved, commits, partition.InPlace(there, g.read, g.Config.Inputs.Retired))
	return err
}

// savedState is how the state stands; the zero value if there is none.
func savedState(cfg *config.Config) (saved state.Checkpoint, err error) {
	st, err := partition.OpenReadOnly(partition.ID{}, cfg)
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
