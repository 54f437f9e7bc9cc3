package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// view is the statistics of some rows, with what they are compared with.
type view struct {
	data        *tfmd.DatasetFeatureStatistics
	byWeight    bool
	environment string // empty: none
	features    []*column
	byPath      map[string]*column
	previous    *view
	serving     *view
}

// column is the statistics of one column.
type column struct {
	*tfmd.FeatureNameStatistics
	in       *view
	path     []string
	parent   *column
	children []*column
}

func newView(data *tfmd.DatasetFeatureStatistics, byWeight bool, environment string) *view {
	v := &view{data: data, byWeight: byWeight, environment: environment, byPath: map[string]*column{}}
	for _, f := range data.GetFeatures() {
		if f.Stats == nil && len(f.CustomStats) == 0 {
			continue
		}
		c := &column{FeatureNameStatistics: f, in: v, path: f.GetPath().GetStep()}
		if f.GetPath() == nil {
			c.path = []string{f.GetName()}
		}
		v.features = append(v.features, c)
		v.byPath[serialize(c.path)] = c
	}
	v.relate()
	return v
}

// relate finds the parents of columns that are parts of structs. Without paths a
// part is named like its struct, a dot and its own name.
func (v *view) relate() {
	for _, c := range v.features {
		if c.GetPath() == nil {
			for i := len(c.path[0]) - 1; i > 0; i-- {
				if p := v.byPath[serialize([]string{c.path[0][:i]})]; p != nil && p.Type == tfmd.FeatureNameStatistics_STRUCT &&
					c.path[0][i] == '.' {
					c.parent, c.path = p, append(slices.Clone(p.path), c.path[0][i+1:])
					break
				}
			}
		} else if len(c.path) > 1 {
			c.parent = v.byPath[serialize(c.path[:len(c.path)-1])]
		}
		if c.parent != nil {
			c.parent.children = append(c.parent.children, c)
		}
	}
}

// weighted reports whether every column has weighted statistics.
func weighted(data *tfmd.DatasetFeatureStatistics) bool {
	if data.GetWeightedNumExamples() == 0 {
		return false
	}
	for _, c := range newView(data, false, "").features {
		if stats.Common(c.FeatureNameStatistics).GetWeightedCommonStats() == nil {
			return false
		}
	}
	return true
}

func (v *view) examples() float64 {
	if v.byWeight {
		return v.data.WeightedNumExamples
	}
	return float64(v.data.NumExamples)
}

func (c *column) common() *tfmd.CommonStatistics { return stats.Common(c.FeatureNameStatistics) }

func (c *column) present() float64 {
	if c.in.byWeight {
		return c.common().GetWeightedCommonStats().GetNumNonMissing()
	}
	return float64(c.common().GetNumNonMissing())
}

func (c *column) missing() float64 {
	if c.in.byWeight {
		return c.common().GetWeightedCommonStats().GetNumMissing()
	}
	return float64(c.common().GetNumMissing())
}

// missingNested are the missing values of each level of nesting.
func (c *column) missingNested() []float64 {
	var out []float64
	if c.in.byWeight {
		for _, s := range c.common().GetWeightedPresenceAndValencyStats() {
			out = append(out, s.NumMissing)
		}
	} else {
		for _, s := range c.common().GetPresenceAndValencyStats() {
			out = append(out, float64(s.NumMissing))
		}
	}
	if out == nil {
		out = []float64{c.missing()}
	}
	return out
}

// fraction is the part of the rows that have the column; ok is false where there
// are no rows.
func (c *column) fraction() (part float64, ok bool) {
	n := c.in.examples()
	switch {
	case n <= 0:
		return 0, false
	case c.missing() == 0:
		return 1, true
	}
	return c.present() / n, true
}

// valency is the least and the largest number of values.
type valency struct{ min, max int64 }

