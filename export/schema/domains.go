package schema

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// sixDigits writes a number as TFDV does in its texts.
func sixDigits(x float64) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}

// Texts that stand for true and for false.
var (
	trueTexts  = []string{"TRUE", "true", "SET", "set", "1", ""}
	falseTexts = []string{"FALSE", "false", "CLEAR", "clear", "0"}
)

// inferBool is the domain of a column that holds only true and false, or nil. A
// column of zeros has none, because 1 was never seen.
func inferBool(c *column) *tfmd.BoolDomain {
	if c.Type == tfmd.FeatureNameStatistics_INT {
		n := c.GetNumStats()
		if n.GetMin() >= 0 && n.GetMax() == 1 {
			return &tfmd.BoolDomain{}
		}
		return nil
	}
	values := c.values()
	if c.Type != tfmd.FeatureNameStatistics_STRING || len(values) == 0 || len(values) > 2 {
		return nil
	}
	d := &tfmd.BoolDomain{}
	for _, v := range values {
		switch {
		case d.TrueValue == nil && slices.Contains(trueTexts, v):
			d.TrueValue = &v
		case d.FalseValue == nil && slices.Contains(falseTexts, v):
			d.FalseValue = &v
		default:
			return nil
		}
	}
	return d
}

func updateBool(c *column, f *tfmd.Feature) []reason {
	n := c.GetNumStats()
	switch c.Type {
	case tfmd.FeatureNameStatistics_INT:
		toInts := func(kind tfmd.AnomalyInfo_Type, x float64) []reason {
			f.DomainInfo = &tfmd.Feature_IntDomain{IntDomain: &tfmd.IntDomain{Min: ptr(int64(n.GetMin())),
				Max: ptr(int64(n.GetMax()))}}
			return []reason{{kind, "Non-boolean values", "Integers (such as " + sixDigits(x) +
				") not in {0, 1}: converting to an integer."}}
		}
		if n.GetMin() < 0 {
			return toInts(tfmd.AnomalyInfo_BOOL_TYPE_SMALL_INT, n.GetMin())
		}
		if n.GetMax() > 1 {
			return toInts(tfmd.AnomalyInfo_BOOL_TYPE_BIG_INT, n.GetMax())
		}
	case tfmd.FeatureNameStatistics_FLOAT:
		if what := notBool(n); what != "" {
			f.DomainInfo = &tfmd.Feature_FloatDomain{FloatDomain: &tfmd.FloatDomain{Min: ptr(float32(n.GetMin())),
				Max: ptr(float32(n.GetMax()))}}
			return []reason{{tfmd.AnomalyInfo_BOOL_TYPE_UNEXPECTED_FLOAT, "Non-boolean values", what}}
		}
	case tfmd.FeatureNameStatistics_STRING:
		return updateBoolTexts(c, f)
	}
	return nil
}

// notBool says which numbers of a column are neither 0 nor 1; empty: none.
func notBool(n *tfmd.NumericStatistics) string {
	for _, x := range []float64{n.GetMin(), n.GetMax()} {
		if x != 0 && x != 1 {
			return "Floats (such as " + sixDigits(x) + ") not in {0, 1}: converting to float_domain."
		}
	}
	for _, h := range n.GetHistograms() {
		if h.NumNan > 0 {
			return "Floats (such as NaN) not in {0, 1}: converting to float_domain."
		}
		for _, b := range h.Buckets {
			switch {
			case b.SampleCount <= 0:
			case b.HighValue < 0:
				return "Float values < 0 not in {0, 1}: converting to float_domain."
			case b.LowValue > 1:
				return "Float values > 1 not in {0, 1}: converting to float_domain."
			case h.Type == tfmd.Histogram_QUANTILES && b.HighValue < 1 && b.LowValue > 0:
				return "Float values falling between 0 and 1: converting to float_domain."
			}
		}
	}
	return ""
}

func updateBoolTexts(c *column, f *tfmd.Feature) []reason {
	d := f.GetBoolDomain()
	var valid []string
	if d.TrueValue != nil {
		valid = append(valid, d.GetTrueValue())
	}
	if d.FalseValue != nil {
		valid = append(valid, d.GetFalseValue())
	}
	slices.Sort(valid)
	for _, v := range c.values() {
		if slices.Contains(valid, v) {
			continue
		}
		allowed := "{}"
		if len(valid) > 0 {
			allowed = `{"` + strings.Join(slices.Compact(valid), `", "`) + `"}`
		}
		f.DomainInfo = nil
		return []reason{{tfmd.AnomalyInfo_BOOL_TYPE_UNEXPECTED_STRING, "Non-boolean values",
			`Saw unexpected value "` + v + `" instead of ` + allowed + "."}}
	}
	return nil
}

