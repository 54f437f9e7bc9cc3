package shards

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
)

// Result says what became of a day.
type Result struct {
	Day     string
	Version Version
	// Made says that a version was made. It was not where there is one already.
	Made bool
	// Stale says that the version that is there was made of other files than the day has
	// now, or in another way.
	Stale    bool
	Manifest *Manifest
}

// Exporter exports the days of one output under one name. It holds the export's lock.
type Exporter struct {
	opts    Options
	archive *export.Archive
	bucket  bucket.Bucket
	root    string
	lock    io.Closer
	newest  map[string]Version // by day, of whole versions; nil: not read yet
}

// New opens an export for writing. A *LockedError says that another process does. Any other error does not pass by
// waiting.
func New(archive *export.Archive, opts Options) (*Exporter, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Exporter{opts: opts, archive: archive, bucket: opts.place()}
	e.root = e.bucket.String()
	if err := e.bucket.SyncDir("."); err != nil {
		return nil, fmt.Errorf("open the export %s: %w", e.root, err)
	}
	if e.lock, err = e.bucket.Lock(lockName); errors.Is(err, bucket.ErrLocked) {
		return nil, &LockedError{Dir: e.root, Err: err}
	} else if err != nil {
		return nil, fmt.Errorf("lock the export %s: %w", e.root, err)
	}
	if err := e.sweep(); err != nil {
		return nil, errors.Join(fmt.Errorf("removing what an interrupted export left: %w", err), e.lock.Close())
	}
	return e, nil
}

// Close gives the export up to others.
func (e *Exporter) Close() error { return e.lock.Close() }

// Root is the directory of the export.
func (e *Exporter) Root() string { return e.root }

// LockedError says that another process writes an export.
type LockedError struct {
	Dir string
	Err error
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("the export %s is in use by another process (%v): wait for it, or export under another name",
		e.Dir, e.Err)
}

func (e *LockedError) Unwrap() error { return e.Err }

// dayExport is the export of one day.
type dayExport struct {
	*Exporter
	opts  *Options
	table *export.Table
	plan  *plan

	start   events.Time
	day     string
	version Version
	token   string // keeps the staged files of two attempts apart
	files   []int  // of the table
	others  []int  // files of other days that may replace rows
	reach   time.Duration
	through events.Time  // requests before it are closed
	gaps    []events.Gap // all that were declared and not taken back, in force or not yet

	counts    Counts
	unfit     []int64
	groupRows int
	shared    *parquetMemory
	sealing   *sealing
	reviewer  Reviewer // nil: nothing looks at the version
}

// NoDayError says that there are no rows of a day.
type NoDayError struct{ Day, First, Last string }

func (e *NoDayError) Error() string {
	if e.First == "" {
		return fmt.Sprintf("the output has no rows of %s, nor of any other day", e.Day)
	}
	return fmt.Sprintf("the output has no rows of %s: it has days from %s to %s; labeljoin days lists them", e.Day,
		e.First, e.Last)
}

// Day exports the day that begins at start, by what the table says. The error is a
// *NotReadyError if the day is not complete, and a *NoDayError if nothing is there.
func (e *Exporter) Day(ctx context.Context, table *export.Table, start events.Time) (Result, error) {
	o := e.opts
	untaken, err := table.Untaken()
	if err != nil {
		return Result{}, err
	}
	ready := ReadinessOf(&table.Last, untaken, o.Rules, start, o.Settled)
	d := &dayExport{
		Exporter: e, opts: &o, table: table, start: start, day: DayName(start), token: rand.Text(),
		reach: reachOf(o.Rules), through: table.Last.Progress.ClosedThrough, shared: newParquetMemory(),
	}
	for _, g := range slices.Concat(table.Last.Progress.Gaps, untaken) {
		if g.InForce() {
			d.gaps = append(d.gaps, g)
		}
	}
	result := Result{Day: d.day}
	if ready.Ended {
		d.through = ready.Through
	}
	if d.files, d.others = dayFiles(table, start, d.reach); len(d.files) == 0 {
		return result, noDay(table, d.day)
	}
	if !ready.Ready && !o.Partial {
		return result, &NotReadyError{Day: d.day, Readiness: ready, Settled: o.Settled, Now: events.MinTime}
	}
	if err := CheckLabels(table, o.Rules); err != nil {
		return result, err
	}
	if d.plan, err = newPlan(table.Files, table.State.Schema(), &o); err != nil {
		return result, err
	}
	parent, hash, err := d.newestManifest(&result)
	if err != nil {
		return result, err
	}
	if parent != nil {
		result.Stale = d.stale(parent)
		if !o.Refresh || !result.Stale {
			result.Manifest = parent
			return result, nil
		}
	}
	d.version = Version{Number: result.Version.Number + 1, Partial: !ready.Ready}
	result.Manifest, err = d.make(ctx, hash)
	result.Version = d.version
	result.Made = err == nil
	return result, err
}