// valencies are those of each level of nesting.
func (c *column) valencies() []valency {
	var out []valency
	for _, s := range c.common().GetPresenceAndValencyStats() {
		out = append(out, valency{int64(s.MinNumValues), int64(s.MaxNumValues)})
	}
	if out == nil {
		out = []valency{{int64(c.common().GetMinNumValues()), int64(c.common().GetMaxNumValues())}}
	}
	return out
}

// texts are the values of a column of texts with their counts.
func (c *column) texts() map[string]float64 {
	ranks := c.GetStringStats().GetRankHistogram()
	if c.in.byWeight {
		ranks = c.GetStringStats().GetWeightedStringStats().GetRankHistogram()
	}
	out := map[string]float64{}
	for _, b := range ranks.GetBuckets() {
		if _, twice := out[b.Label]; !twice {
			out[b.Label] = b.SampleCount
		}
	}
	return out
}

// values are the texts in the order of their bytes.
func (c *column) values() []string { return sortedKeys(c.texts()) }

func sortedKeys(m map[string]float64) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (c *column) invalidTexts() bool { return c.GetStringStats().GetInvalidUtf8Count() > 0 }

// totalValues is how many values there are in all rows.
func (c *column) totalValues() float64 {
	s := c.common()
	switch {
	case c.in.byWeight:
		return s.GetWeightedCommonStats().GetTotNumValues()
	case s.GetTotNumValues() == 0:
		return float64(float32(s.GetNumNonMissing()) * s.GetAvgNumValues())
	}
	return float64(s.GetTotNumValues())
}

// histogram is the histogram of a kind, or nil.
func (c *column) histogram(kind tfmd.Histogram_HistogramType) *tfmd.Histogram {
	all := c.GetNumStats().GetHistograms()
	if c.in.byWeight {
		all = c.GetNumStats().GetWeightedNumericStats().GetHistograms()
	}
	for _, h := range all {
		if h.Type == kind {
			return h
		}
	}
	return nil
}

// featureType is what a schema calls the type of the column.
func (c *column) featureType() tfmd.FeatureType {
	switch c.Type {
	case tfmd.FeatureNameStatistics_BYTES, tfmd.FeatureNameStatistics_STRING:
		return tfmd.FeatureType_BYTES
	case tfmd.FeatureNameStatistics_INT:
		return tfmd.FeatureType_INT
	case tfmd.FeatureNameStatistics_FLOAT:
		return tfmd.FeatureType_FLOAT
	case tfmd.FeatureNameStatistics_STRUCT:
		return tfmd.FeatureType_STRUCT
	}
	return tfmd.FeatureType_TYPE_UNKNOWN
}

func (c *column) customStat(name string) *tfmd.CustomStatistic {
	for _, s := range c.CustomStats {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// standardStep is a step of a path that needs no quotes.
var standardStep = regexp.MustCompile(`^(?:\([^()]*\)|[^().']+)$`)

// serialize writes a path as TFDV does: steps joined by dots, in quotes where
// they hold dots, brackets or quotes.
func serialize(path []string) string {
	steps := make([]string, len(path))
	for i, s := range path {
		if !standardStep.MatchString(s) {
			s = "'" + strings.ReplaceAll(s, "'", "''") + "'"
		}
		steps[i] = s
	}
	return strings.Join(steps, ".")
}

// Whole is the data set of all rows: the only one, or the one of that name.
func Whole(list *tfmd.DatasetFeatureStatisticsList) (*tfmd.DatasetFeatureStatistics, error) {
	if len(list.GetDatasets()) == 1 {
		return list.Datasets[0], nil
	}
	for _, d := range list.GetDatasets() {
		if d.Name == stats.AllExamples {
			return d, nil
		}
	}
	return nil, &Error{fmt.Errorf("there are statistics of %d data sets and none is named %q: which one is meant?",
		len(list.GetDatasets()), stats.AllExamples)}
}

// Error says that statistics or a schema cannot be used as they were meant.
type Error struct{ err error }

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// Misuse reports that the command line has to be changed.
func (e *Error) Misuse() bool { return true }
