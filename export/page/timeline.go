package page

import (
	"fmt"
	"html/template"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/health"
)

// timeline draws a label over days: its rate with the 95 % interval, and what scores predict. Over each
// hour a browser shows its figures.
func timeline(hours []LineHour) template.HTML {
	const left, bottom = axisWidth, 16
	d := &drawing{width: 760, height: 160}
	top := 0.0
	for _, h := range hours {
		if h.Rate.Known > 0 {
			top = max(top, min(h.Rate.High, 3*h.Rate.Value+0.01))
		}
		if h.Scored > 0 {
			top = max(top, h.Predicted)
		}
	}
	if top == 0 {
		return ""
	}
	top = roundUp(top)
	first, last := hours[0].Hour, hours[len(hours)-1].Hour
	step := (d.width - left - 6) / float64(max(last-first, 1))
	x := func(h health.Hour) float64 { return left + float64(h-first)*step }
	y := func(rate float64) float64 { return (d.height - bottom) * (1 - min(rate/top, 1)) }
	fmt.Fprintf(&d.b, `<path class="axis" d="M%d 0V%gH%g"/>`, left, d.height-bottom, d.width)
	for _, run := range runs(hours) {
		d.rates(run, x, y)
	}
	for h := first; h <= last; h++ {
		if h == h.Day() {
			fmt.Fprintf(&d.b, `<path class="axis" d="M%.1f 0V%g"/>`, x(h), d.height-bottom)
			if x(h)+40 < d.width {
				d.text(x(h)+2, d.height-3, "start", h.Time().Format("01-02"))
			}
		}
	}
	d.text(left-4, 10, "end", health.Percent(top))
	d.text(left-4, d.height-bottom, "end", "0")
	for _, h := range hours {
		fmt.Fprintf(&d.b, `<rect class="hour" x="%.1f" y="0" width="%.1f" height="%g"><title>%s</title></rect>`,
			x(h.Hour)-step/2, step, d.height-bottom, template.HTMLEscapeString(h.String()))
	}
	return d.finish(fmt.Sprintf("rate by hour from %s to %s; the table below has the days", first, last))
}

// String says an hour in words.
func (h *LineHour) String() string {
	text := fmt.Sprintf("%s: %s", h.Hour, events.Count(h.Rows, "row"))
	if h.Rate.Known > 0 {
		text += fmt.Sprintf(", positive in %s (%s to %s)", health.Percent(h.Rate.Value), health.Percent(h.Rate.Low),
			health.Percent(h.Rate.High))
	}
	if h.Scored > 0 {
		text += ", predicted " + health.Percent(h.Predicted)
	}
	return text
}

// runs are the stretches of hours without a hole.
func runs(hours []LineHour) (out [][]LineHour) {
	for i, from := 0, 0; i < len(hours); i++ {
		if i+1 == len(hours) || hours[i+1].Hour != hours[i].Hour+1 {
			out = append(out, hours[from:i+1])
			from = i + 1
		}
	}
	return out
}

// rates draws a stretch of hours.
func (d *drawing) rates(run []LineHour, x func(health.Hour) float64, y func(float64) float64) {
	var high, low, line, predicted [][2]float64
	for _, h := range run {
		if h.Scored > 0 {
			predicted = append(predicted, [2]float64{x(h.Hour), y(h.Predicted)})
		}
		if h.Rate.Known == 0 {
			continue
		}
		line = append(line, [2]float64{x(h.Hour), y(h.Rate.Value)})
		high, low = append(high, [2]float64{x(h.Hour), y(h.Rate.High)}), append(low, [2]float64{x(h.Hour), y(h.Rate.Low)})
	}
	slices.Reverse(low)
	d.path("band", append(high, low...), true)
	d.path("before", predicted, false)
	d.path("rate", line, false)
	if len(line) == 1 {
		d.bar("now", line[0][0]-2, line[0][1]-2, 4, 4)
	}
}

// delaysChart draws what part of the positives has come by the time since the request. The times are
// those of the window's table, one as wide as another.
func delaysChart(w *health.Sufficiency) template.HTML {
	if len(w.Rows) < 2 {
		return ""
	}
	const left, bottom = axisWidth, 16
	d := &drawing{width: 340, height: 120}
	fmt.Fprintf(&d.b, `<path class="axis" d="M%d 0V%gH%g"/>`, left, d.height-bottom, d.width)
	step := (d.width - left - 20) / float64(len(w.Rows)-1)
	var line [][2]float64
	for i, r := range w.Rows {
		line = append(line, [2]float64{left + float64(i)*step, (d.height-bottom-4)*min(r.Lost, 1) + 4})
	}
	d.path("rate", line, false)
	d.text(left-4, 10, "end", "100 %")
	d.text(left-4, d.height-bottom, "end", "0")
	d.text(left, d.height-3, "start", health.Span(w.Rows[0].Window))
	d.text(d.width-4, d.height-3, "end", health.Span(w.Rows[len(w.Rows)-1].Window))
	return d.finish("part of the positives that has come, by the time since the request")
}