func noDay(t *export.Table, day string) error {
	e := &NoDayError{Day: day}
	for i := range t.Files {
		name := DayName(t.Files[i].MinRequestTS)
		if e.First == "" || name < e.First {
			e.First = name
		}
		e.Last = max(e.Last, name)
	}
	return e
}

// newestManifest is the manifest of the day's newest version; nil if there is none. A version of
// a day that was not complete is no reason not to make one.
func (d *dayExport) newestManifest(result *Result) (m *Manifest, hash string, err error) {
	found, err := versions(d.bucket, d.day)
	if err != nil || len(found) == 0 {
		return nil, "", err
	}
	last := found[len(found)-1]
	result.Version = last
	m, hash, err = readManifest(d.bucket, d.day, last)
	if err == nil && last.Partial {
		return nil, hash, nil
	}
	return m, hash, err
}

// stale reports whether a version was made of other files than there are now, or in
// another way.
func (d *dayExport) stale(m *Manifest) bool {
	now := d.manifest()
	now.Method.GroupRows, now.Method.Shards = m.Method.GroupRows, m.Method.Shards
	if m.ConfigHash == "" && m.Method.GroupBytes == 0 && m.Method.ShardBytes == 0 { // it is too old to say
		now.Method.GroupBytes, now.Method.ShardBytes = 0, 0
	}
	same := func(x, y any) bool {
		a, errA := encode(x)
		b, errB := encode(y)
		return errA == nil && errB == nil && string(a) == string(b)
	}
	return !same(m.Source.Files, now.Source.Files) || !same(m.Source.Gaps, now.Source.Gaps) ||
		!same(m.Method, now.Method) ||
		!same(m.Columns, now.Columns) || m.FileFormat != now.FileFormat || d.opts.Shards > 0 &&
		d.opts.Shards != m.Method.Shards
}

