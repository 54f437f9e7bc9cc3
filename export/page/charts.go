package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// drawing is an SVG. Only numbers and fixed words are written into it.
type drawing struct {
	b             strings.Builder
	width, height float64
}

// finish closes the drawing.
func (d *drawing) finish(says string) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-label="%s">%s</svg>`, d.width, d.height, d.width, d.height, template.HTMLEscapeString(says), d.b.String()))
}

func (d *drawing) bar(class string, x, y, width, height float64) {
	fmt.Fprintf(&d.b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, class, x, y, max(width, 0.5),
		max(height, 0))
}

func (d *drawing) path(class string, points [][2]float64, closed bool) {
	if len(points) == 0 {
		return
	}
	fmt.Fprintf(&d.b, `<path class="%s" d="`, class)
	for i, p := range points {
		fmt.Fprintf(&d.b, "%c%.1f %.1f", "ML"[min(i, 1)], p[0], p[1])
	}
	if closed {
		d.b.WriteByte('Z')
	}
	d.b.WriteString(`"/>`)
}

func (d *drawing) text(x, y float64, anchor, text string) {
	fmt.Fprintf(&d.b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, template.HTMLEscapeString(text))
}

// columnChart overlays the distribution of a column with that of before.
func columnChart(now, before *tfmd.FeatureNameStatistics) template.HTML {
	a, b := spans(now), spans(before)
	if now.GetStringStats() != nil {
		a, b = ranks(now, before)
	}
	if len(a) == 0 {
		return ""
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range append(slices.Clone(a), b...) {
		low, high = min(low, s.low), max(high, s.high)
	}
	if low == high {
		low, high = low-0.5, high+0.5
	}
	d := &drawing{width: 160, height: 44}
	top := 0.0
	for _, s := range append(slices.Clone(a), b...) {
		top = max(top, s.part)
	}
	x := func(v float64) float64 { return (v/2 - low/2) / (high/2 - low/2) * d.width }
	for _, s := range a {
		left, right := x(s.low), x(s.high)
		if right-left < 3 {
			left, right = max(0, min(left, d.width-3)), max(3, min(right, d.width))
			right = max(right, left+3)
		}
		d.bar("now", left, d.height-s.part/top*d.height, right-left-0.5, s.part/top*d.height)
	}
	var line [][2]float64
	for _, s := range b {
		y := d.height - s.part/top*(d.height-1)
		line = append(line, [2]float64{x(s.low), y}, [2]float64{max(x(s.high), x(s.low)+3), y})
	}
	d.path("before", line, false)
	return d.finish("distribution")
}

// span is a part of the values.
type span struct{ low, high, part float64 }

// spans are the finite buckets of equal width.
func spans(f *tfmd.FeatureNameStatistics) (out []span) {
	h := f.GetNumStats().GetHistograms()
	if len(h) == 0 {
		return nil
	}
	total := 0.0
	for _, b := range h[0].Buckets {
		if !math.IsInf(b.LowValue, 0) && !math.IsInf(b.HighValue, 0) {
			out = append(out, span{b.LowValue, b.HighValue, b.SampleCount})
			total += b.SampleCount
		}
	}
	for i := range out {
		out[i].part /= max(total, 1)
	}
	return out
}

// rankedTexts is how many texts a chart has.
const rankedTexts = 20

// ranks are the most frequent texts, each as wide as the others, with their
// parts before.
func ranks(now, before *tfmd.FeatureNameStatistics) (a, b []span) {
	count := func(f *tfmd.FeatureNameStatistics) (map[string]float64, float64) {
		parts := map[string]float64{}
		total := max(float64(f.GetStringStats().GetCommonStats().GetTotNumValues()), 1)
		for _, v := range f.GetStringStats().GetRankHistogram().GetBuckets() {
			parts[v.Label] = v.SampleCount
		}
		return parts, total
	}
	_, total := count(now)
	old, oldTotal := count(before)
	for i, v := range now.GetStringStats().GetRankHistogram().GetBuckets() {
		if i == rankedTexts {
			break
		}
		a = append(a, span{float64(i), float64(i) + 0.9, v.SampleCount / total})
		if before.GetStringStats() != nil {
			b = append(b, span{float64(i), float64(i) + 0.9, old[v.Label] / oldTotal})
		}
	}
	return a, b
}

// axisWidth is the room for the words at a vertical axis: ten characters.
const axisWidth = 64

// roundUp is the first of 1, 2, 2.5 and 5 times a power of ten that a number does not exceed, so
// that the words at the end of an axis are short. The number is larger than 0.
func roundUp(x float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(x)))
	for _, n := range []float64{1, 2, 2.5, 5} {
		if x <= n*unit {
			return n * unit
		}
	}
	return 10 * unit
}