// parseInt reads a text as TFDV reads integers: with blanks around them.
func parseInt(text string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return n, err == nil
}

// allInts reports whether there are texts and all are integers.
func allInts(values []string) bool {
	return len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool { _, ok := parseInt(v); return !ok })
}

// updateInts checks the range of integers, which may be texts.
func updateInts(c *column, d *tfmd.IntDomain) (out []reason, clear bool) {
	low, high, example, ok := intRange(c)
	switch {
	case example != "" && c.featureType() == tfmd.FeatureType_BYTES:
		return []reason{{tfmd.AnomalyInfo_INT_TYPE_NOT_INT_STRING, "Invalid values",
			`String values that were not ints were found, such as "` + example + `".`}}, true
	case example != "" && (d.Min != nil || d.Max != nil):
		return []reason{{tfmd.AnomalyInfo_DOMAIN_INVALID_FOR_TYPE, "Invalid values",
			`Integer had values that were not valid Int64, such as "` + example + `".`}}, true
	case !ok:
		return nil, false
	}
	if d.Min != nil && d.GetMin() > low {
		out = append(out, reason{tfmd.AnomalyInfo_INT_TYPE_SMALL_INT, "Out-of-range values",
			"Unexpectedly small value: " + strconv.FormatInt(low, 10) + "."})
		d.Min = &low
	}
	if d.Max != nil && d.GetMax() < high {
		out = append(out, reason{tfmd.AnomalyInfo_INT_TYPE_BIG_INT, "Out-of-range values",
			"Unexpectedly large value: " + strconv.FormatInt(high, 10) + "."})
		d.Max = &high
	}
	return out, false
}

// intRange is the range of the integers of a column; example is a value that is
// none.
func intRange(c *column) (low, high int64, example string, ok bool) {
	values := c.values()
	switch c.Type {
	case tfmd.FeatureNameStatistics_INT:
		if len(values) > 0 {
			break
		}
		n := c.GetNumStats()
		if n.GetMin() < math.MinInt64 {
			return 0, 0, strconv.FormatFloat(n.GetMin(), 'f', 6, 64), false
		}
		if n.GetMax() > math.MaxInt64 {
			return 0, 0, strconv.FormatFloat(n.GetMax(), 'f', 6, 64), false
		}
		return toInt(n.GetMin()), toInt(n.GetMax()), "", true
	case tfmd.FeatureNameStatistics_STRING, tfmd.FeatureNameStatistics_BYTES:
	default:
		return 0, 0, "", false
	}
	for i, v := range values {
		n, isInt := parseInt(v)
		if !isInt {
			return 0, 0, v, false
		}
		if i == 0 {
			low, high = n, n
		}
		low, high = min(low, n), max(high, n)
	}
	return low, high, "", len(values) > 0
}

// toInt is the integer of a double that is at most 2^63.
func toInt(x float64) int64 {
	if x >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(x)
}

// updateFloats checks the range of numbers, which may be texts.
func updateFloats(c *column, d *tfmd.FloatDomain) (out []reason, clear bool) {
	low, high, example, nan, ok := floatRange(c)
	if d.GetDisallowNan() && nan {
		out = append(out, reason{tfmd.AnomalyInfo_FLOAT_TYPE_HAS_NAN, "Invalid values", "Float feature has NaN values."})
		d.DisallowNan = ptr(false)
	}
	if example != "" {
		return append(out, reason{tfmd.AnomalyInfo_FLOAT_TYPE_STRING_NOT_FLOAT, "Invalid values",
			`String values that were not floats were found, such as "` + example + `".`}), true
	}
	if !ok {
		return out, false
	}
	const digits = "(upto six significant digits)"
	if d.Min != nil && low < d.GetMin() {
		out = append(out, reason{tfmd.AnomalyInfo_FLOAT_TYPE_SMALL_FLOAT, "Out-of-range values",
			"Unexpectedly low values: " + sixDigits(float64(low)) + "<" + sixDigits(float64(d.GetMin())) + digits})
		d.Min = &low
	}
	if d.Max != nil && high > d.GetMax() {
		out = append(out, reason{tfmd.AnomalyInfo_FLOAT_TYPE_BIG_FLOAT, "Out-of-range values",
			"Unexpectedly high value: " + sixDigits(float64(high)) + ">" + sixDigits(float64(d.GetMax())) + digits})
		d.Max = &high
	}
	if d.GetDisallowInf() && (math.IsInf(float64(low), 0) || math.IsInf(float64(high), 0)) {
		out = append(out, reason{tfmd.AnomalyInfo_FLOAT_TYPE_HAS_INF, "Invalid values", "Float feature has Inf values."})
		d.DisallowInf = ptr(false)
	}
	return out, false
}