// make writes and publishes a version.
func (d *dayExport) make(ctx context.Context, parent string) (m *Manifest, err error) {
	if err := d.begin(); err != nil {
		return nil, err
	}
	if err := d.bucket.SyncDir(stagingDir); err != nil { // the scratch file lies there too
		return nil, err
	}
	s, err := newSpill(d.Exporter.opts.FS, d.scratchPath(), d.buckets(), d.opts.Workers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := d.spillDay(ctx, s); err != nil {
		return nil, err
	}
	shards, err := d.sizes(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := d.beginReview(); err != nil {
		return nil, err
	}
	writers, err := d.write(ctx, s, shards)
	if err != nil {
		for _, w := range writers {
			d.unstage(w.files)
		}
		return nil, err
	}
	m = d.manifest()
	m.Parent, m.Method.Shards = parent, shards
	if d.opts.Format == FormatParquet {
		m.Method.GroupRows = d.groupRows
	}
	for _, w := range writers {
		m.Files = append(m.Files, w.files...)
		m.Splits = append(m.Splits, SplitFacts{Name: splitNames[w.split], Files: len(w.files), Rows: w.totals.rows,
			Labels: w.totals.labels})
	}
	beside, err := d.review(ctx, m)
	if err != nil {
		d.unstage(m.Files)
		return nil, err
	}
	return m, d.publish(ctx, m, beside)
}

// buckets is how many parts a day is sorted in, each of which is in memory as a whole.
func (d *dayExport) buckets() int {
	const most = 4096
	size := int64(0)
	for _, i := range d.files {
		f := &d.table.Files[i]
		// A value takes nine bytes and a text more, which compression hides.
		size += max(f.Bytes*4, f.Rows*int64(len(d.plan.read))*9)
	}
	return int(min(size/d.opts.Memory+1, most))
}

// write settles bucket after bucket and writes its rows into the files of the splits.
func (d *dayExport) write(ctx context.Context, s *spill, shards int) (writers []*splitWriter, err error) {
	d.sealing = newSealing(d)
	defer func() { err = cmp.Or(err, d.sealing.end()) }()
	for split := range splits {
		if split == splitEval && d.opts.Splits.Eval == 0 || split == splitTest && d.opts.Splits.Test == 0 {
			continue
		}
		w := &splitWriter{day: d, split: split, shards: shards}
		for _, l := range d.opts.Rules.Labels {
			w.totals.labels = append(w.totals.labels, LabelTotals{Name: l.Name})
		}
		writers = append(writers, w)
		defer w.discard()
	}
	err = d.eachBucket(ctx, s, func(number int, b *settledBucket) error {
		for _, w := range writers {
			if err := w.write(b.vectors, b.rows[w.split]); err != nil {
				return err
			}
		}
		d.opts.Progress(0.5 + 0.5*float64(number+1)/float64(s.buckets))
		return nil
	})
	if err != nil {
		return writers, err
	}
	for _, w := range writers {
		if err := w.end(); err != nil {
			return writers, err
		}
	}
	return writers, nil
}

// unstage removes files that will not be published. What cannot be removed is removed
// by the next export.
func (d *dayExport) unstage(files []File) {
	for i := range files {
		_ = d.bucket.Remove(files[i].staging)
	}
}

// publish makes the version visible: its files and what is said of them, and at last _SUCCESS, without which no
// reader takes the version for whole.
func (d *dayExport) publish(ctx context.Context, m *Manifest, beside []Object) error {
	data, err := encode(m)
	if err != nil {
		return err
	}
	schema, err := encode(struct {
		Columns []ColumnFacts `json:"columns"`
	}{m.Columns})
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		d.unstage(m.Files)
		return err
	}
	staged, err := d.stageObjects(append(beside, Object{schemaName, schema}, Object{manifestName, data}))
	if err != nil {
		d.unstage(m.Files)
		return fmt.Errorf("publish %s: %w", d.day, err)
	}
	staged = append(staged, m.Files...)
	moves := make([]bucket.Move, len(staged))
	for i := range staged {
		moves[i] = bucket.Move{From: staged[i].staging, To: staged[i].Path}
	}
	if err := d.bucket.Publish(moves); err != nil {
		return err
	}
	if d.bucket.Direct() {
		d.unstage(staged)
	}
	if err := d.bucket.CreateIfAbsent(path.Join(metaPath(d.day, d.version), successName), nil); err != nil {
		return fmt.Errorf("publish %s: %w", d.day, err)
	}
	return d.writeCard()
}

// stageObjects stages what lies beside the version, so that all of it is published at once. What was staged
// before an error is removed.
func (d *dayExport) stageObjects(objects []Object) (staged []File, err error) {
	for i := range objects {
		o := &objects[i]
		f := File{Path: path.Join(metaPath(d.day, d.version), o.Name), staging: path.Join(stagingDir,
			fmt.Sprintf("%s-%s-%s", d.day, d.token, o.Name))}
		staged = append(staged, f)
		if err := d.stageObject(f.staging, o.Data); err != nil {
			d.unstage(staged)
			return nil, err
		}
	}
	return staged, nil
}

func (d *dayExport) stageObject(name string, data []byte) error {
	w, err := d.bucket.Stage(name)
	if err != nil {
		return err
	}
	defer w.Discard()
	if _, err := w.Write(bytes.Clone(data)); err != nil { // vfs.File may modify what it is given
		return err
	}
	return w.Finish()
}

// manifest is what is known of a version before it is made.
func (d *dayExport) manifest() *Manifest {
	o, last := d.opts, &d.table.Last
	m := &Manifest{
		Format: manifestFormat, Name: o.Name, Day: d.day, Version: d.version.Number, Partial: d.version.Partial,
		Created: o.Created.UTC().Format("2006-01-02T15:04:05Z"), Software: o.Version, FileFormat: o.Format, Config: o.Config,
		ConfigHash: o.ConfigHash,
		Counts:     d.counts, Files: []File{}, Splits: []SplitFacts{}, Unfit: []Unfit{}, Labels: []LabelFacts{},
		Method: Method{
			Settle: settleName(o.Settled), OrderSalt: "order:" +
				o.Seed, SplitBy: o.Splits.By, SplitOf: o.Splits.Column, SplitSalt: o.Splits.Salt,
			Eval: o.Splits.Eval, Test: o.Splits.Test, SampleSalt: "sample", Negatives: o.Sampling.Negatives, SampleBy: o.Sampling.Label,
			Models: o.Sampling.Models, ByLabel: o.Sampling.Labels,
		},
		Source: SourceFacts{
			Joiner: d.table.Name, Commit: last.Number, CommitHash: d.table.LastHash, ClosedThrough: last.Progress.ClosedThrough.String(),
			RulesHashes: []string{}, Inputs: []InputFacts{}, Gaps: []GapFacts{}, Files: []FileFacts{},
		},
	}
	for i := range o.Rules.Labels {
		m.Labels = append(m.Labels, LabelFacts{Name: o.Rules.Labels[i].Name, Window: o.Rules.Labels[i].Window.String()})
	}
	for _, c := range d.plan.columns {
		m.Columns = append(m.Columns, ColumnFacts{Name: c.Name, Type: c.Type.String(), Role: c.Role, Nullable: !c.Required})
	}
	for i, n := range d.unfit {
		if n > 0 {
			m.Unfit = append(m.Unfit, Unfit{Column: d.plan.read[i].Name, Values: n})
		}
	}
	if o.Shards == 0 {
		m.Method.ShardBytes = o.ShardBytes
	}
	if o.Format == FormatParquet {
		m.Method.GroupBytes = o.GroupBytes
	}
	d.source(&m.Source)
	return m
}

func (d *dayExport) source(s *SourceFacts) {
	p := &d.table.Last.Progress
	for i := range p.Inputs {
		s.Inputs = append(s.Inputs, InputFacts{Stream: p.Inputs[i].Input, Created: p.Inputs[i].Created.String(),
			Next: p.Inputs[i].Next})
	}
	for i := range d.gaps {
		if g := &d.gaps[i]; touchesDay(d.opts.Rules, g, d.start) {
			s.Gaps = append(s.Gaps, GapFacts{ID: g.ID, From: g.From.String(), To: g.To.String()})
		}
	}
	for _, i := range slices.Concat(d.files, d.others) {
		f := &d.table.Files[i]
		s.Files = append(s.Files, FileFacts{Path: f.Path, SHA256: f.SHA256})
		if !slices.Contains(s.RulesHashes, f.RulesHash) {
			s.RulesHashes = append(s.RulesHashes, f.RulesHash)
		}
	}
	slices.SortFunc(s.Files, func(x, y FileFacts) int { return cmp.Compare(x.Path, y.Path) })
	slices.Sort(s.RulesHashes)
}

func settleName(settled bool) string {
	if settled {
		return "corrections"
	}
	return "close"
}

// newEncoder begins a file of a split.
func (d *dayExport) newEncoder(to io.Writer, split, shard, shards int) (encoder, error) {
	if d.opts.Format == FormatTFRecord {
		return newExampleEncoder(to, d.plan.columns)
	}
	e := &parquetEncoder{
		to: to, columns: d.plan.columns, groupRows: d.groupRows, workers: d.opts.Workers, shared: d.shared,
		meta: map[string]string{
			"labeljoin.export": d.opts.Name, "labeljoin.day": d.day, "labeljoin.split": splitNames[split],
			"labeljoin.shard": fmt.Sprintf("%d of %d", shard, shards),
		},
	}
	if d.reviewer != nil {
		e.take = d.reviewer.Take
	}
	return e, nil
}
