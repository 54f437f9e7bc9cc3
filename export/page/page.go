package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

//go:embed page.html
var pageHTML string

//go:embed style.css
var styleCSS string

// Content is what the page is about. All but Now may be nil or empty.
type Content struct {
	Title   string // the day, or the files
	Against string // what it is compared with
	Version string // of the program
	Now     *tfmd.DatasetFeatureStatistics
	Before  *tfmd.DatasetFeatureStatistics
	// Drifts are those of schema.Drifts.
	Drifts    []schema.Drift
	Anomalies *tfmd.Anomalies
	Health    *health.Report
	Yesterday *health.Report
	Windows   []health.Sufficiency
}

// Write writes the page. Names and values are shown as text, whatever they hold.
func Write(w io.Writer, c *Content) error { return execute(w, view(c), pageHTML, partsHTML) }

// policy lets the page use its own style and nothing else.
func policy() string { return policyOf("'none'") }

// policyOf is a policy under which forms go to the places that are named.
func policyOf(forms string) string {
	sum := sha256.Sum256([]byte(styleCSS))
	return "default-src 'none'; img-src data:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action " + forms
}

// pageView is what the template shows.
type pageView struct {
	Title, Against, Version, Policy string
	Style                           template.CSS
	Rows                            uint64
	Findings                        []findingView
	Labels                          []labelView
	Slices                          []sliceView
	Completeness                    []string
	Raters                          []ratersView
	Columns                         []columnView
}

type findingView struct{ Kind, Where, Text string }

type labelView struct {
	Name, Rate, Interval, Delay string
	Positive, Known, Unknown    uint64
	Hours, Delays               template.HTML
	Calibration                 *calibrationView
	Window                      *windowView
}

type calibrationView struct {
	Error string
	Chart template.HTML
}

type windowView struct {
	Text string
	Rows []windowRow
}

type windowRow struct{ Window, Lost string }

type sliceView struct {
	Slice, Label, Rate, Interval, Delay string
	Share, Coverage, Parity             string
	Rows, Unknown                       uint64
	Uneven                              bool
}

type columnView struct {
	Name, Type, Missing, Drift, Theirs string
	Anomaly                            string // in words; empty: there is none
	Chart                              template.HTML
	Values                             []string
}

func view(c *Content) *pageView {
	v := &pageView{Title: short(c.Title), Against: short(c.Against), Version: c.Version, Policy: policy(),
		Style: template.CSS(styleCSS), Rows: c.Now.GetNumExamples()}
	v.Findings = findings(c)
	if c.Health != nil {
		for _, line := range c.Health.Completeness() {
			v.Completeness = append(v.Completeness, clip(line, recordShown))
		}
		for i := range c.Health.Labels {
			v.Labels = append(v.Labels, labelOf(c, i))
		}
		for i := range c.Health.Raters {
			v.Raters = append(v.Raters, ratersOf(&c.Health.Raters[i]))
		}
		for _, s := range c.Health.Slices {
			for _, l := range s.Labels {
				rate, interval := rateText(l.Rate)
				v.Slices = append(v.Slices, sliceView{
					Slice: short(s.Slice), Label: short(l.Label), Rows: s.Rows, Rate: rate, Interval: interval, Unknown: l.Unknown,
					Delay: delayText(l.Delay), Share: health.Percent(s.Share), Coverage: health.Percent(s.Coverage.Value),
					Parity: s.Parity.Text(), Uneven: s.Parity.Uneven,
				})
			}
		}
	}
	v.Columns = columns(c)
	return v
}

// findings are the alarms, then the anomalies.
func findings(c *Content) (out []findingView) {
	if c.Health != nil {
		for i := range c.Health.Alarms {
			a := &c.Health.Alarms[i]
			out = append(out, findingView{"alarm: " + string(a.Kind), a.From.String() + " to " + a.To.String(), short(a.Text())})
		}
	}
	var names []string
	for name := range c.Anomalies.GetAnomalyInfo() {
		names = append(names, name)
	}
	slices.Sort(names)
	add := func(name string, info *tfmd.AnomalyInfo) {
		for _, r := range info.GetReason() {
			text := r.GetDescription()
			if text == "" {
				text = r.GetShortDescription()
			}
			out = append(out, findingView{r.GetType().String(), short(name), short(text)})
		}
	}
	for _, name := range names {
		add(name, c.Anomalies.AnomalyInfo[name])
	}
	add("all rows", c.Anomalies.GetDatasetAnomalyInfo())
	return out
}

func rateText(r health.Rate) (rate, interval string) {
	if r.Known == 0 {
		return "", ""
	}
	return health.Percent(r.Value), health.Percent(r.Low) + " to " + health.Percent(r.High)
}

func delayText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return health.Span(d.Round(10 * time.Millisecond))
}