func floatRange(c *column) (low, high float32, example string, nan, ok bool) {
	switch c.Type {
	case tfmd.FeatureNameStatistics_FLOAT:
		n := c.GetNumStats()
		nan = slices.ContainsFunc(n.GetHistograms(), func(h *tfmd.Histogram) bool { return h.NumNan > 0 })
		return float32(n.GetMin()), float32(n.GetMax()), "", nan, true
	case tfmd.FeatureNameStatistics_STRING, tfmd.FeatureNameStatistics_BYTES:
		for i, v := range c.values() {
			x, err := strconv.ParseFloat(strings.TrimSpace(v), 32)
			if err != nil && !math.IsInf(x, 0) {
				return 0, 0, v, nan, false
			}
			f := float32(x)
			if nan = nan || math.IsNaN(x); i == 0 {
				low, high, ok = f, f, true
			}
			low, high = min(low, f), max(high, f)
		}
	}
	return low, high, "", nan, ok
}

// maxOffDomain is which part of the values may be outside of a domain.
func maxOffDomain(f *tfmd.Feature) float64 {
	if d := f.DistributionConstraints; d != nil && d.MinDomainMass != nil {
		return 1 - d.GetMinDomainMass()
	}
	return 0
}

// updateTexts checks texts against those of a domain.
func updateTexts(c *column, most float64, d *tfmd.StringDomain) (out []reason, clear bool) {
	if c.invalidTexts() {
		return []reason{{tfmd.AnomalyInfo_ENUM_TYPE_INVALID_UTF8, "Invalid UTF8 strings",
			"Found strings that were not valid UTF8 strings."}}, true
	}
	known := map[string]bool{}
	for _, v := range d.Value {
		known[v] = true
	}
	texts := c.texts()
	var unknown []string
	count := 0.0
	for _, v := range sortedKeys(texts) {
		if !known[v] {
			unknown = append(unknown, v)
			count += texts[v]
		}
	}
	total := c.totalValues()
	if len(unknown) == 0 || !(count/total > most || most == 0) {
		return nil, false
	}
	var parts []string
	for _, v := range unknown {
		parts = append(parts, cEscape(v)+" ("+percentage(math.Trunc(texts[v]), total)+")")
	}
	d.Value = append(d.Value, unknown...)
	return []reason{{tfmd.AnomalyInfo_ENUM_TYPE_UNEXPECTED_STRING_VALUES, "Unexpected string values",
		"Examples contain values missing from the schema: " + strings.Join(parts, ", ") + ". "}}, false
}

// percentage is a part in whole percent, rounded down.
func percentage(count, total float64) string {
	if total == 0 {
		return "?"
	}
	p := 100 * count / total
	if p < 1 {
		return "<1%"
	}
	return "~" + strconv.Itoa(int(math.Floor(p))) + "%"
}

// cEscape escapes a text as absl::Utf8SafeCEscape does.
func cEscape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch ch := text[i]; {
		case ch == '\n':
			b.WriteString(`\n`)
		case ch == '\r':
			b.WriteString(`\r`)
		case ch == '\t':
			b.WriteString(`\t`)
		case ch == '"' || ch == '\'' || ch == '\\':
			b.WriteByte('\\')
			b.WriteByte(ch)
		case ch < 0x20 || ch == 0x7f:
			b.WriteString(`\` + string([]byte{'0' + ch>>6, '0' + ch>>3&7, '0' + ch&7}))
		default:
			b.WriteByte(ch)
		}
	}
	return b.String()
}
