package page

import (
	_ "embed"
	"io"

	"github.com/labeljoin/labeljoin/export/health"
)

//go:embed home.html
var homeHTML string

//go:embed days.html
var daysHTML string

// Home is what the first screen about a running joiner shows.
type Home struct {
	Name  string
	Ready bool
	Text  string // whether it joins, and what it waits for
	// Status are the lines of labeljoin status.
	Status string
	// Refresh is after how many seconds the page is loaded again.
	Refresh int
	// Labels are those of the hour that is called Hour; none before there is one.
	Hour   string
	Labels []HomeLabel
	Alarms []HomeAlarm
}

// HomeLabel is a label in the last hour that is written whole.
type HomeLabel struct {
	Name            string
	Rows, Positive  uint64
	Unknown         uint64   // rows in which it is null
	Rate, UsualRate *float64 // nil: nothing is known
	// DayBefore and WeekBefore are the rates of the same hour then; nil: nothing is known.
	DayBefore, WeekBefore *float64
}

// RateText is the rate in words.
func (l HomeLabel) RateText() string { return partText(l.Rate, "unknown") }

// UsualText is what is usual at that hour, in words.
func (l HomeLabel) UsualText() string { return partText(l.UsualRate, "not known yet") }

// BeforeText are the rates of a day and of a week before, in words.
func (l HomeLabel) BeforeText() string {
	return "a day before: " + partText(l.DayBefore, "not known") + ", a week before: " + partText(l.WeekBefore,
		"not known")
}

func partText(part *float64, none string) string {
	if part == nil {
		return none
	}
	return health.Percent(*part)
}

// HomeAlarm is an alarm that goes on.
type HomeAlarm struct{ Kind, From, Text string }

// Day is a day of the output.
type Day struct {
	Day       string
	Rows      int64 // in all revisions
	Complete  string
	Version   string // empty: it is not exported
	Exported  int64
	Anomalies int
}

// Days is the list of the days, newest first.
type Days struct {
	Name string
	Days []Day
}

// WriteDays writes the list of the days. Everything on it is text.
func WriteDays(w io.Writer, d *Days) error {
	return render(w, &frame{Title: "days", Heading: "Days", Name: d.Name, At: "/days", Body: d}, daysHTML)
}

// WriteHome writes the first screen. Everything on it is text.
func WriteHome(w io.Writer, h *Home) error {
	title := "not ready"
	if h.Ready {
		title = "joining"
	}
	return render(w, &frame{Title: title, Name: h.Name, At: "/", Refresh: h.Refresh, Body: h}, homeHTML)
}
