package export

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"sync"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// Stage is a commit being written. Nothing of it is visible before Commit. It
// is used by one goroutine.
type Stage struct {
	out      *Output
	number   uint64 // of the commit; of an operation that is none, the newest one
	opNumber uint64 // not 0: it is the operation of that number, and no commit
	attempt  int

	table    *rowfile.Table             // the columns of all files
	builders map[int64]*rowfile.Builder // by day
	buffered int64                      // bytes in all of them
	files    []tablelog.File            // finished, and the one being finished
	// finishing is where the file will come from that is being finished; nil: none is. syncing is where it
	// will be said whether the file before it is durable; nil: it is.
	finishing chan finished
	syncing   chan error
	columns   int // of all files together

	sink        tablelog.Sink // nil: nothing counts the rows
	deadLetters *checked      // nil before the first
	lines       int64

	rows, unfit int64
	reused      int           // files that an attempt before has left, see Options.Keep
	uploads     []bucket.Move // of the commit, where the bucket is direct; nil before them
	failed      error
	// tried says that the manifest may exist, and done that the stage is over.
	tried, done bool
}

// errStageDone says that a stage was used after its end.
var errStageDone = errors.New("the stage was committed or aborted")

func (s *Stage) usable() error {
	if s.done {
		return errStageDone
	}
	return s.failed
}

// fail remembers the error: from it on, the stage can only be aborted.
func (s *Stage) fail(err error) error {
	if s.failed == nil && err != nil {
		s.failed = s.out.whether(err) // whose commit it is says which
		if s.opNumber > 0 {
			s.failed = fmt.Errorf("computing days again: %w", s.failed)
		}
	}
	return s.failed
}

// day is the UTC day of t, as days since the Unix epoch.
func day(t events.Time) int64 {
	const length = 24 * 60 * 60 * 1_000_000_000
	d := int64(t) / length
	if int64(t)%length < 0 {
		d--
	}
	return d
}

// Row adds a row. The request is only read during the call. After an error the
// stage can only be aborted.
func (s *Stage) Row(req *events.Request, row *joiner.Row) error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.fail(s.addRow(req, row))
}

// Rows adds rows, as Row does one after the other.
func (s *Stage) Rows(rows *gathered.Rows) error {
	if err := s.usable(); err != nil {
		return err
	}
	for from := 0; from < len(rows.List); {
		n, err := s.addRun(rows, from)
		if err != nil {
			return s.fail(err)
		}
		from += n
	}
	return nil
}

// addRun adds the rows from one on that are of its day, as far as its file has room, and says how many.
func (s *Stage) addRun(rows *gathered.Rows, from int) (n int, err error) {
	list := rows.List[from:]
	d := day(list[0].Request.TS)
	b, size := s.builder(d)
	for room := s.out.opts.FileRows - b.Rows(); n < len(list) && n < room && day(list[n].Request.TS) == d; {
		n++
	}
	unfit, err := b.AddAll(rows, from, from+n)
	if err != nil {
		return n, err
	}
	s.buffered += int64(b.Size()) - size
	s.foresee(b, size)
	if s.sink != nil {
		for i := range list[:n] {
			s.sink.Row(list[i].Request, list[i].Row)
		}
	}
	s.rows += int64(n)
	s.unfit += unfit
	return n, s.roll(d, b)
}

// foreseeAt is at which part of a file its first rows tell how much memory it will take.
const foreseeAt = 16

// foresee gives a file its memory once it has passed that part. Files of other days take a share of the bytes.
func (s *Stage) foresee(b *rowfile.Builder, before int64) {
	o := &s.out.opts
	if part := o.FileBytes / foreseeAt; !o.Behind || before >= part || int64(b.Size()) < part {
		return
	}
	b.Foresee(min(float64(o.FileBytes)/float64(s.buffered), float64(o.FileRows)/float64(b.Rows())))
}

func (s *Stage) addRow(req *events.Request, row *joiner.Row) error {
	d := day(req.TS)
	b, size := s.builder(d)
	unfit, err := b.Add(req, row)
	if err != nil {
		return err
	}
	s.buffered += int64(b.Size()) - size
	if s.sink != nil {
		s.sink.Row(req, row)
	}
	s.rows++
	s.unfit += unfit
	return s.roll(d, b)
}

// roll finishes files that are large enough.
func (s *Stage) roll(d int64, b *rowfile.Builder) error {
	if b.Rows() >= s.out.opts.FileRows {
		if err := s.finishFile(d); err != nil {
			return err
		}
	}
	for s.buffered > s.out.opts.FileBytes && len(s.builders) > 0 {
		if err := s.finishFile(s.largest()); err != nil {
			return err
		}
	}
	return nil
}

// builder is the day's file being built, and how much of it is accounted for.
func (s *Stage) builder(d int64) (b *rowfile.Builder, size int64) {
	b = s.builders[d]
	if b == nil {
		b = s.table.NewBuilder()
		s.builders[d] = b
		return b, 0
	}
	return b, int64(b.Size())
}

