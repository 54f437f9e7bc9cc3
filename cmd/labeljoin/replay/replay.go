// Package replay joins logs that are already there, after it has looked whether they are the logs of requests and of
// their outcomes.
package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/formats/packed"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/batch"
)

// Replay is one run of the command.
type Replay struct {
	Config *config.Config
	Log    *slog.Logger
	Talk   io.Writer              // for the summary
	Data   io.Writer              // for the report as JSON
	Files  [events.Kinds][]string // of the inputs requests and outcomes
	Named  []File                 // of other inputs, which say themselves what they bring
	Dumped []*Own                 // of dumps
	// Streams copies what the streams hold into a directory; nil: they are not read.
	Streams     func(ctx context.Context, dir string) (*Own, error)
	Out         string
	Complete    bool
	GapsOf      string // an output whose gaps count; empty: none do
	MaxRejected float64
	Trusted     bool     // see evidence
	Unmatched   []string // labels that no outcome of the logs has to match
	Strict      bool
	DryRun      bool
	AsJSON      bool
	From, To    events.Time // of the requests whose rows are written; both 0: of all
	Replace     bool        // put the rows in the place of whole days of the output
	Labels      []string    // write these over days of the output, and leave all else as it is
	Part, Parts int         // of the ids; parts is 0 if all are joined
	Memory      int64
	Jobs        int

	objects map[string]*object   // that were found, by their addresses
	files   [events.Kinds][]File // all of them, and how they are read
	codecs  []events.Codec       // of the feeds
	reading sync.Mutex           // guards logs: the progress is asked from outside
	logs    [events.Kinds]*logFiles
	idLogs  []*logFiles // of requests, read for their ids alone, beside each other; none before
	rooms   packed.Rooms
	stage   batch.Stage // what is being done
	left    struct {    // of a replay that did not end, for the next run
		files int
		rows  int64
	}
}

// Run joins the files into out.
func (r *Replay) Run(ctx context.Context) (err error) {
	r.Memory = cmp.Or(r.Memory, DefaultMemory)
	defer partition.TuneGCTo(uint64(r.Memory / garbageShare))()
	defer partition.BoundMemory(r.Memory)()
	rules, err := wire.Rules(r.Config)
	if err != nil {
		return err
	}
	if err := errors.Join(checkLabels("allow-unmatched", r.Unmatched, &rules),
		checkLabels("labels", r.Labels, &rules)); err != nil {
		return err
	}
	if err := r.bind(); err != nil {
		return err
	}
	if rules.Gaps, err = r.gaps(ctx); err != nil {
		return err
	}
	for _, own := range r.Dumped {
		rules.Gaps = withGaps(rules.Gaps, own.Gaps)
	}
	if len(r.Labels) > 0 { // a row that the policies of today leave out may be there
		rules.Negatives, rules.SampleRate = joiner.NegativesAll, 0
	}
	out, err := r.open(ctx, &rules) // its files have the columns that those of the live joiner have
	if err != nil {
		return err
	}
	rules.Early, rules.Stages = false, nil // everything is read before anything is decided
	defer func() { err = errors.Join(err, out.close()) }()
	release, err := r.takeScratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	gone, err := r.fetch(ctx)
	if err != nil {
		return r.stopped(ctx, err)
	}
	rules.Gaps = withGaps(rules.Gaps, gone)
	seen, err := r.begin(ctx)
	if err != nil {
		return r.stopped(ctx, err)
	}
	report, err := r.join(ctx, &rules, seen, &out)
	if err != nil {
		return r.stopped(ctx, err)
	}
	return r.tell(report)
}

// begin reads standard input, if that is a log.
func (r *Replay) begin(ctx context.Context) (*evidence, error) {
	if err := r.spool(ctx); err != nil {
		return nil, err
	}
	return r.evidence()
}