// hoursChart draws the rates of the hours, with their intervals, and those of
// the day before.
func hoursChart(now, before []health.HourRate) template.HTML {
	const left, bottom = axisWidth, 16
	d := &drawing{width: 340, height: 120}
	top := 0.0
	for _, h := range now {
		if h.Rate.Known > 0 {
			top = max(top, min(h.Rate.High, 3*h.Rate.Value+0.01))
		}
	}
	for _, h := range before {
		if h.Rate.Known > 0 {
			top = max(top, h.Rate.Value)
		}
	}
	if top == 0 || len(now) == 0 {
		return ""
	}
	top = roundUp(top)
	x := func(h health.Hour) float64 { return left + float64((h%24+24)%24)/23*(d.width-left-6) }
	y := func(rate float64) float64 { return (d.height - bottom) * (1 - min(rate/top, 1)) }
	fmt.Fprintf(&d.b, `<path class="axis" d="M%d 0V%gH%g"/>`, left, d.height-bottom, d.width)
	var high, low, line, old [][2]float64
	for _, h := range now {
		if h.Rate.Known > 0 {
			high, line = append(high, [2]float64{x(h.Hour), y(h.Rate.High)}), append(line,
				[2]float64{x(h.Hour), y(h.Rate.Value)})
			low = append(low, [2]float64{x(h.Hour), y(h.Rate.Low)})
		}
	}
	slices.Reverse(low)
	d.path("band", append(high, low...), true)
	for _, h := range before {
		if h.Rate.Known > 0 {
			old = append(old, [2]float64{x(h.Hour), y(h.Rate.Value)})
		}
	}
	d.path("before", old, false)
	d.path("rate", line, false)
	if len(line) == 1 {
		d.bar("now", line[0][0]-2, line[0][1]-2, 4, 4)
	}
	d.text(left-4, 10, "end", health.Percent(top))
	d.text(left-4, d.height-bottom, "end", "0")
	d.text(left, d.height-3, "start", "0:00")
	d.text(d.width-4, d.height-3, "end", "23:00")
	return d.finish("rate by hour")
}

// calibrationChart draws the actual rate over the predicted one.
func calibrationChart(c *health.Calibration) template.HTML {
	d := &drawing{width: 340, height: 130}
	const left, bottom = axisWidth, 16
	top := 0.0
	for _, k := range c.Deciles {
		top = max(top, k.Predicted, k.Actual.High)
	}
	if top == 0 {
		return ""
	}
	top = roundUp(top)
	x := func(v float64) float64 { return left + v/top*(d.width-left-6) }
	y := func(v float64) float64 { return (d.height - bottom) * (1 - v/top) }
	fmt.Fprintf(&d.b, `<path class="axis" d="M%d 0V%gH%g"/>`, left, d.height-bottom, d.width)
	d.path("even", [][2]float64{{x(0), y(0)}, {x(top), y(top)}}, false)
	var line [][2]float64
	for _, k := range c.Deciles {
		line = append(line, [2]float64{x(k.Predicted), y(k.Actual.Value)})
		d.bar("band", x(k.Predicted)-1, y(k.Actual.High), 2, y(k.Actual.Low)-y(k.Actual.High))
		d.bar("now", x(k.Predicted)-2, y(k.Actual.Value)-2, 4, 4)
	}
	d.path("rate", line, false)
	d.text(left-4, 10, "end", health.Percent(top))
	d.text(d.width-4, d.height-3, "end", "predicted")
	return d.finish("actual over predicted")
}
