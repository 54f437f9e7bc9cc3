package schema

import (
	"fmt"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// inferPresence says how often a new feature must be there, and its shape.
func inferPresence(c *column, shape bool, f *tfmd.Feature) {
	p := &tfmd.FeaturePresence{MinCount: new(int64)}
	f.PresenceConstraints = &tfmd.Feature_Presence{Presence: p}
	if c.present() >= 1 {
		*p.MinCount = 1
	}
	if c.present() <= 0 {
		return
	}
	if c.missing() == 0 {
		p.MinFraction = ptr(1.0)
	}
	if shape {
		inferShape(c, f)
	}
	if f.GetShape() == nil {
		inferValueCount(c, f)
	}
}

func ptr[T any](v T) *T { return &v }

func inferShape(c *column, f *tfmd.Feature) {
	if c.featureType() == tfmd.FeatureType_STRUCT {
		return
	}
	s := &tfmd.FixedShape{}
	missing := c.missingNested()
	for i, v := range c.valencies() {
		if i < len(missing) && missing[i] != 0 || v.min != v.max || v.min <= 0 {
			return
		}
		s.Dim = append(s.Dim, &tfmd.FixedShape_Dim{Size: ptr(v.min)})
	}
	f.ShapeType = &tfmd.Feature_Shape{Shape: s}
}

func inferValueCount(c *column, f *tfmd.Feature) {
	all := c.valencies()
	var counts []*tfmd.ValueCount
	for _, v := range all {
		n := &tfmd.ValueCount{}
		switch {
		case v.min > 0 && v.min == v.max:
			n.Min, n.Max = ptr(v.min), ptr(v.max)
		case v.min > 0:
			n.Min = ptr(int64(1))
		}
		counts = append(counts, n)
	}
	if len(c.common().GetPresenceAndValencyStats()) > 1 {
		f.ShapeType = &tfmd.Feature_ValueCounts{ValueCounts: &tfmd.ValueCountList{ValueCount: counts}}
	} else if len(all) == 1 && all[0].min > 0 {
		f.ShapeType = &tfmd.Feature_ValueCount{ValueCount: counts[0]}
	}
}

// updateValueCounts checks how many values rows have.
func updateValueCounts(c *column, f *tfmd.Feature) []reason {
	all := c.valencies()
	switch s := f.ShapeType.(type) {
	case *tfmd.Feature_ValueCount:
		if len(all) > 1 {
			f.ShapeType = nil
			inferValueCount(c, f)
			return []reason{{
				tfmd.AnomalyInfo_VALUE_NESTEDNESS_MISMATCH, "Mismatched value nest level",
				"This feature has a value_count, but the nestedness level of the feature > 1. For features with nestedness levels greater than 1, value_counts, not value_count, should be specified.",
			}}
		}
		return updateValueCount(all[0], s.ValueCount, ".")
	case *tfmd.Feature_ValueCounts:
		counts := s.ValueCounts.GetValueCount()
		if len(counts) != len(all) {
			f.ShapeType = nil
			inferValueCount(c, f)
			return []reason{{
				tfmd.AnomalyInfo_VALUE_NESTEDNESS_MISMATCH, "Mismatched value nest level",
				"The values have a different nest level than expected. Value counts will not be checked.",
			}}
		}
		var out []reason
		for i, n := range counts {
			out = append(out, updateValueCount(all[i], n, fmt.Sprintf(" at nestedness level %d.", i))...)
		}
		return out
	}
	return nil
}

func updateValueCount(v valency, n *tfmd.ValueCount, end string) (out []reason) {
	if n.Min != nil && v.min < n.GetMin() {
		out = append(out, reason{tfmd.AnomalyInfo_FEATURE_TYPE_LOW_NUMBER_VALUES, "Missing values",
			"Some examples have fewer values than expected" + end})
		if n.Min = ptr(v.min); v.min == 0 {
			n.Min = nil
		}
	}
	if n.Max != nil && v.max > n.GetMax() {
		out = append(out, reason{tfmd.AnomalyInfo_FEATURE_TYPE_HIGH_NUMBER_VALUES, "Superfluous values",
			"Some examples have more values than expected" + end})
		n.Max = ptr(v.max)
	}
	return out
}

// updateShape checks a fixed shape.
func updateShape(c *column, f *tfmd.Feature) []reason {
	s, ok := f.ShapeType.(*tfmd.Feature_Shape)
	if !ok {
		return nil
	}
	expected, actual := int64(1), int64(1)
	for _, d := range s.Shape.GetDim() {
		expected *= d.GetSize()
	}
	varies := false
	for _, v := range c.valencies() {
		varies = varies || v.min != v.max || v.min == 0
		actual *= v.min
	}
	for _, missing := range c.missingNested() {
		varies = varies || missing != 0
	}
	switch {
	case varies:
		f.ShapeType = nil
		return []reason{{
			tfmd.AnomalyInfo_INVALID_FEATURE_SHAPE, "Feature shape dropped",
			"The feature has a shape, but it's not always present (if the feature is nested, then it should always be present at each nested level) or its value lengths vary.",
		}}
	case actual != expected:
		f.ShapeType = nil
		return []reason{{
			tfmd.AnomalyInfo_INVALID_FEATURE_SHAPE, "Feature shape dropped",
			fmt.Sprintf("The feature has fixed value length %d but it's not compatible with the specified shape.", actual),
		}}
	}
	return nil
}

// updatePresence checks how often a feature is there.
func updatePresence(c *column, p *tfmd.FeaturePresence) (out []reason) {
	if p.MinCount != nil && c.present() < float64(p.GetMinCount()) {
		before := p.GetMinCount()
		p.MinCount = ptr(int64(c.present()))
		out = append(out, reason{
			tfmd.AnomalyInfo_FEATURE_TYPE_LOW_NUMBER_PRESENT, "Column dropped",
			fmt.Sprintf("The feature was present in fewer examples than expected: minimum count = %d, actual = %d", before,
				p.GetMinCount()),
		})
	}
	part, ok := c.fraction()
	if p.MinFraction == nil || !ok {
		return out
	}
	if part < p.GetMinFraction() {
		before := float32(p.GetMinFraction())
		p.MinFraction = ptr(part)
		out = append(out, reason{
			tfmd.AnomalyInfo_FEATURE_TYPE_LOW_FRACTION_PRESENT, "Column dropped",
			fmt.Sprintf("The feature was present in fewer examples than expected: minimum fraction = %f, actual = %f", before,
				part),
		})
	}
	if p.GetMinFraction() == 1 && c.missing() != 0 {
		// So few are missing that the fraction does not show them.
		p.MinFraction = ptr(0.9999)
		out = append(out, reason{
			tfmd.AnomalyInfo_FEATURE_TYPE_LOW_FRACTION_PRESENT, "Column dropped",
			"The feature was expected everywhere, but was missing in " + sixDigits(c.missing()) + " examples.",
		})
	}
	return out
}

// updateUnique checks how many different values there are.
func updateUnique(c *column, f *tfmd.Feature) (out []reason) {
	u := f.UniqueConstraints
	if c.GetStringStats() == nil {
		f.UniqueConstraints = nil
		return []reason{{
			tfmd.AnomalyInfo_FEATURE_TYPE_NO_UNIQUE, "No unique values",
			"UniqueConstraints specified for the feature, but unique values were not counted (i.e., feature is not string or categorical).",
		}}
	}
	n := int64(c.GetStringStats().GetUnique())
	if n < u.GetMin() {
		out = append(out, reason{tfmd.AnomalyInfo_FEATURE_TYPE_LOW_UNIQUE, "Low number of unique values",
			fmt.Sprintf("Expected at least %d unique values but found only %d.", u.GetMin(), n)})
		u.Min = ptr(n)
	}
	if n > u.GetMax() {
		out = append(out, reason{tfmd.AnomalyInfo_FEATURE_TYPE_HIGH_UNIQUE, "High number of unique values",
			fmt.Sprintf("Expected no more than %d unique values but found %d.", u.GetMax(), n)})
		u.Max = ptr(n)
	}
	return out
}