// evidence will look at the files.
func (r *Replay) evidence() (*evidence, error) {
	for k := range r.logs {
		r.logs[k] = openLogs(r.files[k], events.Kind(k), uint8(k))
	}
	v := &evidence{maxRejected: r.MaxRejected, trusted: r.Trusted, complete: r.Complete, logs: &r.logs, talk: r.Talk,
		unmatched: r.Unmatched, parted: r.Parts > 1}
	v.empty = len(r.files[events.KindOutcome]) == 1 && r.files[events.KindOutcome][0].Path == os.DevNull
	o, err := wire.Options(r.Config, joiner.Rules{})
	if err != nil {
		return nil, err
	}
	v.decoders = o.Decoders
	for i := range r.Config.Inputs.List {
		in := &r.Config.Inputs.List[i]
		for kind := range v.mapped {
			if !in.Native() && in.Brings(events.Kind(kind).String()) {
				v.mapped[kind] = append(v.mapped[kind], in.Name)
			}
		}
	}
	return v, nil
}

// look looks at the beginnings of the files of requests, once.
func (r *Replay) look(ctx context.Context, v *evidence) error {
	if v.looked {
		return nil
	}
	v.looked = true
	for i := range r.files[events.KindRequest] {
		file := &r.files[events.KindRequest][i]
		if file.mapped {
			continue // its mapping says what it holds
		}
		if holds, err := v.holdsOutcomes(ctx, file); err != nil {
			return err
		} else if holds && !r.Trusted {
			return v.refuse("--requests %s holds outcomes: each of its first events has a type, and none has items, features, a model or a score",
				file.Path)
		}
	}
	return nil
}

// bind finds out how files are read: by the inputs of the configuration that they are of.
func (r *Replay) bind() error {
	feeds, err := wire.Feeds(r.Config)
	if err != nil {
		return err
	}
	var names []string
	r.codecs = make([]events.Codec, len(feeds))
	for i := range feeds {
		names, r.codecs[i] = append(names, feeds[i].Name), feeds[i].Codec
	}
	place := func(f *File) (kinds []events.Kind, known bool) {
		f.object = r.objects[f.Path]
		i := slices.Index(names, f.Input)
		if i < 0 {
			f.feed = uint16(len(feeds)) // which no codec reads
			return nil, false
		}
		f.feed, f.mapped, f.texts = uint16(i), r.codecs[i] != nil, r.Config.Inputs.List[i].Format == "csv"
		return feeds[i].Kinds, true
	}
	for k, input := range []string{config.InputRequests, config.InputOutcomes} {
		r.files[k] = Files("--"+input, input, r.Files[k])
		for i := range r.files[k] {
			f := &r.files[k][i]
			if kinds, known := place(f); known && !slices.Contains(kinds, events.Kind(k)) {
				return &terminal.UsageError{Err: fmt.Errorf("%s: input %s of the configuration brings %ss: give --events %s=%s",
					f.Flag, f.Input, kinds[0], f.Input, f.Path)}
			}
		}
	}
	for _, f := range r.Named {
		kinds, known := place(&f)
		if !known {
			hint := "there are " + strings.Join(names, ", ")
			if near := config.Nearest(f.Input, names); near != "" {
				hint = "did you mean " + near + "?"
			}
			return &terminal.UsageError{Err: fmt.Errorf("%s: the configuration has no such input: %s", f.Flag, hint)}
		}
		for _, k := range kinds {
			r.files[k] = append(r.files[k], f)
		}
	}
	for _, own := range r.Dumped {
		r.addOwn("--dump", own)
	}
	return nil
}

// GapsOf is what was declared for an output, in a directory or in an object store that the
// configuration says how to reach; an empty name has no gaps.
func GapsOf(ctx context.Context, c *config.Config, dir string) ([]events.Gap, error) {
	if dir == "" {
		return nil, nil
	}
	b, err := place.Of(ctx, c, dir)
	if err != nil {
		return nil, fmt.Errorf("--gaps-of %s: %w", dir, err)
	}
	archive, err := export.OpenArchive(b, partition.Default)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noOutput(dir, err)
	}
	if err != nil {
		return nil, err
	}
	gaps, err := archive.Gaps()
	if err != nil {
		return nil, fmt.Errorf("--gaps-of %s: %w", dir, err)
	}
	if len(gaps) == 0 && b.Direct() { // a store has no directories that may be missing
		if _, ok, err := archive.Last(); err != nil || !ok {
			return nil, noOutput(dir, cmp.Or(err, fs.ErrNotExist))
		}
	}
	return gaps, nil
}

func noOutput(dir string, err error) error {
	return &terminal.UsageError{Err: fmt.Errorf("--gaps-of %s: there is no output: %w", dir, err)}
}
