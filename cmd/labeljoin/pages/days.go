package pages

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/version"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/page"
	"github.com/labeljoin/labeljoin/export/review"
	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/shards"
	"github.com/labeljoin/labeljoin/export/tally"
)

// mostRows is the largest day, in rows of all revisions, that is computed while a page waits: it
// takes a few seconds and some hundred megabytes. What lies beside an exported day is shown however
// large the day is.
const mostRows = 500_000

// lookAgain is for how long what was computed of a day is shown again.
const lookAgain = time.Minute

// looked is what was computed of a day.
type looked struct {
	day     string
	at      time.Time
	content *page.Content
}

// day is the page about the day that is asked for.
func (p *pages) day(ctx context.Context, r *http.Request) (*page.DayPage, error) {
	days, day, err := p.listed(ctx, r)
	if err != nil {
		return nil, err
	}
	out := &page.DayPage{Name: p.Config.Name, Days: days, Note: "No rows have been written yet."}
	if day == nil {
		return out, nil
	}
	out.Day = day.Day
	o, err := p.options(ctx)
	if err != nil {
		return nil, err
	}
	if day.Version.Number > 0 && !day.Foreign {
		kept := review.Kept{Beside: func(day, name string) ([]byte, error) { return shards.Beside(o, day, name) }}
		if out.Content, err = kept.Content(day.Day, p.window); err != nil {
			return nil, err
		}
		out.Note = "As it was found out when the day was exported."
		if p.addEvents(ctx, out.Content) {
			out.Note = "As it was found out when the day was exported; what became of its events is of now."
		}
	}
	if out.Content == nil {
		out.Content, out.Note, err = p.compute(ctx, day)
	}
	return out, err
}

// mostDecided is of how many days is kept what became of their events.
const mostDecided = 100

// addEvents adds what became of the events of a day to what was found out when it was exported, and reports whether
// it did. The rest of the page is worth showing without it.
func (p *pages) addEvents(ctx context.Context, c *page.Content) bool {
	if c == nil || c.Health == nil {
		return false
	}
	found, err := p.eventsOf(ctx, c.Health.Day)
	if err != nil && ctx.Err() == nil {
		p.Log.Warn("what became of the events of a day is not shown", "day", c.Health.Day, "error", err)
	}
	c.Health.Events = found
	return found != nil
}