func labelOf(c *Content, i int) labelView {
	l := &c.Health.Labels[i]
	v := labelView{Name: short(l.Label), Positive: l.Rate.Positive, Known: l.Rate.Known, Unknown: l.Unknown,
		Delay: delayText(l.Delay)}
	if v.Rate, v.Interval = rateText(l.Rate); v.Rate == "" {
		v.Rate = "unknown"
	}
	var before []health.HourRate
	if c.Yesterday != nil && i < len(c.Yesterday.Labels) {
		before = c.Yesterday.Labels[i].Hours
	}
	v.Hours = hoursChart(l.Hours, before)
	for _, k := range c.Health.Calibration {
		if k.Label == l.Label {
			v.Calibration = &calibrationView{fmt.Sprintf("%.4f", k.Error), calibrationChart(&k)}
		}
	}
	for _, w := range c.Windows {
		if w.Label == l.Label && w.Positives > 0 {
			view := &windowView{Text: fmt.Sprintf("%s, half of them within %s; %s come in the last tenth of the window of %s.", events.Count(w.Positives, "positive row"), health.Span(w.Median), health.Percent(w.LastTenth), health.Span(w.Window))}
			for _, r := range w.Rows {
				view.Rows = append(view.Rows, windowRow{health.Span(r.Window), health.Percent(r.Lost)})
			}
			v.Window, v.Delays = view, delaysChart(&w)
		}
	}
	return v
}

// alwaysNew reports whether the values of a column are new every day, so that its drift says nothing.
func alwaysNew(name string) bool {
	return name == "request_id" || name == "user_id" || name == "item_id" || strings.HasSuffix(name, "_ts")
}

// columns are a row for each column: those with anomalies first, then the farthest from before, those
// that are new every day last.
func columns(c *Content) (out []columnView) {
	before := map[string]*tfmd.FeatureNameStatistics{}
	for _, f := range c.Before.GetFeatures() {
		before[stats.NameOf(f)] = f
	}
	order, drift := map[string]int{}, map[string]schema.Drift{}
	for i, d := range c.Drifts {
		order[d.Column], drift[d.Column] = i+1, d // 0: it was not there before
	}
	anomalies := c.Anomalies.GetAnomalyInfo()
	features := slices.Clone(c.Now.GetFeatures())
	slices.SortStableFunc(features, func(a, b *tfmd.FeatureNameStatistics) int {
		x, y := stats.NameOf(a), stats.NameOf(b)
		if bad, other := anomalies[x] != nil, anomalies[y] != nil; bad != other {
			return map[bool]int{true: -1, false: 1}[bad]
		}
		if other, fresh := alwaysNew(x), alwaysNew(y); other != fresh {
			return map[bool]int{true: 1, false: -1}[other]
		}
		return order[x] - order[y]
	})
	for _, f := range features {
		name := stats.NameOf(f)
		common := stats.Common(f)
		v := columnView{Name: short(name), Type: strings.ToLower(f.Type.String()), Chart: columnChart(f, before[name]),
			Values: values(f)}
		for _, r := range anomalies[name].GetReason() {
			v.Anomaly = short(r.GetShortDescription())
			if v.Anomaly == "" {
				v.Anomaly = short(r.GetDescription())
			}
			break // the findings have all of them
		}
		if n := c.Now.NumExamples; n > 0 {
			v.Missing = health.Percent(float64(common.GetNumMissing()) / float64(n))
		}
		if d, ok := drift[name]; ok {
			v.Drift, v.Theirs = measure(d.Pinned), measure(d.JensenShannon)
		}
		out = append(out, v)
	}
	return out
}

func measure(x *float64) string {
	if x == nil {
		return ""
	}
	return fmt.Sprintf("%.4f", *x)
}

// values are the figures of numbers, or the most frequent texts.
func values(f *tfmd.FeatureNameStatistics) []string {
	if n := f.GetNumStats(); n != nil {
		if n.CommonStats.GetTotNumValues() == 0 {
			return nil
		}
		at := func(x float64) string { return stats.Number(x) }
		if strings.HasSuffix(stats.NameOf(f), "_ts") && n.Min > 1e14 && n.Max < 1e17 {
			at = func(x float64) string { return time.UnixMicro(int64(x)).UTC().Format("2006-01-02 15:04:05") }
			return []string{"from " + at(n.Min), "median " + at(n.Median), "to " + at(n.Max)}
		}
		return []string{"mean " + at(n.Mean), "from " + at(n.Min), "median " + at(n.Median), "to " + at(n.Max)}
	}
	s := f.GetStringStats()
	var out []string
	for _, v := range s.GetTopValues()[:min(len(s.GetTopValues()), 4)] {
		out = append(out, fmt.Sprintf("%s (%.0f)", short(v.Value), v.Frequency))
	}
	unique := fmt.Sprintf("%d different", s.GetUnique())
	if stats.Estimated(f) {
		unique = "about " + unique
	}
	return append(out, unique)
}

// shown is how many characters of a name or a value are shown.
const shown = 120

// short is a text that a page can show: its beginning if it is long, and
// control characters as what they are called in Unicode.
func short(text string) string { return clip(text, shown) }

// clip is short, with so many characters.
func clip(text string, shown int) string {
	var b strings.Builder
	n := 0
	for i, r := range text {
		if n++; n > shown {
			fmt.Fprintf(&b, "... (%d bytes more)", len(text)-i)
			break
		}
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			fmt.Fprintf(&b, "<U+%04X>", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
