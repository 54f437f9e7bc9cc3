package replay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/archive"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/batch"
)

// RejectedFile is the file of an archive that has what is no event, a dead letter a line.
const RejectedFile = "rejected.jsonl"

// Archive writes the events of the files as Parquet into Out, as `labeljoin sql` reads
// them. It reads what Run reads, wants the same evidence, and joins nothing.
func (r *Replay) Archive(ctx context.Context) (err error) {
	r.Complete = true // an archive without outcomes has to be meant
	rules, err := wire.Rules(r.Config)
	if err != nil {
		return err
	}
	if err := r.bind(); err != nil {
		return err
	}
	for _, own := range r.Dumped {
		if len(own.Gaps) > 0 && !r.Trusted {
			return &EvidenceError{"the dump lacks outcomes of some times (dump.json says which), and an archive cannot say so: a query " +
				"would take them for negatives. Use `labeljoin replay --dump`, or --trust-logs to go on all the same"}
		}
	}
	options, err := r.archiveOptions(&rules)
	if err != nil {
		return err
	}
	w, err := archive.New(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	release, err := r.takeScratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	seen, err := r.begin(ctx)
	if err == nil {
		err = r.look(ctx, seen)
	}
	if err != nil {
		return r.stopped(ctx, err)
	}
	o, err := r.batchOptions(&rules, seen)
	if err != nil {
		return err
	}
	var ledger joiner.Ledger
	rejected := &rejectedFile{path: filepath.Join(r.Out, RejectedFile)}
	defer func() { err = errors.Join(err, rejected.close(err != nil)) }()
	stop := r.watch()
	for _, k := range []events.Kind{events.KindOutcome, events.KindRequest} {
		o.Advanced(batch.Stage{Kind: k, Passes: 1})
		if err = r.archiveLog(ctx, w, &o, k, &ledger, rejected); err != nil {
			break
		}
	}
	stop()
	if err = r.stopped(ctx, err); err == nil {
		err = seen.read(&ledger)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return err
	}
	return r.tellArchive(&ledger, w.Mixed())
}

// archiveOptions give features the columns that they have in an output.
func (r *Replay) archiveOptions(rules *joiner.Rules) (archive.Options, error) {
	def := wire.Definition(r.Config, *rules)
	keep, err := def.Features()
	if err != nil {
		return archive.Options{}, err
	}
	o := archive.Options{
		Keep: keep,
		Dir:  r.Out, Mode: partition.FeaturesMode(r.Config), Rename: r.Config.Output.Rename, PerRequest: rules.PerRequest,
		FileRows: int(r.Config.Output.Roll.Rows), FileBytes: int(r.Config.Output.Roll.Size),
	}
	for i := range rules.Labels {
		o.Labels = append(append(o.Labels, rules.Labels[i].Name), rules.Labels[i].OwnColumns()...)
	}
	for name, kind := range r.Config.Features.Declare {
		o.Features = append(o.Features, rowfile.Feature{Name: name, Type: string(kind)})
	}
	return o, nil
}

// archiveLog writes the events of one kind.
func (r *Replay) archiveLog(ctx context.Context, w *archive.Writer, o *batch.Options, k events.Kind, l *joiner.Ledger,
	rejected *rejectedFile) (err error) {
	source, err := o.Open[k](ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	refuse := func(d *events.DeadLetter) error {
		l.Kinds[k].Read++
		l.Kinds[k].Disposed[joiner.DispositionRejected]++
		o.Refused(d)
		if r.Strict {
			return &EvidenceError{fmt.Sprintf("%s line %d: %s: %s (--strict)", d.Input, d.Origin.Seq, d.Reason, d.Detail)}
		}
		return rejected.add(d)
	}
	for {
		b, err := source.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range b.Messages {
			if b.Records != nil {
				b.Messages[i].Data = b.Records.JSON(i)
			}
			for _, m := range r.unmapped(&b.Messages[i], k, refuse, &err) {
				n, failed := w.Message(&m, &o.Decoders[k], refuse)
				l.Kinds[k].Read += int64(n)
				err = errors.Join(err, failed)
			}
			if err != nil {
				return err
			}
		}
	}
}

// unmapped are the events of a kind that a mapping makes of a message, each as a message of
// its own; a message in labeljoin's own format is itself. What is refused of the records
// goes to refuse, whose error is in failed.
func (r *Replay) unmapped(m *events.Message, k events.Kind, refuse func(*events.DeadLetter) error,
	failed *error) (list []events.Message) {
	if int(m.Feed) >= len(r.codecs) || r.codecs[m.Feed] == nil {
		return []events.Message{*m}
	}
	r.codecs[m.Feed].Decode(m, func(index uint32, d events.Decoded) bool {
		switch {
		case d.Kind != k:
		case d.Reject != nil:
			*failed = refuse(&events.DeadLetter{
				Origin: events.Origin{Input: m.Input, Seq: m.Seq, Index: index}, Kind: k, Reason: d.Reject.Reason,
				Detail: d.Reject.Detail, Stored: m.Stored, Data: d.Record,
			})
		default:
			one := *m
			one.Data = d.Data
			list = append(list, one)
		}
		return *failed == nil
	})
	return list
}

// tellArchive says what was archived.
func (r *Replay) tellArchive(l *joiner.Ledger, mixed []string) error {
	for k := range l.Kinds {
		t := &l.Kinds[k]
		fmt.Fprintf(r.Talk, "%ss: %d read, %d rejected\n", events.Kind(k), t.Read, t.Disposed[joiner.DispositionRejected])
		for _, err := range r.logs[k].damaged {
			fmt.Fprintf(r.Talk, "damaged: %s\n", err)
		}
	}
	if len(mixed) > 0 {
		fmt.Fprintf(r.Talk, "\nundeclared features have values of several types, in the columns %s: a query over this archive stops. "+
			"Declare their types (features.declare) and archive again\n", strings.Join(mixed, ", "))
	}
	_, err := fmt.Fprintf(r.Talk, "\nthe archive is %s; next: labeljoin sql --dialect duckdb --archive %s\n", r.Out, r.Out)
	return err
}

// rejectedFile keeps what is no event. It is made with the first of them.
type rejectedFile struct {
	path string
	file *os.File
	w    *bufio.Writer
}

func (f *rejectedFile) add(d *events.DeadLetter) (err error) {
	if f.file == nil {
		if f.file, err = os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
			return err
		}
		f.w = bufio.NewWriter(f.file)
	}
	line, err := export.EncodeDeadLetter(d)
	if err == nil {
		_, err = f.w.Write(line)
	}
	return err
}

// close completes the file, or removes it.
func (f *rejectedFile) close(remove bool) error {
	if f.file == nil {
		return nil
	}
	err := errors.Join(f.w.Flush(), f.file.Close())
	f.file = nil
	if remove {
		err = os.Remove(f.path)
	}
	return err
}
