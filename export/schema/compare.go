package schema

import (
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// comparison is one of the two comparisons of a column with other rows.
type comparison struct {
	drift              bool
	control, treatment string
}

// comparisons are drift, against rows of before, and skew, of training against
// serving.
var comparisons = []comparison{{true, "previous", "current"}, {false, "serving", "training"}}

// update compares a column, and raises the thresholds of the schema to what was
// measured.
func (k comparison) update(c *column, f *tfmd.Feature) (out []reason, measured []*tfmd.DriftSkewInfo_Measurement) {
	rule, control := f.SkewComparator, c.in.serving
	if k.drift {
		rule, control = f.DriftComparator, c.in.previous
	}
	if rule == nil || infinityNorm(rule) == nil && jensenShannon(rule) == nil && absDifference(rule) == nil {
		return nil, nil
	}
	if control == nil {
		return nil, nil
	}
	other := control.byPath[serialize(c.path)]
	if other == nil {
		if rule.InfinityNorm != nil {
			rule.InfinityNorm.Threshold = nil
		}
		if rule.JensenShannonDivergence != nil {
			rule.JensenShannonDivergence.Threshold = nil
		}
		return []reason{{tfmd.AnomalyInfo_COMPARATOR_CONTROL_DATA_MISSING, k.control + " data missing",
			k.control + " data is missing."}}, nil
	}
	between := " between " + k.treatment + " and " + k.control
	check := func(kind tfmd.AnomalyInfo_Type, measure tfmd.DriftSkewInfo_Measurement_Type, name string, value float64,
		threshold *float64, end string) {
		measured = append(measured, &tfmd.DriftSkewInfo_Measurement{Type: measure.Enum(), Value: ptr(value),
			Threshold: ptr(*threshold)})
		if value > *threshold {
			out = append(out, reason{
				kind, "High " + name + between,
				"The " + name + between + " is " + sixDigits(value) + " (up to six significant digits), above the threshold " +
					sixDigits(*threshold) + end,
			})
			*threshold = value
		}
	}
	const largest = ". The feature value with maximum difference is: "
	if t := infinityNorm(rule); t != nil {
		value, d := LInfinity(c.texts(), other.texts())
		check(tfmd.AnomalyInfo_COMPARATOR_L_INFTY_HIGH, tfmd.DriftSkewInfo_Measurement_L_INFTY, "Linfty distance", d, t,
			largest+value)
	}
	if t := absDifference(rule); t != nil {
		value, d := NormalizedDifference(c.texts(), other.texts())
		check(tfmd.AnomalyInfo_COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH,
			tfmd.DriftSkewInfo_Measurement_NORMALIZED_ABSOLUTE_DIFFERENCE, "normalized absolute difference", d, t, largest+value)
	}
	if t := jensenShannon(rule); t != nil {
		kind := tfmd.Histogram_STANDARD
		if rule.JensenShannonDivergence.GetSource().GetType() == tfmd.HistogramSelection_QUANTILES {
			kind = tfmd.Histogram_QUANTILES
		}
		if d, err := columnDivergence(c, other, kind); err == nil {
			check(tfmd.AnomalyInfo_COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH,
				tfmd.DriftSkewInfo_Measurement_JENSEN_SHANNON_DIVERGENCE, "approximate Jensen-Shannon divergence", d, t, ".")
		}
	}
	return out, measured
}

// columnDivergence compares texts where both have them, else histograms.
func columnDivergence(a, b *column, kind tfmd.Histogram_HistogramType) (float64, error) {
	if x, y := a.texts(), b.texts(); len(x) > 0 && len(y) > 0 {
		return JensenShannon(x, y)
	}
	return JensenShannonHistograms(a.histogram(kind), b.histogram(kind))
}

// infinityNorm, absDifference and jensenShannon are the thresholds of a rule;
// nil: there is none.
func infinityNorm(rule *tfmd.FeatureComparator) *float64 {
	if rule.InfinityNorm == nil {
		return nil
	}
	return rule.InfinityNorm.Threshold
}

func absDifference(rule *tfmd.FeatureComparator) *float64 {
	if rule.NormalizedAbsDifference == nil {
		return nil
	}
	return rule.NormalizedAbsDifference.Threshold
}

func jensenShannon(rule *tfmd.FeatureComparator) *float64 {
	if rule.JensenShannonDivergence == nil {
		return nil
	}
	return rule.JensenShannonDivergence.Threshold
}
