package schema

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// Print writes a schema as a table, a feature in each line.
func Print(w io.Writer, s *tfmd.Schema) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "feature\ttype\tpresence\tvalues\tdomain\tnot in")
	for _, f := range s.Feature {
		fmt.Fprintf(t, "%q\t%s\t%s\t%s\t%s\t%s\n", f.GetName(), strings.ToLower(f.GetType().String()), presenceText(f),
			valuesText(f), domainText(s, f), strings.Join(f.NotInEnvironment, ", "))
	}
	return t.Flush()
}

func presenceText(f *tfmd.Feature) string {
	if deprecated(f) {
		return "not checked"
	}
	p := f.GetPresence()
	switch {
	case p.GetMinFraction() == 1:
		return "required"
	case p.GetMinFraction() > 0:
		return "in " + strconv.FormatFloat(100*p.GetMinFraction(), 'g', 4, 64) + " % of rows"
	case p.GetMinCount() > 0:
		return "in some row"
	}
	return "optional"
}

func valuesText(f *tfmd.Feature) string {
	switch s := f.ShapeType.(type) {
	case *tfmd.Feature_Shape:
		var dims []string
		for _, d := range s.Shape.GetDim() {
			dims = append(dims, strconv.FormatInt(d.GetSize(), 10))
		}
		return strings.Join(dims, " x ")
	case *tfmd.Feature_ValueCount:
		n := s.ValueCount
		switch {
		case n.Max == nil:
			return "at least " + strconv.FormatInt(n.GetMin(), 10)
		case n.GetMin() == n.GetMax():
			return strconv.FormatInt(n.GetMax(), 10)
		}
		return fmt.Sprintf("%d to %d", n.GetMin(), n.GetMax())
	}
	return "any"
}

func domainText(s *tfmd.Schema, f *tfmd.Feature) string {
	texts := func(values []string) string {
		shown := values[:min(len(values), 5)]
		more := ""
		if n := len(values) - len(shown); n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		return fmt.Sprintf("%q%s", shown, more)
	}
	switch d := f.DomainInfo.(type) {
	case *tfmd.Feature_Domain:
		if found := (&updater{schema: s}).domain(d.Domain); found != nil {
			return texts(found.Value)
		}
		return "missing"
	case *tfmd.Feature_StringDomain:
		return texts(d.StringDomain.Value)
	case *tfmd.Feature_IntDomain:
		if d.IntDomain.Min != nil || d.IntDomain.Max != nil {
			return fmt.Sprintf("integers from %d to %d", d.IntDomain.GetMin(), d.IntDomain.GetMax())
		}
		return "integers"
	case *tfmd.Feature_FloatDomain:
		return fmt.Sprintf("from %s to %s", sixDigits(float64(d.FloatDomain.GetMin())),
			sixDigits(float64(d.FloatDomain.GetMax())))
	case *tfmd.Feature_BoolDomain:
		return "true or false"
	case nil:
		return ""
	}
	name, _, _ := domainOf(f)
	return name
}

// PrintAnomalies writes what was found, a reason in each line.
func PrintAnomalies(w io.Writer, a *tfmd.Anomalies) error {
	if a.GetDataMissing() {
		_, err := fmt.Fprintln(w, "there are no rows")
		return err
	}
	var names []string
	for name := range a.AnomalyInfo {
		names = append(names, name)
	}
	slices.Sort(names)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name string, info *tfmd.AnomalyInfo) {
		for _, r := range info.GetReason() {
			fmt.Fprintf(t, "%s\t%s\t%s\n", name, r.GetType(), strconv.Quote(r.GetDescription()))
		}
	}
	for _, name := range names {
		line(strconv.Quote(name), a.AnomalyInfo[name])
	}
	line("all rows", a.DatasetAnomalyInfo)
	return t.Flush()
}

// Texts says what was found, a reason each, in the order of PrintAnomalies.
func Texts(a *tfmd.Anomalies) (out []string) {
	if a.GetDataMissing() {
		return []string{"there are no rows"}
	}
	add := func(name string, info *tfmd.AnomalyInfo) {
		for _, r := range info.GetReason() {
			out = append(out, fmt.Sprintf("%s: %s", name, strconv.Quote(r.GetDescription())))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.GetAnomalyInfo())) {
		add(strconv.Quote(name), a.AnomalyInfo[name])
	}
	add("all rows", a.GetDatasetAnomalyInfo())
	return out
}

// CountText is a number of anomalies in words.
func CountText(n int) string {
	if n == 1 {
		return "1 anomaly"
	}
	return fmt.Sprintf("%d anomalies", n)
}

// Count is how many reasons there are in all.
func Count(a *tfmd.Anomalies) int {
	n := len(a.GetDatasetAnomalyInfo().GetReason())
	for _, i := range a.GetAnomalyInfo() {
		n += len(i.Reason)
	}
	if a.GetDataMissing() {
		n++
	}
	return n
}