// largest is the day with the most bytes buffered; of equals the first.
func (s *Stage) largest() int64 {
	days := slices.Sorted(maps.Keys(s.builders))
	return slices.MaxFunc(days, func(x, y int64) int { return s.builders[x].Size() - s.builders[y].Size() })
}

// finishFile makes a staged file of the day's rows. With Options.Behind it goes on behind
// the rows that follow, one file at a time.
func (s *Stage) finishFile(d int64) error {
	b := s.builders[d]
	s.buffered -= int64(b.Size())
	if err := s.settle(); err != nil || b.Rows() == 0 {
		delete(s.builders, d)
		b.Release()
		return err
	}
	s.decide()
	delete(s.builders, d)
	b.Finish()
	s.out.features.add(b, s.out.opts.Log)
	n := len(s.files)
	s.files = append(s.files, tablelog.File{Staging: s.dataStaging(n)})
	s.finishing = make(chan finished, 1)
	go func(done chan<- finished) { // ended by settle
		b.CodeTexts()
		var counting sync.WaitGroup
		if s.sink != nil {
			counting.Go(func() { s.sink.File(b) })
		}
		f := s.finish(b, n)
		counting.Wait()
		b.Release() // before the next file wants the memory
		done <- f
	}(s.finishing)
	if s.out.opts.Behind {
		return nil
	}
	return s.settleAll()
}

// finished is a staged file, or why there is none.
type finished struct {
	file    tablelog.File
	columns []tablelog.Column
	reused  bool // an attempt before has left it
	err     error
	// durable says once whether the file, and its note, are durable; nil: they are.
	durable chan error
}

// settleAll waits until all files are finished and durable.
func (s *Stage) settleAll() error { return errors.Join(s.settle(), s.settleSync()) }

// settleSync waits until the file is durable that was finished last.
func (s *Stage) settleSync() (err error) {
	if s.syncing != nil {
		err, s.syncing = <-s.syncing, nil
	}
	return err
}

// settle waits for the file that is being finished, if there is one. It may become durable later; those before it
// are.
func (s *Stage) settle() error {
	if s.finishing == nil {
		return nil
	}
	f := <-s.finishing
	s.finishing = nil
	err := s.settleSync()
	s.syncing = f.durable
	if f.err != nil { // a file that does not become durable is removed, and then cannot be read back
		err = errors.Join(err, s.settleSync(), f.err)
	}
	if err != nil {
		return err
	}
	if s.columns += len(f.columns); s.columns <= tablelog.MaxColumns {
		f.file.Columns = f.columns
	}
	if f.reused {
		s.reused++
	}
	s.files[len(s.files)-1] = f.file
	return nil
}

// finish makes the staged file n of rows, or finds the one that an attempt before has made of them.
func (s *Stage) finish(b *rowfile.Builder, n int) (f finished) {
	f.file.Staging = s.files[n].Staging
	if s.out.opts.Keep == "" {
		f.err = s.writeFile(b, n, &f)
		return f
	}
	if sum, note, ok := s.findKept(b, f.file.Staging); ok {
		f.file.Bytes, f.file.SHA256, f.reused = note.Bytes, note.SHA256, true
		s.describe(&f, n, &sum)
		return f
	}
	if f.err = s.out.bucket.Remove(f.file.Staging + keptSuffix); f.err == nil {
		f.err = s.writeFile(b, n, &f)
	}
	return f
}

// writeFile encodes rows into the staged file n and reads it back. With Options.Behind it becomes durable meanwhile,
// and after: a disk takes its time, and the rows need not stay in memory for it.
func (s *Stage) writeFile(b *rowfile.Builder, n int, f *finished) error {
	raw, err := s.out.bucket.Stage(f.file.Staging)
	if err != nil {
		return err
	}
	w := newChecked(raw)
	sum, err := b.Encode(w, s.metadata(n))
	if err == nil {
		err = w.buf.Flush()
	}
	if err != nil {
		raw.Discard()
		return fmt.Errorf("write %s: %w", f.file.Staging, err)
	}
	f.file.Bytes, f.file.SHA256 = w.bytes, w.sha256()
	s.describe(f, n, &sum)
	readBack := func() error {
		return readBack(s.out.bucket, f.file.Staging, w.checkQuick,
			func(r bucket.Reader) error { return b.Reread(r, r.Size(), &sum) })
	}
	if !s.out.opts.Behind {
		if err := raw.Finish(); err != nil {
			return fmt.Errorf("write %s: %w", f.file.Staging, err)
		}
		if err := readBack(); err != nil {
			return err
		}
		return s.writeNote(&f.file)
	}
	whole, durable, file := make(chan bool, 1), make(chan error, 1), f.file
	f.durable = durable
	go func() { // ended by settleSync
		err := raw.Finish()
		if <-whole && err == nil {
			err = s.writeNote(&file)
		}
		durable <- err
	}()
	err = readBack()
	whole <- err == nil
	return err
}