// eventsOf is what became of the events of a day. It may read a thousand manifests: one day is looked at at a time.
func (p *pages) eventsOf(ctx context.Context, day string) (*health.Events, error) {
	release, err := p.look(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	output, err := p.output(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	known := p.decided[day]
	p.mu.Unlock()
	found, err := output.Decided(ctx, day, known)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.decided) >= mostDecided {
		clear(p.decided)
	}
	p.decided[day] = found
	return found, nil
}

// look waits until no other request looks at the rows or the commits of a day.
func (p *pages) look(ctx context.Context) (release func(), err error) {
	select {
	case p.looks <- struct{}{}:
		return func() { <-p.looks }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// compute looks at the rows of a day that was not exported. One day is computed at a time.
func (p *pages) compute(ctx context.Context, day *shards.ListedDay) (*page.Content, string, error) {
	if day.Rows > mostRows {
		return nil, fmt.Sprintf("The day has %d rows and was not exported. More than %d are not counted for a page: "+
			"labeljoin report --date %s makes one, and export.daily exports days with what is said of them.", day.Rows,
			mostRows, day.Day), nil
	}
	release, err := p.look(ctx)
	if err != nil {
		return nil, "", err
	}
	defer release()
	found := p.found(day)
	if found == nil {
		output, err := p.output(ctx)
		if err != nil {
			return nil, "", err
		}
		now := time.Now()
		d := review.Day{Output: output, Date: day.Day, Against: review.Yesterday, Slices: p.slices(), Windows: p.window,
			Version: version.Text()}
		content, err := d.Content(ctx)
		if err != nil {
			return nil, "", err
		}
		found = &looked{day.Day, now, content}
		p.mu.Lock()
		p.newest = *found
		p.mu.Unlock()
	}
	return found.content, "The rows that were there at " + found.at.UTC().Format("15:04:05") + " (UTC).", nil
}

// found is what was computed of a day; nil: it is to be computed.
func (p *pages) found(day *shards.ListedDay) *looked {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.newest
	if l.day != day.Day || time.Since(l.at) > lookAgain {
		return nil
	}
	return &l
}

// slices are the columns by whose values labels are counted too.
func (p *pages) slices() []string {
	if s := p.Config.Monitor.Slices; len(s) > 0 {
		return s
	}
	return p.Config.Export.Slices
}

// window is the window of a label.
func (p *pages) window(label string) time.Duration {
	for i := range p.Config.Labels {
		if p.Config.Labels[i].Name == label {
			return p.Config.Labels[i].Window.Std()
		}
	}
	return 0
}

func (p *pages) features(ctx context.Context, r *http.Request, w io.Writer) error {
	days, listed, err := p.listed(ctx, r)
	if err != nil {
		return err
	}
	if listed != nil && (listed.Version.Number == 0 || listed.Foreign) {
		live, err := p.counted(listed.Day)
		if err != nil {
			return err
		}
		if live != nil {
			return page.WriteFeatures(w, &page.DayPage{Name: p.Config.Name, Days: days, Day: listed.Day, Content: live,
				Note: countedNote})
		}
	}
	day, err := p.day(ctx, r)
	if err != nil {
		return err
	}
	return page.WriteFeatures(w, day)
}

// countedNote is what is to be said of counts that were made while rows were written.
const countedNote = "As it was counted while the rows were written: each row as it was written first. Means, medians " +
	"and histograms are read off bins, four of each power of two."

// counted is what the commits of a day say of its columns; nil: they say nothing.
func (p *pages) counted(day string) (*page.Content, error) {
	start, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return nil, &review.DayError{Text: day}
	}
	hour := health.Hour(start.Unix() / 3600)
	now, before := p.Labels.Features(hour), p.Labels.Features(hour-24)
	if now == nil {
		return nil, nil
	}
	c := &page.Content{Title: day, Version: version.Text(), Now: now.Statistics()}
	if before == nil {
		return c, nil
	}
	c.Against, c.Before = start.AddDate(0, 0, -1).Format(time.DateOnly), before.Statistics()
	for _, name := range now.Names() {
		if d, ok := tally.Compare(before, now, name); ok {
			c.Drifts = append(c.Drifts, schema.Drift{Column: name, Pinned: &d.Divergence})
		}
	}
	slices.SortStableFunc(c.Drifts, func(a, b schema.Drift) int { return cmp.Compare(*b.Pinned, *a.Pinned) })
	return c, nil
}

// lineHours is how far back labels are shown by hour.
const lineHours = 7 * 24

func (p *pages) labels(ctx context.Context, r *http.Request, w io.Writer) error {
	day, err := p.day(ctx, r)
	if err != nil {
		return err
	}
	return page.WriteLabels(w, day, lines(p.Labels.Counts(lineHours)))
}

// lines are the labels over the hours of a table, which may be nil.
func lines(t *health.Table) (out []page.Line) {
	if t == nil {
		return nil
	}
	for i, label := range t.Labels {
		l := page.Line{Label: label}
		for _, h := range t.Hours() {
			c := t.Cells[health.Key{Slice: health.All, Hour: h}]
			hour := page.LineHour{Hour: h, Rows: c.Rows, Rate: health.RateOf(c.Labels[i].Positive, c.Labels[i].Known)}
			hour.Predicted, hour.Scored = c.PredictedRate(i)
			l.Hours = append(l.Hours, hour)
		}
		out = append(out, l)
	}
	return out
}
