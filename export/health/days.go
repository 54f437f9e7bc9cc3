package health

import "math"

// judgeDay looks for slow changes that end on a day, and for scores that say
// something else than the day before.
func (t *Table) judgeDay(r Rules, slice string, day Hour) (out []Alarm) {
	for i, name := range t.Labels {
		if a, ok := t.trend(r, slice, day, i); ok {
			a.Label = name
			out = append(out, a)
		}
		if a, ok := t.calibrationStep(r, slice, day, i); ok {
			a.Label = name
			out = append(out, a)
		}
	}
	return out
}

// trend fits a line to the logarithms of the daily rates, each with the weight
// of its positives. A step is not a trend: without the day on either side of
// the largest step the change must still be there.
func (t *Table) trend(r Rules, slice string, day Hour, label int) (Alarm, bool) {
	var xs, ys, ws []float64
	for d := r.Trend - 1; d >= 0; d-- {
		c := t.usual(slice, day-Hour(24*d), day-Hour(24*d)+24).Labels[label]
		if c.Positive > 0 && c.Known > 0 {
			rate := float64(c.Positive) / float64(c.Known)
			xs, ys = append(xs, float64(-d)), append(ys, math.Log(rate))
			ws = append(ws, float64(c.Positive)/(1-min(rate, 1-1e-9)))
		}
	}
	if len(xs) < r.Trend/2 {
		return Alarm{}, false
	}
	slope, level, deviation := fit(xs, ys, ws)
	// Days vary more than chance within a day says: the scatter around the line
	// tells how much.
	scatter := 0.0
	for i := range xs {
		e := ys[i] - level - slope*xs[i]
		scatter += ws[i] * e * e
	}
	deviation *= math.Sqrt(max(1, scatter/float64(len(xs)-2)))
	p := math.Erfc(math.Abs(slope) / deviation / math.Sqrt2)
	was, is := math.Exp(level+slope*xs[0]), math.Exp(level+slope*xs[len(xs)-1])
	if p >= r.P || math.Abs(change(was, is)) <= r.Rate || mostlyOneStep(ys, slope) {
		return Alarm{}, false
	}
	return Alarm{Kind: KindTrend, Slice: slice, From: day - Hour(24*(r.Trend-1)), To: day + 24, Was: was, Is: is, P: p},
		true
}

// fit is the weighted line through points: its slope, its value at 0, and the
// standard deviation of the slope.
func fit(xs, ys, ws []float64) (slope, level, deviation float64) {
	var w, wx, wy float64
	for i := range xs {
		w, wx, wy = w+ws[i], wx+ws[i]*xs[i], wy+ws[i]*ys[i]
	}
	mx, my := wx/w, wy/w
	var sxx, sxy float64
	for i := range xs {
		sxx += ws[i] * (xs[i] - mx) * (xs[i] - mx)
		sxy += ws[i] * (xs[i] - mx) * (ys[i] - my)
	}
	slope = sxy / sxx
	return slope, my - slope*mx, 1 / math.Sqrt(sxx)
}

// mostlyOneStep reports whether one day's step is more than half of the change
// that a line shows.
func mostlyOneStep(ys []float64, slope float64) bool {
	total := slope * float64(len(ys)-1)
	for i := 1; i < len(ys); i++ {
		if step := ys[i] - ys[i-1]; step*total > 0 && math.Abs(step) > math.Abs(total)/2 {
			return true
		}
	}
	return false
}

// calibrationStep compares how often what scores predict has happened with the
// last day that has rows.
func (t *Table) calibrationStep(r Rules, slice string, day Hour, label int) (Alarm, bool) {
	now := t.usual(slice, day, day+24)
	var past Cell
	for d := 1; d <= r.History; d++ {
		if past = t.usual(slice, day-Hour(24*d), day-Hour(24*d)+24); past.Scored > 0 {
			break
		}
	}
	was, is := past.ratio(label), now.ratio(label)
	if math.IsNaN(was) || math.IsNaN(is) {
		return Alarm{}, false
	}
	p := poisson(float64(now.Hits[label]), float64(past.Hits[label]),
		float64(past.Expected[label])/float64(now.Expected[label]))
	if p >= r.P || math.Abs(change(was, is)) <= r.Calibration {
		return Alarm{}, false
	}
	return Alarm{Kind: KindCalibration, Slice: slice, From: day, To: day + 24, Was: was, Is: is, P: p}, true
}

// ratio is how often a label was positive by how often scores predicted it; NaN
// where they predicted nothing.
func (c *Cell) ratio(label int) float64 {
	if label >= len(c.Expected) || c.Expected[label] <= 0 {
		return math.NaN()
	}
	return float64(c.Hits[label]) * predictedScale / float64(c.Expected[label])
}

// PredictedRate is the mean score of the rows that have one and whose label is known, and how many
// rows have a score.
func (c *Cell) PredictedRate(label int) (mean float64, scored uint64) {
	if label >= len(c.Expected) || c.Scored == 0 || c.Labels[label].Known == 0 {
		return 0, 0
	}
	// Scored rows whose label is not known are rare, and not counted one by one.
	known := min(c.Scored, c.Labels[label].Known)
	return float64(c.Expected[label]) / predictedScale / float64(known), known
}

// Decile are the rows between two scores.
type Decile struct {
	Low       float64  `json:"low"`  // of the scores
	High      float64  `json:"high"` // included
	Rows      uint64   `json:"rows"`
	Predicted int64    `json:"predicted"` // sum of the scores, in units of 2^-32
	Known     []uint64 `json:"known"`
	Positive  []uint64 `json:"positive"`
	Expected  []int64  `json:"expected"` // sum of the scores of the known rows, per label
}

// add adds the rows of the same decile.
func (d *Decile) add(o *Decile) {
	d.Rows, d.Predicted = d.Rows+o.Rows, d.Predicted+o.Predicted
	for i := range o.Known {
		d.Known[i] += o.Known[i]
		d.Positive[i] += o.Positive[i]
		d.Expected[i] += o.Expected[i]
	}
}

// Calibration is what scores say of a label, and what happened.
type Calibration struct {
	Label             string
	Predicted, Actual float64 // mean score and rate of the rows that are known
	// Error is the expected calibration error over the deciles: the mean
	// difference of both, weighted by rows (Naeini, Cooper and Hauskrecht,
	// 2015).
	Error   float64
	Deciles []CalibrationDecile
}

// CalibrationDecile is one of ten parts of the rows, by their scores.
type CalibrationDecile struct {
	Low, High, Predicted float64
	Actual               Rate
}

// CalibrationOf compares the scores with a label. ok is false where no row has
// a score from 0 to 1: such scores are no probabilities.
func (t *Table) CalibrationOf(label int) (c Calibration, ok bool) {
	c.Label = t.Labels[label]
	var known, positive uint64
	expected, off := 0.0, 0.0
	for _, d := range t.Deciles {
		if d.Known[label] == 0 {
			continue
		}
		n := float64(d.Known[label])
		part := CalibrationDecile{Low: d.Low, High: d.High, Predicted: float64(d.Expected[label]) / predictedScale / n,
			Actual: RateOf(d.Positive[label], d.Known[label])}
		c.Deciles = append(c.Deciles, part)
		known, positive = known+d.Known[label], positive+d.Positive[label]
		expected += part.Predicted * n
		off += math.Abs(part.Predicted-part.Actual.Value) * n
	}
	if known == 0 {
		return c, false
	}
	c.Predicted, c.Actual, c.Error = expected/float64(known), float64(positive)/float64(known), off/float64(known)
	return c, true
}
