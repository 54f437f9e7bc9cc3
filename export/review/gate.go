package review

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/labeljoin/labeljoin/export/colfile"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/page"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/shards"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// The names of what lies beside an exported day.
const (
	StatsName     = "stats.pb"     // for tfdv.load_stats_binary
	HealthName    = "health.json"  // the counts of labels, per slice and hour
	ReportName    = "report.html"  // the page
	AnomaliesName = "anomalies.pb" // TFDV's message of anomalies; only where there are any
)

// Gate looks at a day that is exported: it makes what lies beside it, and refuses one that is not
// as it should be.
type Gate struct {
	Output *Output
	// SchemaFile is read for every day, so that a schema that was mended counts at once; empty:
	// there is none.
	SchemaFile string
	// Against compares with the statistics that lie beside the exported day before.
	Against bool
	// Health counts alarms of the labels as anomalies.
	Health bool
	Slices []string // columns whose values are counted too
	// Allow exports a day all the same; its manifest says how many anomalies it has.
	Allow   bool
	Version string // of the program
}

// AnomaliesError says that a day was not exported, because it is not as it should be.
type AnomaliesError struct {
	Day   string
	Count int
	Found []string // the first of them, in words
	Page  string   // the file with the report
}

func (e *AnomaliesError) Error() string {
	return fmt.Sprintf("day %s is not exported: %s, which %s shows: %s; mend the rows or the schema, or export it "+
		"all the same with `labeljoin export --date %s --allow-anomalies`", e.Day, schema.CountText(e.Count), e.Page,
		strings.Join(e.Found, "; "), e.Day)
}

// Anomalies reports that rows are not as they should be.
func (e *AnomaliesError) Anomalies() bool { return true }

// SchemaFileError says that a schema's file cannot be used.
type SchemaFileError struct {
	File string
	Err  error
}

func (e *SchemaFileError) Error() string {
	if errors.Is(e.Err, fs.ErrNotExist) {
		return fmt.Sprintf("there is no schema at %s: labeljoin schema infer makes one", e.File)
	}
	return fmt.Sprintf("schema %s: %v", e.File, e.Err)
}

func (e *SchemaFileError) Unwrap() error { return e.Err }

// Misuse reports that the command line or the configuration has to be changed.
func (e *SchemaFileError) Misuse() bool { return true }

// ReadSchema reads a schema's file. The error is a *SchemaFileError.
func ReadSchema(file string) (*tfmd.Schema, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &SchemaFileError{file, err}
	}
	s, err := schema.Parse(text)
	if err != nil {
		return nil, &SchemaFileError{file, err}
	}
	return s, nil
}

// Begin is for shards.Options.Review.
func (g *Gate) Begin(d *shards.Draft) (shards.Reviewer, error) {
	l := &look{Gate: g, draft: d, content: &page.Content{Title: d.Day, Version: g.Version}}
	var err error
	if l.yesterday, err = Before(d.Day, Yesterday); err != nil {
		return nil, err
	}
	return l, l.prepare()
}

// Take implements shards.Reviewer.
func (l *look) Take(column int, values *colfile.Column) { l.counter.Take(column, values) }

// Look implements shards.Reviewer.
func (l *look) Look(ctx context.Context, d *shards.Draft) (*shards.Reviewed, error) {
	l.draft = d
	for _, step := range []func(context.Context) error{l.columns, l.labels} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return l.reviewed()
}

// look is one look at one day.
type look struct {
	*Gate
	draft     *shards.Draft
	yesterday string
	content   *page.Content
	schema    *tfmd.Schema                       // nil: there is none
	before    *tfmd.DatasetFeatureStatisticsList // of the day before; nil: there are none
	options   stats.Options
	counter   *stats.Counter
	found     []string // what counts as anomalies, in words
	objects   []shards.Object
}

// kept is what lies beside the exported days.
func (l *look) kept() Kept { return Kept{l.draft.Beside} }

// prepare reads what the files will be compared with.
func (l *look) prepare() (err error) {
	if l.SchemaFile != "" {
		whole, err := ReadSchema(l.SchemaFile)
		if err != nil {
			return err
		}
		l.schema = without(whole, l.draft.LeftOut)
	}
	if l.before, err = l.kept().Statistics(l.yesterday); err != nil {
		return err
	}
	l.options = stats.Options{Categorical: schema.Categorical(l.schema), PinNext: true}
	if l.before != nil {
		l.options.Pins = stats.PinsOf(l.before.Datasets[0])
	}
	columns := make([]rowfile.Column, len(l.draft.Columns))
	for i, c := range l.draft.Columns {
		columns[i] = c.Column
		if c.Role == shards.RoleWeight {
			if c.Name != weightColumn {
				continue // a label's own weight says how the export samples; the table has no such column
			}
			l.options.Weight = weightColumn
		}
		l.options.Columns = append(l.options.Columns, c.Name)
	}
	l.counter = stats.NewCounter(columns, l.options)
	return nil
}

