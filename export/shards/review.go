package shards

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/colfile"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
)

// refusedDir has what is said of days that were refused.
const refusedDir = "_refused"

// Reviewer looks at one version of a day.
type Reviewer interface {
	// Take is shown the next rows of a column of Draft.Columns, as a Parquet file gets them. They are only read
	// during the call; a book stays as it is until Look. Different columns come from different goroutines at the
	// same time.
	Take(column int, values *colfile.Column)
	// Look looks at the version once its files are written, which the draft lists now.
	Look(context.Context, *Draft) (*Reviewed, error)
}

// Draft is a version of a day that is not published yet.
type Draft struct {
	Day     string
	Start   events.Time
	Version Version
	Table   *export.Table
	Rules   *joiner.Rules
	Format  Format
	Columns []Column // of the files
	Files   []File   // none before they are written
	// LeftOut are columns of the table that the way of exporting leaves out.
	LeftOut []string

	day *dayExport
}

// Reviewed is what is said of a draft.
type Reviewed struct {
	// Objects are written beside the version's manifest.
	Objects []Object
	// Anomalies counts what is not as it should be; it is in the manifest.
	Anomalies int
	// Refused, if it is not nil, is the error with which the day is not exported.
	Refused error
}

// Object is a small file that lies beside a manifest.
type Object struct {
	Name string
	Data []byte
}

// BesideFacts are an object as the manifest names it.
type BesideFacts struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// InTable reports whether any file of the table has a column.
func (d *Draft) InTable(column string) bool {
	return hasColumn(d.Table.Files, column)
}

// hasColumn reports whether any file has a column, whose name is compared without case.
func hasColumn(files []export.TableFile, column string) bool {
	return slices.ContainsFunc(files, func(f export.TableFile) bool {
		return slices.ContainsFunc(f.Columns, func(c rowfile.Column) bool { return events.SameColumn(c.Name, column) })
	})
}

// Open opens a file of the draft.
func (d *Draft) Open(f *File) (bucket.Reader, error) { return d.day.bucket.Open(f.staging) }

// Beside reads an object that lies beside the newest whole version of a day like 2026-11-22.
// fs.ErrNotExist says that there is none.
func (d *Draft) Beside(day, name string) ([]byte, error) { return beside(d.day.bucket, day, name) }

// Beside is Draft.Beside for an export that is only looked at.
func Beside(o *Options, day, name string) ([]byte, error) {
	if _, err := events.ParseDay(day); err != nil {
		return nil, err
	}
	b := o.place()
	if err := b.Present(); err != nil {
		return nil, err
	}
	return beside(b, day, name)
}

func beside(b bucket.Bucket, day, name string) ([]byte, error) {
	found, err := versions(b, day)
	if err != nil {
		return nil, err
	}
	for i := len(found) - 1; i >= 0; i-- {
		if !found[i].Partial {
			return readObject(b, path.Join(metaPath(day, found[i]), name))
		}
	}
	return nil, fmt.Errorf("%s of %s: %w", name, day, fs.ErrNotExist)
}

// RefusedDir is the folder of the objects, if the day is refused.
func (d *Draft) RefusedDir() string {
	return strings.TrimSuffix(d.day.root, "/") + "/" + path.Join(refusedDir, dayPrefix+d.Day)
}

func readObject(b bucket.Bucket, name string) ([]byte, error) {
	r, err := b.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Size() > maxManifest {
		return nil, fmt.Errorf("%s has %d bytes, more than is read", name, r.Size())
	}
	data := make([]byte, r.Size())
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, r.Size()), data); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// beginReview lets the files be looked at while they are written, where that is wished.
func (d *dayExport) beginReview() (err error) {
	if d.opts.Review == nil {
		return nil
	}
	if d.reviewer, err = d.opts.Review(d.draft(nil)); err != nil {
		return fmt.Errorf("look at %s: %w", d.day, err)
	}
	return nil
}

func (d *dayExport) draft(files []File) *Draft {
	return &Draft{
		Day: d.day, Start: d.start, Version: d.version, Table: d.table, Rules: d.opts.Rules, Format: d.opts.Format,
		Columns: d.plan.columns, Files: files, LeftOut: d.leftOut(), day: d,
	}
}

// review has a version looked at before it is published, where that is wished. It adds to the
// manifest what was found. A day that is refused leaves what is said of it, and no version.
func (d *dayExport) review(ctx context.Context, m *Manifest) ([]Object, error) {
	if d.reviewer == nil {
		return nil, nil
	}
	said, err := d.reviewer.Look(ctx, d.draft(m.Files))
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", d.day, err)
	}
	if err := d.forgetRefused(); err != nil {
		return nil, err
	}
	if said.Refused != nil {
		for _, o := range said.Objects {
			if err := d.bucket.CreateIfAbsent(path.Join(refusedDir, dayPrefix+d.day, o.Name), o.Data); err != nil {
				return nil, errors.Join(said.Refused, fmt.Errorf("write %s: %w", o.Name, err))
			}
		}
		return nil, said.Refused
	}
	m.Anomalies = said.Anomalies
	for _, o := range said.Objects {
		m.Beside = append(m.Beside, BesideFacts{Name: o.Name, Bytes: int64(len(o.Data)), SHA256: hashOf(o.Data)})
	}
	return said.Objects, nil
}

// forgetRefused removes what was said of the day when it was refused before.
func (d *dayExport) forgetRefused() error {
	dir := path.Join(refusedDir, dayPrefix+d.day)
	names, err := d.bucket.List(dir)
	if err != nil || len(names) == 0 {
		return err
	}
	return d.bucket.RemoveAll(dir)
}

// leftOut are the columns of the table that are not exported.
func (d *dayExport) leftOut() []string {
	written := map[string]bool{}
	for _, c := range d.plan.columns {
		written[c.Name] = true
	}
	var out []string
	add := func(names ...string) {
		for _, name := range names {
			if !written[name] {
				out = append(out, name)
			}
		}
	}
	add("weight", "revision", "reason")
	for i := range d.opts.Rules.Labels {
		add(d.opts.Rules.Labels[i].OwnColumns()...)
	}
	add(d.opts.Exclude...)
	return out
}
