package review

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// Rows are some rows in open files, of which only the last state of each row counts.
type Rows struct {
	*stats.Files
	Title  string
	Weight string // the column with the weights of rows; empty: none
}

// weightColumn is where labeljoin writes the weights of sampled rows.
const weightColumn = "weight"

// NoOutputError says that there is no output at a place.
type NoOutputError struct{ Dir string }

func (e *NoOutputError) Error() string {
	return fmt.Sprintf("there is no output at %s: give --config or --from", e.Dir)
}

// Misuse reports that the command line has to be changed.
func (e *NoOutputError) Misuse() bool { return true }

// NoRowsError says that an output has no rows of a day. First and Last are the days that it has
// rows of, and are empty where there are none.
type NoRowsError struct{ Day, Dir, First, Last string }

func (e *NoRowsError) Error() string {
	if e.First == "" {
		return fmt.Sprintf("there are no rows of %s in %s, nor of any other day", e.Day, e.Dir)
	}
	return fmt.Sprintf("there are no rows of %s in %s: it has days from %s to %s; `labeljoin days` lists them", e.Day,
		e.Dir, e.First, e.Last)
}

// Misuse reports that the command line has to be changed.
func (e *NoRowsError) Misuse() bool { return true }

// DayError says that a text is no day.
type DayError struct{ Text string }

func (e *DayError) Error() string {
	return fmt.Sprintf("%q is no day: write it like 2026-11-23", e.Text)
}

// Misuse reports that the command line has to be changed.
func (e *DayError) Misuse() bool { return true }

// Output is an output whose days are looked at.
type Output struct {
	Dir     string
	archive *export.Archive
}

// Open opens an output for reading. It takes no lock. Where there is no such place the error is a
// *NoOutputError.
func Open(place bucket.Bucket) (*Output, error) {
	archive, err := export.OpenArchive(place, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NoOutputError{Dir: place.String()}
	}
	return Of(place.String(), archive), err
}

// Of is the output that an archive reads. The directory is for errors.
func Of(dir string, archive *export.Archive) *Output { return &Output{Dir: dir, archive: archive} }

// state is the table as its newest operation left it; nil where nothing was committed.
func (o *Output) state() (*tablelog.State, error) {
	s, err := o.archive.Log().State()
	if err != nil || s.Number == 0 {
		return nil, err
	}
	return s, nil
}

// LabelColumns are the columns of labels that the table has or had: their values, their times, and what they keep of
// outcomes. There are none where there are no manifests.
func (o *Output) LabelColumns() ([]string, error) {
	s, err := o.state()
	if err != nil || s == nil {
		return nil, err
	}
	var names []string
	for _, c := range s.Schema() {
		if c.Kind == tablelog.SchemaLabel {
			names = append(names, c.Name)
		}
	}
	return names, nil
}

// folder is where the rows of a day are in an output without manifests: Parquet files that were
// copied there.
func (o *Output) folder(day string) string {
	return filepath.Join(o.Dir, "data", tablelog.DayPrefix+day)
}

// Has reports whether there are rows of a day.
func (o *Output) Has(day string) (bool, error) {
	s, err := o.state()
	if err != nil {
		return false, err
	}
	if s == nil {
		_, err := vfs.Default.Stat(o.folder(day))
		return err == nil, nil
	}
	files, err := s.Files(day)
	return len(files) > 0, err
}

// through is the first hour that is not written whole; health.MaxHour where there are no manifests, or
// the log has ended.
func (o *Output) through() (health.Hour, error) {
	s, err := o.state()
	if err != nil || s == nil || s.Last == nil {
		return health.MaxHour, err
	}
	switch closed := s.Last.Progress.ClosedThrough; closed {
	case events.MinTime, events.MaxTime:
		return health.MaxHour, nil
	default:
		return health.Hour(closed.Std().Unix() / 3600), nil
	}
}

// openings is how often the live files of a day are looked up: files that were merged into others
// stay readable until the next merging, so that once more is enough.
const openings = 2

// Day opens the rows of a day. weight names the column with the weights of rows; empty: the one
// that labeljoin writes, if it does. The error is a *NoRowsError where the day has none, an
// *export.EmptyError where nothing was ever written, and an *export.MissingFileError where a file
// is not what was committed.
func (o *Output) Day(ctx context.Context, day, weight string) (*Rows, error) {
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return nil, &DayError{day}
	}
	for n := 1; ; n++ {
		files, err := o.open(day)
		if errors.Is(err, fs.ErrNotExist) && n < openings {
			continue
		}
		if err != nil {
			return nil, err
		}
		return settled(ctx, files, day, weight)
	}
}

// noRows is the error of a day without rows. s is nil where nothing was committed.
func (o *Output) noRows(day string, s *tablelog.State) error {
	days, err := o.days(s)
	if err != nil {
		return err
	}
	none := &NoRowsError{Day: day, Dir: o.Dir}
	if len(days) > 0 {
		none.First, none.Last = days[0], days[len(days)-1]
	}
	return none
}

// days are the days of which there are rows, in order. s is nil where nothing was committed: then they
// are the folders that were copied there, and the error is an *export.EmptyError where nothing was.
func (o *Output) days(s *tablelog.State) (names []string, err error) {
	if s != nil {
		days, err := s.Days()
		for _, d := range days {
			names = append(names, d.Name)
		}
		return names, err
	}
	folders, err := vfs.Default.List(filepath.Dir(o.folder("")))
	if err != nil {
		return nil, o.archive.Begun()
	}
	for _, folder := range folders {
		if day, ok := strings.CutPrefix(folder, tablelog.DayPrefix); ok {
			names = append(names, day)
		}
	}
	slices.Sort(names)
	return names, nil
}

// open opens the files of a day.
func (o *Output) open(day string) (*stats.Files, error) {
	s, err := o.state()
	if err != nil {
		return nil, err
	}
	if s == nil {
		if _, err := vfs.Default.Stat(o.folder(day)); err != nil {
			return nil, o.noRows(day, nil)
		}
		return stats.OpenFiles(o.folder(day))
	}
	live, err := s.Files(day)
	if err != nil {
		return nil, err
	}
	if len(live) == 0 {
		return nil, o.noRows(day, s)
	}
	files := &stats.Files{}
	for i := range live {
		r, err := o.archive.ReadFile(&export.TableFile{File: live[i]})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read %s: %w", live[i].Path, err), files.Close())
		}
		files.Add(live[i].Path, r, r.Size())
	}
	return files, nil
}

// Paths opens Parquet files, and those below directories.
func Paths(ctx context.Context, title, weight string, paths ...string) (*Rows, error) {
	files, err := stats.OpenFiles(paths...)
	if err != nil {
		return nil, err
	}
	return settled(ctx, files, title, weight)
}

// settled leaves out all but the last state of each row.
func settled(ctx context.Context, files *stats.Files, title, weight string) (*Rows, error) {
	ours, err := stats.Settle(ctx, files.Sources)
	if err != nil {
		return nil, errors.Join(err, files.Close())
	}
	if weight == "" && ours && stats.HasColumn(files.Sources, weightColumn) {
		weight = weightColumn
	}
	return &Rows{files, title, weight}, nil
}

// Statistics computes the statistics of rows, and closes them.
func Statistics(ctx context.Context, rows *Rows, o stats.Options) (_ *tfmd.DatasetFeatureStatisticsList, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	o.Weight = rows.Weight
	r, err := stats.Of(ctx, rows.Sources, o)
	if err != nil {
		return nil, err
	}
	return r.Statistics, nil
}