// columns looks at the files that are exported.
func (l *look) columns(ctx context.Context) error {
	s, before := l.schema, l.before
	now, err := l.statistics(ctx)
	if err != nil {
		return err
	}
	c := l.content
	c.Now = now.Datasets[0]
	previous := before
	if l.SchemaFile != "" && !l.Against {
		previous = nil // the schema alone decides
	}
	if before != nil {
		c.Against, c.Before = l.yesterday, before.Datasets[0]
		c.Drifts = schema.Drifts(c.Before, c.Now)
	}
	if c.Anomalies, err = anomalies(now, previous, s); err != nil {
		return err
	}
	if l.SchemaFile != "" || l.Against {
		l.found = append(l.found, schema.Texts(c.Anomalies)...)
	}
	data, err := stats.Encode(now, StatsName)
	l.add(StatsName, data)
	return err
}

// without is a schema without the columns that the way of exporting leaves out.
func without(s *tfmd.Schema, leftOut []string) *tfmd.Schema {
	s = proto.CloneOf(s)
	s.Feature = slices.DeleteFunc(s.Feature,
		func(f *tfmd.Feature) bool { return slices.Contains(leftOut, f.GetName()) })
	return s
}

// statistics are those of the files that are exported; of TFRecord, of the same columns of the
// table's rows.
func (l *look) statistics(ctx context.Context) (_ *tfmd.DatasetFeatureStatisticsList, err error) {
	if l.draft.Format != shards.FormatParquet {
		weight := l.options.Weight
		if !l.draft.InTable(weight) {
			weight = "" // it is of the export's sample, and the rows of the table are all
		}
		rows, err := l.Output.Day(ctx, l.draft.Day, weight)
		if err != nil {
			return nil, err
		}
		return Statistics(ctx, rows, l.options)
	}
	files := &stats.Files{}
	defer func() { err = errors.Join(err, files.Close()) }()
	for i := range l.draft.Files {
		f := &l.draft.Files[i]
		r, err := l.draft.Open(f)
		if err != nil {
			return nil, err
		}
		files.Add(f.Path, r, r.Size())
	}
	result, err := l.counter.Of(ctx, files.Sources)
	if err != nil {
		return nil, err
	}
	return result.Statistics, nil
}

// labels looks at the labels of the table's rows, which say when outcomes came.
func (l *look) labels(ctx context.Context) error {
	d := &Day{Output: l.Output, Date: l.draft.Day, Slices: l.Slices, Windows: l.window}
	h := Health{Output: l.Output, Date: d.Date, History: HistoryDays, Least: LeastRows,
		Options: health.Options{Slices: l.Slices}, Counted: l.kept().Counts}
	for i := range l.draft.Rules.Labels {
		h.Options.Labels = append(h.Options.Labels, l.draft.Rules.Labels[i].Name)
	}
	for _, f := range l.content.Now.GetFeatures() {
		if stats.NameOf(f) == "score" {
			h.Options.Scores = f
		}
	}
	report, table, err := h.Report(ctx)
	if lacks := (*health.NoLabelsError)(nil); errors.As(err, &lacks) {
		return nil // rows from before a label, or a slice, was configured
	}
	if err != nil {
		return err
	}
	c := l.content
	c.Health = report
	if l.Health {
		for i := range report.Alarms {
			l.found = append(l.found, report.Alarms[i].Text())
		}
	}
	if before, by, err := l.kept().Counts(l.yesterday); err == nil && slices.Equal(before.Labels, table.Labels) &&
		slices.Equal(by, l.Slices) {
		c.Yesterday = health.NewReport(l.yesterday, before, nil, LeastRows)
	}
	if c.Windows, err = d.windows(ctx, table); err != nil {
		return err
	}
	data, err := health.Encode(table, l.Slices)
	l.add(HealthName, data)
	return err
}

// window is the window of a label.
func (l *look) window(label string) time.Duration {
	for i := range l.draft.Rules.Labels {
		if r := &l.draft.Rules.Labels[i]; r.Name == label {
			return r.Window
		}
	}
	return 0
}

func (l *look) add(name string, data []byte) {
	l.objects = append(l.objects, shards.Object{Name: name, Data: data})
}

// mostFound is how many anomalies an error tells.
const mostFound = 5

// reviewed says what was found.
func (l *look) reviewed() (*shards.Reviewed, error) {
	var html bytes.Buffer
	if err := page.Write(&html, l.content); err != nil {
		return nil, err
	}
	l.add(ReportName, html.Bytes())
	if schema.Count(l.content.Anomalies) > 0 {
		data, err := schema.EncodeAnomalies(l.content.Anomalies)
		if err != nil {
			return nil, err
		}
		l.add(AnomaliesName, data)
	}
	out := &shards.Reviewed{Objects: l.objects, Anomalies: len(l.found)}
	if len(l.found) > 0 && !l.Allow {
		out.Refused = &AnomaliesError{Day: l.draft.Day, Count: len(l.found), Found: l.found[:min(len(l.found), mostFound)],
			Page: filepath.Join(l.draft.RefusedDir(), ReportName)}
	}
	return out, nil
}