// describe says what the rows of file n are.
func (s *Stage) describe(f *finished, n int, sum *rowfile.Summary) {
	f.file.Path = s.finalPath(tablelog.DataPath(tablelog.DayName(sum.MinTS), s.name(), n))
	f.file.Rows, f.file.RowsHash = sum.Rows, sum.Hash
	f.file.MinRequestTS, f.file.MaxRequestTS = sum.MinTS, sum.MaxTS
	f.file.MaxRevision, f.file.Early = sum.MaxRevision, sum.Early
	f.columns = make([]tablelog.Column, len(sum.Columns))
	for i, c := range sum.Columns {
		f.columns[i] = tablelog.Column{Name: c.Name, Type: c.Type.String()}
	}
}

// readBack compares a staged file with what was meant: first its bytes, so that
// the Parquet library never sees foreign ones, then its rows.
func readBack(b bucket.Bucket, staging string, bytes, rows func(bucket.Reader) error) error {
	r, err := b.Open(staging)
	if err != nil {
		return err
	}
	defer r.Close()
	for _, check := range [...]func(bucket.Reader) error{bytes, rows} {
		if err := check(r); err != nil {
			return &CorruptFileError{Path: staging, Err: err}
		}
	}
	return nil
}

// readBackBy is readBack by the hashes of the bytes and of the rows.
func readBackBy(b bucket.Bucket, f *tablelog.File, sum *rowfile.Summary) error {
	return readBack(b, f.Staging, func(r bucket.Reader) error { return checkReader(r, f.Bytes, f.SHA256) },
		func(r bucket.Reader) error { return rowfile.Verify(r, r.Size(), sum) })
}

// metadata is the key-value metadata of file n.
func (s *Stage) metadata(n int) map[string]string {
	meta := map[string]string{
		"labeljoin.name":       s.out.opts.Name,
		"labeljoin.partition":  strconv.Itoa(s.out.opts.Partition),
		"labeljoin.partitions": strconv.Itoa(s.out.opts.Partitions),
		"labeljoin.commit":     strconv.FormatUint(s.number, 10),
		"labeljoin.file":       strconv.Itoa(n),
	}
	if s.out.opts.RulesHash != "" {
		meta["labeljoin.rules_hash"] = s.out.opts.RulesHash
	}
	return meta
}

// finalPath is where a file of this attempt will be.
func (s *Stage) finalPath(name string) string {
	if !s.out.bucket.Direct() {
		return name
	}
	return tablelog.WithToken(name, s.token())
}

// token is another one for each attempt.
func (s *Stage) token() string { return fmt.Sprintf("%s.%d", s.out.session, s.attempt) }

// stagingPath is where a file of this attempt is staged.
func (s *Stage) stagingPath(suffix string) string {
	return path.Join(tablelog.StagingDir, fmt.Sprintf("%s-%s-%d-%s", s.name(), s.out.session, s.attempt, suffix))
}

// Redo reports, once all rows were added, whether a column was decided by another value
// than the first in the order of time, because a file was full before that one came. Who
// has the rows again may abort the stage then: the next one decides as if it had seen all.
func (s *Stage) Redo() bool {
	s.decide()
	d := s.table.Mistaken()
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	s.out.decided = d
	return d != nil
}

// DeadLetter adds to the commit's dead letter file. After an error the stage
// can only be aborted.
func (s *Stage) DeadLetter(d *events.DeadLetter) error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.fail(s.addDeadLetter(d))
}

func (s *Stage) addDeadLetter(d *events.DeadLetter) error {
	line, err := EncodeDeadLetter(d)
	if err != nil {
		return err
	}
	if s.deadLetters == nil {
		raw, err := s.out.bucket.Stage(s.stagingPath("deadletter" + tablelog.DeadLetterSuffix))
		if err != nil {
			return err
		}
		s.deadLetters = newChecked(raw)
	}
	s.lines++
	_, err = s.deadLetters.Write(line)
	return err
}

// decide decides the columns that the rows so far have brought. Rows of all days are
// looked at, whichever file is finished.
func (s *Stage) decide() {
	s.unfit += s.table.Settle(slices.Collect(maps.Values(s.builders))...)
}

// Tallies reports the rows added and the feature values that did not fit. All rows must
// have been added.
func (s *Stage) Tallies() (rows, unfit int64) {
	s.decide()
	return s.rows, s.unfit
}

// Abort removes what was staged, unless a manifest may name it. It is a no-op
// after Commit.
func (s *Stage) Abort() {
	if s.done {
		return
	}
	s.done = true
	_ = s.settleAll() // what they are of is removed below
	if s.deadLetters != nil {
		s.deadLetters.w.Discard()
	}
	switch {
	case !s.tried:
		s.removeStaged()
	default:
		s.removeUploaded()
	}
	s.out.release(s)
}

// removeStaged removes this attempt's staged files. What cannot be removed is
// swept when the output is opened next.
func (s *Stage) removeStaged() {
	for i := range s.files {
		_ = s.out.bucket.Remove(s.files[i].Staging)
	}
	s.removeNotes()
	s.removeUploaded()
	if s.deadLetters != nil {
		_ = s.out.bucket.Remove(s.stagingPath("deadletter" + tablelog.DeadLetterSuffix))
	}
}
