package schema

import (
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// customDomain gives a feature the domain that a generator of statistics has
// found, and reports whether it did.
func customDomain(c *column, f *tfmd.Feature) bool {
	text := ""
	for _, s := range c.CustomStats {
		if s.Name == "domain_info" {
			if text != "" {
				return false
			}
			text = s.GetStr()
		}
	}
	parsed := &tfmd.Feature{}
	if text == "" || f.DomainInfo != nil || prototext.Unmarshal([]byte(text), parsed) != nil {
		return false
	}
	domain := parsed.DomainInfo
	parsed.DomainInfo = nil
	if domain == nil || !proto.Equal(parsed, &tfmd.Feature{}) {
		return false
	}
	f.DomainInfo = domain
	return true
}

// updateSparse checks a feature that is made of indexes and values.
func updateSparse(c *column, s *tfmd.SparseFeature) (out []reason) {
	for _, custom := range c.CustomStats {
		switch name := custom.Name; name {
		case "missing_value":
			if custom.GetNum() != 0 {
				out = append(out, reason{tfmd.AnomalyInfo_SPARSE_FEATURE_MISSING_VALUE, "Missing value feature",
					"Found " + sixDigits(custom.GetNum()) + " examples missing value feature"})
			}
		case "missing_index":
			for _, b := range custom.GetRankHistogram().GetBuckets() {
				if n := int(b.SampleCount); n != 0 {
					out = append(out, reason{tfmd.AnomalyInfo_SPARSE_FEATURE_MISSING_INDEX, "Missing index feature",
						fmt.Sprintf("Found %d examples missing index feature: %s", n, b.Label)})
				}
			}
		case "max_length_diff", "min_length_diff":
			for _, b := range custom.GetRankHistogram().GetBuckets() {
				if b.SampleCount != 0 {
					out = append(out, reason{
						tfmd.AnomalyInfo_SPARSE_FEATURE_LENGTH_MISMATCH, "Length mismatch between value and index feature",
						fmt.Sprintf("Mismatch between index feature: %s and value column, with %s = %d", b.Label, name,
							int(b.SampleCount)),
					})
				}
			}
		}
	}
	if len(out) > 0 {
		s.LifecycleStage = tfmd.LifecycleStage_DEPRECATED.Enum()
	}
	return out
}

// updateWeighted checks a feature that is made of values and weights.
func updateWeighted(c *column, w *tfmd.WeightedFeature) (out []reason) {
	shortest, longest := 0, 0
	for _, custom := range c.CustomStats {
		n := custom.GetNum()
		switch {
		case n == 0:
		case custom.Name == "missing_value":
			out = append(out, reason{tfmd.AnomalyInfo_WEIGHTED_FEATURE_MISSING_VALUE, "Missing value feature",
				"Found " + sixDigits(n) + " examples missing value feature."})
		case custom.Name == "missing_weight":
			out = append(out, reason{tfmd.AnomalyInfo_WEIGHTED_FEATURE_MISSING_WEIGHT, "Missing weight feature",
				"Found " + sixDigits(n) + " examples missing weight feature."})
		case custom.Name == "min_weight_length_diff":
			shortest = int(n)
		case custom.Name == "max_weight_length_diff":
			longest = int(n)
		}
	}
	if shortest != 0 || longest != 0 {
		out = append(out, reason{
			tfmd.AnomalyInfo_WEIGHTED_FEATURE_LENGTH_MISMATCH, "Length mismatch between value and weight feature",
			fmt.Sprintf("Mismatch between weight and value feature with min_weight_length_diff = %d and max_weight_length_diff = %d.", shortest, longest),
		})
	}
	if len(out) > 0 {
		w.LifecycleStage = tfmd.LifecycleStage_DEPRECATED.Enum()
	}
	return out
}

// updateImages checks the images of a feature.
func updateImages(c *column, d *tfmd.ImageDomain) (out []reason) {
	if formats := c.customStat("image_format_histogram"); formats != nil && d.MinimumSupportedImageFraction != nil {
		var supported, other float32
		for _, b := range formats.GetRankHistogram().GetBuckets() {
			if b.Label == "UNKNOWN" {
				other += float32(b.SampleCount)
			} else {
				supported += float32(b.SampleCount)
			}
		}
		if part, least := supported/(supported+other), d.GetMinimumSupportedImageFraction(); part < least {
			out = append(out, reason{
				tfmd.AnomalyInfo_LOW_SUPPORTED_IMAGE_FRACTION, "Low supported image fraction",
				fmt.Sprintf("Fraction of values containing TensorFlow supported images: %f is lower than the threshold set in the Schema: %f.", part, least),
			})
			d.MinimumSupportedImageFraction = &part
		}
	}
	if most := c.GetBytesStats().GetMaxNumBytesInt(); d.MaxImageByteSize != nil && int64(most) > d.GetMaxImageByteSize() {
		out = append(out, reason{
			tfmd.AnomalyInfo_MAX_IMAGE_BYTE_SIZE_EXCEEDED, "Num bytes exceeds the max byte size.",
			fmt.Sprintf("The largest image has bytes: %d. The max allowed byte size is: %d.", most, d.GetMaxImageByteSize()),
		})
		d.MaxImageByteSize = ptr(int64(most))
	}
	return out
}

// updateLanguage checks texts of natural language, by the statistics that a
// generator of TFDV makes.
func updateLanguage(c *column, f *tfmd.Feature, d *tfmd.NaturalLanguageDomain) (out []reason) {
	found := &tfmd.NaturalLanguageStatistics{}
	custom := c.customStat("nl_statistics")
	if custom != nil && custom.GetAny().UnmarshalTo(found) != nil {
		return nil
	}
	unavailable := reason{
		tfmd.AnomalyInfo_STATS_NOT_AVAILABLE, "Natural language stats are not computed.",
		"Constraints specified in natural language domain cannot be verified because natural language stats have not been computed.",
	}
	cover := d.GetCoverage()
	if custom == nil && (cover != nil && (cover.MinCoverage != nil || cover.MinAvgTokenLength != nil) ||
		len(d.TokenConstraints) > 0) {
		f.DomainInfo = nil
		return []reason{unavailable}
	}
	out = updateCoverage(found, cover)
	for _, rule := range d.TokenConstraints {
		name := ""
		switch v := rule.Value.(type) {
		case *tfmd.SequenceValueConstraints_IntValue:
			name = strconv.FormatInt(v.IntValue, 10)
		case *tfmd.SequenceValueConstraints_StringValue:
			name = v.StringValue
		default:
			continue
		}
		token := tokenOf(found, rule)
		if token == nil {
			f.DomainInfo = nil
			return append(out, unavailable)
		}
		out = append(out, updateToken(token, name, rule)...)
	}
	return out
}

// tokenOf are the statistics of the token that a rule is about, or nil.
func tokenOf(s *tfmd.NaturalLanguageStatistics,
	rule *tfmd.SequenceValueConstraints) *tfmd.NaturalLanguageStatistics_TokenStatistics {
	for _, t := range s.TokenStatistics {
		switch v := rule.Value.(type) {
		case *tfmd.SequenceValueConstraints_IntValue:
			if is, ok := t.Token.(*tfmd.NaturalLanguageStatistics_TokenStatistics_IntToken); ok && is.IntToken == v.IntValue {
				return t
			}
		case *tfmd.SequenceValueConstraints_StringValue:
			if is, ok := t.Token.(*tfmd.NaturalLanguageStatistics_TokenStatistics_StringToken); ok &&
				is.StringToken == v.StringValue {
				return t
			}
		}
	}
	return nil
}

func updateCoverage(s *tfmd.NaturalLanguageStatistics, c *tfmd.FeatureCoverageConstraints) (out []reason) {
	if c != nil && c.MinCoverage != nil && float64(c.GetMinCoverage()) > float64(s.FeatureCoverage) {
		out = append(out, reason{
			tfmd.AnomalyInfo_FEATURE_COVERAGE_TOO_LOW, "Feature coverage is too low.",
			"Fraction of tokens in the vocabulary: " + sixDigits(float64(s.FeatureCoverage)) +
				" is lower than the threshold set in the Schema: " + sixDigits(float64(c.GetMinCoverage())) + ".",
		})
		*c.MinCoverage = float32(s.FeatureCoverage)
	}
	if c != nil && c.MinAvgTokenLength != nil && float64(s.AvgTokenLength) < float64(c.GetMinAvgTokenLength()) {
		out = append(out, reason{
			tfmd.AnomalyInfo_FEATURE_COVERAGE_TOO_SHORT_AVG_TOKEN_LENGTH, "Average token length is too short.",
			"Average token length is: " + sixDigits(float64(s.AvgTokenLength)) +
				" which is lower than the threshold set in the Schema: " + sixDigits(float64(c.GetMinAvgTokenLength())) + ".",
		})
		*c.MinAvgTokenLength = float32(s.AvgTokenLength)
	}
	return out
}

func updateToken(t *tfmd.NaturalLanguageStatistics_TokenStatistics, name string,
	rule *tfmd.SequenceValueConstraints) (out []reason) {
	part := func(kind tfmd.AnomalyInfo_Type, size, side string, bound *float32) {
		out = append(out, reason{
			kind, "Value occurs in too " + size + " a fraction of sequences.",
			"Fraction of sequences with value: " + name + " is: " + sixDigits(float64(t.FractionOfSequences)) + " which is " +
				side + " than the threshold set in the Schema: " + sixDigits(float64(*bound)) + ".",
		})
		*bound = float32(t.FractionOfSequences)
	}
	if b := rule.MinFractionOfSequences; b != nil && float64(*b) > float64(t.FractionOfSequences) {
		part(tfmd.AnomalyInfo_SEQUENCE_VALUE_TOO_SMALL_FRACTION, "small", "lower", b)
	}
	if b := rule.MaxFractionOfSequences; b != nil && float64(*b) < float64(t.FractionOfSequences) {
		part(tfmd.AnomalyInfo_SEQUENCE_VALUE_TOO_LARGE_FRACTION, "large", "higher", b)
	}
	often := func(kind tfmd.AnomalyInfo_Type, many, end, side string, n float64, bound *int64) {
		out = append(out, reason{
			kind, "Value has too " + many + " per-sequence occurrences.",
			"Value: " + name + " occurs at " + end + ": " + sixDigits(n) + " times within a sequence, which is " + side +
				" than the threshold set in the Schema: " + strconv.FormatInt(*bound, 10) + ".",
		})
		*bound = int64(n)
	}
	if b := rule.MinPerSequence; b != nil && float64(*b) > float64(t.PerSequenceMinFrequency) {
		often(tfmd.AnomalyInfo_SEQUENCE_VALUE_TOO_FEW_OCCURRENCES, "few", "least", "lower",
			float64(t.PerSequenceMinFrequency), b)
	}
	if b := rule.MaxPerSequence; b != nil && float64(*b) < float64(t.PerSequenceMaxFrequency) {
		often(tfmd.AnomalyInfo_SEQUENCE_VALUE_TOO_MANY_OCCURRENCES, "many", "most", "higher",
			float64(t.PerSequenceMaxFrequency), b)
	}
	return out
}
