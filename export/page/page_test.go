package page_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/page"
	"github.com/labeljoin/labeljoin/export/raters"
	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/stats/statstest"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

const script = `<script>alert("x")</script>`

// hostileNames are names that a page must show and not obey.
func hostileNames() []string {
	return []string{script, `"><img src=x onerror=alert(1)>`, strings.Repeat("long ", 20_000), "abc\u202edef", "null\x00byte", "{{.Style}}", "ünïcode 日本"}
}

// hostile is a page with everything on it, whose names and values are hostile.
func hostile(t *testing.T) *page.Content {
	t.Helper()
	columns := map[string]statstest.Series{}
	for i, name := range hostileNames() {
		s := statstest.Series{Type: []string{"string", "double"}[i%2]}
		for k := range 50 {
			if i%2 == 0 {
				s.Values = append(s.Values, []any{hostileNames()[k%7]})
			} else {
				s.Values = append(s.Values, []any{math.Exp(float64(k))})
			}
		}
		columns[name] = s
	}
	compute := func(o stats.Options) *tfmd.DatasetFeatureStatistics {
		r, err := stats.Of(t.Context(), []stats.Source{statstest.File(t, columns)}, o)
		if err != nil {
			t.Fatal(err)
		}
		return r.Statistics.Datasets[0]
	}
	c := &page.Content{Title: script, Against: script, Version: "1", Before: compute(stats.Options{PinOwn: true})}
	c.Now = compute(stats.Options{Pins: stats.PinsOf(c.Before)})
	c.Drifts = schema.Drifts(c.Before, c.Now)
	c.Anomalies = &tfmd.Anomalies{AnomalyInfo: map[string]*tfmd.AnomalyInfo{}}
	for _, name := range hostileNames() {
		kind, text := tfmd.AnomalyInfo_SCHEMA_NEW_COLUMN, "in words: "+name
		c.Anomalies.AnomalyInfo[name] = &tfmd.AnomalyInfo{Reason: []*tfmd.AnomalyInfo_Reason{{Type: &kind, Description: &text}}}
	}
	c.Health, c.Windows = hostileHealth()
	c.Yesterday = c.Health
	return c
}

func hostileHealth() (*health.Report, []health.Sufficiency) {
	t := health.NewTable(hostileNames()[:2])
	for i := range 2 {
		t.Delays[i][1000] = 10
	}
	for h := range health.Hour(24) {
		for _, s := range []string{health.All, "device=" + script} {
			c := t.Cell(health.Key{Slice: s, Hour: h})
			c.Rows = 1000
			for i := range c.Labels {
				c.Labels[i] = health.Label{Known: 900, Positive: uint64(20 + h), Delay: 1e6}
			}
		}
	}
	for i := range 10 {
		x := float64(i) / 10
		t.Deciles = append(t.Deciles, health.Decile{Low: x, High: x + 0.1, Rows: 100, Known: []uint64{100, 100}, Positive: []uint64{uint64(i), 1}, Expected: []int64{int64(x * 100 * (1 << 32)), 1}})
	}
	alarms := []health.Alarm{{Kind: health.KindRate, Label: script, Slice: script, From: 1, To: 2, Was: 0.1, Is: 0.2}}
	r := health.NewReport("day", t, alarms, 1)
	for _, name := range hostileNames() {
		r.Raters = append(r.Raters, raters.Agreement{Label: name, Raters: []raters.Rater{{Name: name, Kappa: new(0.25)}}})
	}
	return r, []health.Sufficiency{t.Windows(0, time.Minute, nil)}
}

func render(t *testing.T, c *page.Content) string {
	t.Helper()
	var out bytes.Buffer
	if err := page.Write(&out, c); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestHostileNamesAreText renders a page with everything on it.
func TestHostileNamesAreText(t *testing.T) {
	html := render(t, hostile(t))
	for _, bad := range []string{"<script", "<img", "\u202e", "\x00"} {
		if strings.Contains(html, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, want := range []string{"&lt;script&gt;", "bytes more)", "&lt;U&#43;202E&gt;", "ünïcode 日本", "alarm: rate", "Is the window long enough?", "expected calibration error", "JSD of TFDV"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if len(html) > 300_000 {
		t.Errorf("the page has %d bytes: long names are shown whole", len(html))
	}
}

// TestNotesAreShownWhole: what the page itself says is no name that is cut.
func TestNotesAreShownWhole(t *testing.T) {
	note := strings.Repeat("a sentence of a note. ", 12)
	var out bytes.Buffer
	if err := page.WriteFeatures(&out, &page.DayPage{Name: "feed", Day: "2026-11-21", Note: note}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), note) {
		t.Errorf("the page is %s", &out)
	}
}

// TestViewsShowText: hostile names and values are text on every page of a running joiner.
func TestViewsShowText(t *testing.T) {
	for name, html := range views(t) {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(html, "&lt;script&gt;") {
				t.Error("the page does not show the name")
			}
			for _, bad := range []string{"<script", "<img", "\u202e", "\x00", "ZgotmplZ"} {
				if strings.Contains(html, bad) {
					t.Errorf("the page has %q", bad)
				}
			}
			if len(html) > 300_000 || !strings.HasSuffix(html, "</html>\n") {
				t.Errorf("the page has %d bytes, and ends with %q", len(html), html[max(0, len(html)-20):])
			}
			wellFormed(t, html)
		})
	}
}

// TestPageIsWhole wants nothing that is loaded from elsewhere, and every part to
// be closed, for pages with much and with little on them.
func TestPageIsWhole(t *testing.T) {
	full := hostile(t)
	for name, c := range map[string]*page.Content{
		"everything": full,
		"statistics": {Title: "rows", Now: full.Now},
		"nothing":    {Title: "rows", Now: &tfmd.DatasetFeatureStatistics{}},
	} {
		t.Run(name, func(t *testing.T) {
			html := render(t, c)
			if m := regexp.MustCompile(`(?i)(src|href|url)\s*[=(]\s*"?(https?:)?//`).FindString(html); m != "" {
				t.Errorf("the page loads something: %s", m)
			}
			wellFormed(t, html)
		})
	}
}

// wellFormed wants every element to be closed.
func wellFormed(t *testing.T, html string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(strings.NewReplacer("<!DOCTYPE html>", "", `crossorigin`, "").Replace(html)))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	open := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token.(type) {
		case xml.StartElement:
			open++
		case xml.EndElement:
			open--
		}
	}
	if open != 0 {
		t.Errorf("%d elements are not closed", open)
	}
}

// TestAxesShowWholeWords: the words at a vertical axis have room, whatever the rate is.
func TestAxesShowWholeWords(t *testing.T) {
	for _, known := range []uint64{300, 100_000, 30_000_000} {
		hours := []health.HourRate{{Hour: 5, Rate: health.RateOf(7, known)}, {Hour: 6, Rate: health.RateOf(11, known)}}
		var out bytes.Buffer
		if err := page.Write(&out, &page.Content{Title: "x", Health: &health.Report{Labels: []health.LabelReport{{Label: "clicked", Hours: hours}}}}); err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`<text x="([0-9.]+)" y="10.0" text-anchor="end">([^<]+)<`).FindStringSubmatch(out.String())
		if found == nil {
			t.Fatal("the chart has no words at its axis")
		}
		room, err := strconv.ParseFloat(found[1], 64)
		if needed := 6.5 * float64(len(found[2])); err != nil || needed > room {
			t.Errorf("%q needs %.0f pixels, and there are %v", found[2], needed, room)
		}
	}
}
