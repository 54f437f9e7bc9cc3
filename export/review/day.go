package review

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/page"
	"github.com/labeljoin/labeljoin/export/raters"
	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// Yesterday, where a day to compare with is asked for, is the day before.
const Yesterday = "yesterday"

// Before is the day that is meant by a day or by Yesterday.
func Before(day, against string) (string, error) {
	if against != Yesterday {
		return against, nil
	}
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return "", &DayError{day}
	}
	return t.AddDate(0, 0, -1).Format(time.DateOnly), nil
}

// HistoryDays is how many days a day's labels are compared with, and LeastRows how many rows a
// slice has at least that is shown.
const (
	HistoryDays = 7
	LeastRows   = 20
)

// Day says how a day is looked at.
type Day struct {
	Output *Output
	Date   string
	// Against is the day to compare with, if it is there; it may be Yesterday.
	Against string
	Slices  []string                         // columns whose values are counted too
	Schema  *tfmd.Schema                     // nil: that of the day it is compared with
	Windows func(label string) time.Duration // in use; 0: not known
	// Features has alarms about other columns too: see Health.Features.
	Features bool
	Version  string // of the program
}

// Content finds out what a page about the day shows.
func (d *Day) Content(ctx context.Context) (*page.Content, error) {
	against, err := Before(d.Date, d.Against)
	if err != nil {
		return nil, err
	}
	c := &page.Content{Title: d.Date, Version: d.Version}
	there, err := d.Output.Has(against)
	if err != nil {
		return nil, err
	}
	if there {
		c.Against = against
	}
	if err := d.columns(ctx, c); err != nil {
		return nil, err
	}
	return c, d.labels(ctx, c)
}

// columns adds the statistics of both days, and what they say.
func (d *Day) columns(ctx context.Context, c *page.Content) error {
	o := stats.Options{Categorical: schema.Categorical(d.Schema)}
	var before *tfmd.DatasetFeatureStatisticsList
	if c.Against != "" {
		own := o
		own.PinOwn = true
		rows, err := d.Output.Day(ctx, c.Against, "")
		if err != nil {
			return err
		}
		if before, err = Statistics(ctx, rows, own); err != nil {
			return err
		}
		o.Pins = stats.PinsOf(before.Datasets[0])
	}
	rows, err := d.Output.Day(ctx, d.Date, "")
	if err != nil {
		return err
	}
	now, err := Statistics(ctx, rows, o)
	if err != nil {
		return err
	}
	c.Now = now.Datasets[0]
	if before != nil {
		c.Before = before.Datasets[0]
		c.Drifts = schema.Drifts(c.Before, c.Now)
	}
	c.Anomalies, err = anomalies(now, before, d.Schema)
	return err
}

// anomalies are what statistics before and a schema say of statistics. Without a schema it is that
// of the statistics before; without both there is nothing to be said.
func anomalies(now, before *tfmd.DatasetFeatureStatisticsList, s *tfmd.Schema) (_ *tfmd.Anomalies, err error) {
	if s == nil && before != nil {
		if s, err = schema.Infer(before, schema.DefaultTexts, true); err != nil {
			return nil, err
		}
		for _, f := range s.Feature {
			if isID(f.GetName()) {
				f.DomainInfo = nil // a small day has few ids, and the next one has others
			}
		}
	}
	if s == nil {
		return nil, nil
	}
	return schema.Validate(now, s, schema.Against{Previous: before})
}

// isID reports whether a column names what a row is about, so that its values are new every day.
func isID(column string) bool {
	return column == "request_id" || column == "user_id" || column == "item_id"
}

// labels adds the health of the labels, where there are any.
func (d *Day) labels(ctx context.Context, c *page.Content) error {
	h := Health{Output: d.Output, Date: d.Date, History: HistoryDays, Least: LeastRows, Features: d.Features,
		Options: health.Options{Slices: d.Slices}}
	report, table, err := h.Report(ctx)
	if lacks := (*health.NoLabelsError)(nil); errors.As(err, &lacks) && lacks.Column == "" {
		return nil
	}
	if err != nil {
		return err
	}
	c.Health = report
	if c.Windows, err = d.windows(ctx, table); err != nil || c.Against == "" {
		return err
	}
	before, err := h.before(ctx, c.Against, health.Options{Labels: table.Labels, Slices: d.Slices})
	if lacks := (*health.NoLabelsError)(nil); errors.As(err, &lacks) {
		return nil // the labels were other ones then
	}
	if err == nil {
		c.Yesterday = health.NewReport(c.Against, before, nil, LeastRows)
	}
	return err
}

