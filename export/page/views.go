package page

import (
	_ "embed" // for the templates
	"html/template"
	"io"

	"github.com/labeljoin/labeljoin/export/health"
)

// The paths of the pages that show values of events, and of what lies beside an exported day.
const (
	FeaturesPath = "/features"
	LabelsPath   = "/labels"
	EventsPath   = "/events"
	RequestPath  = "/request"
	ShardsPath   = "/shards"
	ReportPath   = "/report"
)

//go:embed features.html
var featuresHTML string

//go:embed labels.html
var labelsHTML string

//go:embed events.html
var eventsHTML string

//go:embed story.html
var storyHTML string

//go:embed shards.html
var shardsHTML string

// DayPage is what the pages about one day show.
type DayPage struct {
	Name string   // of the joiner
	Day  string   // that is shown; empty: there is none
	Days []string // to choose from
	Note string   // what is to be said of it; why there is nothing to show
	// Content is what is known of the day; nil: nothing.
	Content *Content
}

// dayView is a page about a day, as its template shows it.
type dayView struct {
	Day, At, Note string
	Days          []string
	View          *pageView // nil: there is nothing to show
	Lines         []lineView
}

func (p *DayPage) view(at string) *dayView {
	v := &dayView{Day: p.Day, At: at, Note: p.Note, Days: p.Days}
	if p.Content != nil {
		v.View = view(p.Content)
	}
	return v
}

// WriteFeatures writes the page about the columns of a day, the worst first.
func WriteFeatures(w io.Writer, p *DayPage) error {
	return render(w, &frame{Title: "features", Heading: "Features", Name: p.Name, At: FeaturesPath,
		Body: p.view(FeaturesPath)}, featuresHTML)
}

// Line is a label over time.
type Line struct {
	Label string
	Hours []LineHour
}

// LineHour is an hour of a line. Nothing is drawn where nothing is known.
type LineHour struct {
	Hour health.Hour
	Rows uint64
	Rate health.Rate
	// Predicted is the mean score of the rows that have one and whose label is known; Scored counts
	// them.
	Predicted float64
	Scored    uint64
}

// lineView is a line as the template shows it.
type lineView struct {
	Label string
	Chart template.HTML
	Days  []lineDay
}

type lineDay struct {
	Day, Rate, Predicted string
	Rows, Unknown        uint64
}

// WriteLabels writes the page about the labels: each over the last days, and all that is known of one
// day.
func WriteLabels(w io.Writer, p *DayPage, lines []Line) error {
	v := p.view(LabelsPath)
	for i := range lines {
		v.Lines = append(v.Lines, lineView{lines[i].Label, timeline(lines[i].Hours), lineDays(lines[i].Hours)})
	}
	return render(w, &frame{Title: "labels", Heading: "Labels", Name: p.Name, At: LabelsPath, Body: v}, labelsHTML)
}

// lineDays are the days of a line.
func lineDays(hours []LineHour) (out []lineDay) {
	var day LineHour
	end := func() {
		if day.Rows == 0 {
			return
		}
		rate := health.RateOf(day.Rate.Positive, day.Rate.Known)
		d := lineDay{Day: day.Hour.Time().Format("2006-01-02"), Rows: day.Rows, Unknown: day.Rows - day.Rate.Known}
		if rate.Known > 0 {
			d.Rate = health.Percent(rate.Value)
		}
		if day.Scored > 0 {
			d.Predicted = health.Percent(day.Predicted / float64(day.Scored))
		}
		out = append(out, d)
	}
	for _, h := range hours {
		if h.Hour.Day() != day.Hour {
			end()
			day = LineHour{Hour: h.Hour.Day()}
		}
		day.Rows += h.Rows
		day.Rate.Known, day.Rate.Positive = day.Rate.Known+h.Rate.Known, day.Rate.Positive+h.Rate.Positive
		day.Scored, day.Predicted = day.Scored+h.Scored, day.Predicted+h.Predicted*float64(h.Scored)
	}
	end()
	return out
}

// Events is what the page about events shows.
type Events struct {
	Name    string
	Note    string // why the newest are not known
	Newest  []EventRow
	Refused []EventRow
}

// EventRow is a record.
type EventRow struct {
	When      string // the broker's time; empty: not known
	From      string // stream and message
	ReadAs    string // request, outcome, or why it is none
	Bad       bool   // it is refused
	RequestID string // empty: not known
	Text      string // its beginning is enough
}

// WriteEvents writes the page about the newest events.
func WriteEvents(w io.Writer, e *Events) error {
	return render(w, &frame{Title: "events", Heading: "Events", Name: e.Name, At: EventsPath, Body: e}, eventsHTML)
}

// Story is what the page about a request shows.
type Story struct {
	Name     string
	ID       string // empty: it is to be asked for
	Problem  string // why nothing can be told
	Standing string // empty: nothing is told
	Answers  []string
	Events   []StoryEvent
	Labels   []StoryLabel
	Rows     []StoryRow
	// Watermark is the joiner's.
	Watermark string
}

// StoryEvent is an event of the request.
type StoryEvent struct{ TS, What, After, Fate, From string }

// StoryLabel is a label of a row of the request.
type StoryLabel struct{ Item, Label, Value, Rule, Why string }

// StoryRow is a row that was written.
type StoryRow struct {
	Commit                     uint64
	Item, Reason, Labels, File string
	Revision                   uint32
}

// WriteStory writes the page about a request.
func WriteStory(w io.Writer, s *Story) error {
	return render(w, &frame{Title: "a request", Heading: "A request", Name: s.Name, At: RequestPath, Body: s}, storyHTML)
}

// Shards is what the page about an exported day shows.
type Shards struct {
	Name    string
	Day     string
	Days    []string
	Note    string
	Version *ShardsVersion // nil: there is none
}

// ShardsVersion is a version of an exported day, as its manifest has it.
type ShardsVersion struct {
	Version, Created, Software, Format string
	Partial, Foreign                   bool
	Anomalies                          int
	Counts                             []NamedCount
	Splits                             []ShardsSplit
	Source                             []NamedText
	Files                              []ShardsFile
	More                               int // files that are not shown
}

// NamedCount is a number of rows.
type NamedCount struct {
	Name  string
	Count int64
}

// NamedText is a fact.
type NamedText struct{ Name, Text string }

// ShardsSplit is a split of a version; its labels are in words.
type ShardsSplit struct {
	Name   string
	Files  int
	Rows   int64
	Labels []NamedText
}

// ShardsFile is a file of a version; Rows is below 0 where it has none.
type ShardsFile struct {
	Path, SHA256 string
	Rows, Bytes  int64
}

// At is the path of the page, for the links to other days.
func (s *Shards) At() string { return ShardsPath }

// WriteShards writes the page about an exported day.
func WriteShards(w io.Writer, s *Shards) error {
	return render(w, &frame{Title: "shards", Heading: "Shards", Name: s.Name, At: ShardsPath, Body: s}, shardsHTML)
}
