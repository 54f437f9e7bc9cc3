package stats

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// Print writes statistics as a table, a column of the rows in each line. Control
// characters in names and values are escaped.
func Print(w io.Writer, list *tfmd.DatasetFeatureStatisticsList) error {
	for i, d := range list.Datasets {
		if i > 0 {
			fmt.Fprintln(w)
		}
		title := "all rows"
		if d.Name != "" && d.Name != AllExamples {
			title = escape(d.Name)
		}
		fmt.Fprintf(w, "%s: %s\n", title, events.Count(d.NumExamples, "row"))
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "column\ttype\tmissing\tzeros\tmean\tdeviation\tmin\tmedian\tmax\tunique\tmost frequent")
		for _, f := range d.Features {
			fmt.Fprintln(t, strings.Join(line(d, f), "\t"))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// line are the cells of a column of the rows.
func line(d *tfmd.DatasetFeatureStatistics, f *tfmd.FeatureNameStatistics) []string {
	c := Common(f)
	cells := []string{escape(NameOf(f)), strings.ToLower(f.Type.String()),
		share(float64(c.GetNumMissing()), float64(d.NumExamples))}
	if n := f.GetNumStats(); n != nil {
		if c.GetTotNumValues() == 0 {
			return append(cells, "", "", "", "", "", "", "", "")
		}
		return append(cells, share(float64(n.NumZeros), float64(c.TotNumValues)), Number(n.Mean), Number(n.StdDev),
			Number(n.Min), Number(n.Median), Number(n.Max), "", "")
	}
	s := f.GetStringStats()
	var top []string
	for _, v := range s.GetTopValues()[:min(3, len(s.GetTopValues()))] {
		text := v.Value
		if len(text) > 24 {
			text = strings.ToValidUTF8(text[:24], "") + "..."
		}
		top = append(top, fmt.Sprintf("%s (%s)", escape(text), share(v.Frequency, float64(c.GetTotNumValues()))))
	}
	unique := strconv.FormatUint(s.GetUnique(), 10)
	if Estimated(f) {
		unique = "about " + unique
	}
	return append(cells, "", "", "", "", "", "", unique, strings.Join(top, ", "))
}

// Common are the statistics that f has whatever its type.
func Common(f *tfmd.FeatureNameStatistics) *tfmd.CommonStatistics {
	switch s := f.Stats.(type) {
	case *tfmd.FeatureNameStatistics_NumStats:
		return s.NumStats.GetCommonStats()
	case *tfmd.FeatureNameStatistics_StringStats:
		return s.StringStats.GetCommonStats()
	case *tfmd.FeatureNameStatistics_BytesStats:
		return s.BytesStats.GetCommonStats()
	case *tfmd.FeatureNameStatistics_StructStats:
		return s.StructStats.GetCommonStats()
	}
	return nil
}

// NameOf is the name of the column that f is about, its steps joined by dots.
func NameOf(f *tfmd.FeatureNameStatistics) string {
	if p := f.GetPath(); p != nil {
		return strings.Join(p.Step, ".")
	}
	return f.GetName()
}

// share is a part of a whole in percent.
func share(part, whole float64) string {
	if whole == 0 {
		return ""
	}
	if part == 0 {
		return "0 %"
	}
	return strconv.FormatFloat(100*part/whole, 'g', 3, 64) + " %"
}

// Number writes a number with five significant digits.
func Number(x float64) string { return strconv.FormatFloat(x, 'g', 5, 64) }

// escape makes a text safe for a terminal.
func escape(text string) string {
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// Estimated reports whether the number of different texts is an estimate.
func Estimated(f *tfmd.FeatureNameStatistics) bool {
	return slices.ContainsFunc(f.GetCustomStats(), func(s *tfmd.CustomStatistic) bool { return s.Name == estimatedName })
}

// estimatedName is the custom statistic that says so.
const estimatedName = "unique_is_estimated"