// windows says of each label whether its window is long enough.
func (d *Day) windows(ctx context.Context, table *health.Table) (all []health.Sufficiency, err error) {
	cut, err := d.cut(ctx, table)
	if err != nil {
		return nil, err
	}
	for i, label := range table.Labels {
		all = append(all, table.Windows(i, d.Windows(label), cut[i]))
	}
	return all, nil
}

// cut says, per label, how long the rows were watched whose label is not known. Where all are known
// no row is read.
func (d *Day) cut(ctx context.Context, table *health.Table) (_ []map[int64]uint64, err error) {
	if !table.HasUnknown() {
		return make([]map[int64]uint64, len(table.Labels)), nil
	}
	rows, err := d.Output.Day(ctx, d.Date, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	return health.Cut(ctx, rows.Sources, table.Labels)
}

// Health says how the labels of a day are looked at.
type Health struct {
	Output  *Output
	Date    string
	History int    // days before, of which any may be missing
	Least   uint64 // rows of a slice that is shown
	Options health.Options
	// Features judges the other columns too, as commits have counted them. All manifests of these days are read.
	Features bool
	// Counted gives the counts of an earlier day that were kept, and the columns by which its rows
	// are counted too. Nil, and any error: the rows are read.
	Counted func(day string) (t *health.Table, by []string, err error)
}

// Report looks at the labels of a day and at the days before.
func (h *Health) Report(ctx context.Context) (*health.Report, *health.Table, error) {
	start, err := time.Parse(time.DateOnly, h.Date)
	if err != nil {
		return nil, nil, &DayError{h.Date}
	}
	now, agreement, err := h.day(ctx)
	if err != nil {
		return nil, nil, err
	}
	o := h.Options
	o.Labels, o.Scores = now.Labels, nil
	whole := health.NewTable(now.Labels)
	whole.Join(now)
	for d := 1; d <= h.History; d++ {
		day := start.AddDate(0, 0, -d).Format(time.DateOnly)
		before, err := h.before(ctx, day, o)
		if none := (*NoRowsError)(nil); errors.As(err, &none) {
			continue
		}
		if lacks := (*health.NoLabelsError)(nil); errors.As(err, &lacks) {
			continue // the labels were other ones then
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue // files of that day were deleted
		}
		if err != nil {
			return nil, nil, err
		}
		whole.Join(before)
	}
	if h.Features {
		features, err := h.Output.features(ctx, start, h.History)
		if err != nil {
			return nil, nil, err
		}
		whole.Features = *features
	}
	end, err := h.Output.through()
	if err != nil {
		return nil, nil, err
	}
	r := health.NewReport(h.Date, now, alarmsOf(whole, start, end, h.History), h.Least)
	r.Raters = agreement
	r.Events, err = h.Output.Decided(ctx, h.Date, nil)
	return r, now, err
}

// day counts the rows of the day, and says how far their raters agree.
func (h *Health) day(ctx context.Context) (t *health.Table, agreement []raters.Agreement, err error) {
	rows, err := h.Output.Day(ctx, h.Date, "")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if t, err = health.Collect(ctx, rows.Sources, h.Options); err != nil {
		return nil, nil, err
	}
	agreement, err = raters.Collect(ctx, rows.Sources)
	return t, agreement, err
}

// before are the counts of an earlier day, those that were kept where they are of the same labels
// and slices.
func (h *Health) before(ctx context.Context, day string, o health.Options) (*health.Table, error) {
	if h.Counted != nil {
		t, by, err := h.Counted(day)
		if err == nil && slices.Equal(t.Labels, o.Labels) && slices.Equal(by, o.Slices) {
			return t, nil
		}
	}
	return h.collect(ctx, day, o)
}

// alarmsOf are the alarms of a day in a table with the days before, of the hours before end, which are
// written whole.
func alarmsOf(whole *health.Table, start time.Time, end health.Hour, history int) []health.Alarm {
	from := health.Hour(start.Unix() / 3600)
	rules := health.DefaultRules()
	rules.History, rules.Trend = history, max(history+1, 28)
	return whole.Alarms(rules, from, max(from, min(from+24, end)))
}

// collect counts the rows of a day.
func (h *Health) collect(ctx context.Context, day string, o health.Options) (_ *health.Table, err error) {
	rows, err := h.Output.Day(ctx, day, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	return health.Collect(ctx, rows.Sources, o)
}
