package page_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/export/page"
)

func TestHomeShowsText(t *testing.T) {
	for _, ready := range []bool{true, false} {
		var out bytes.Buffer
		if err := page.WriteHome(&out, &page.Home{Name: script, Ready: ready, Text: script, Status: "rows 7\n" + script, Refresh: 10}); err != nil {
			t.Fatal(err)
		}
		html := out.String()
		if strings.Contains(html, "<script") || strings.Count(html, "&lt;script&gt;") != 4 || !strings.HasSuffix(html, "</html>\n") {
			t.Errorf("the page is\n%s", html)
		}
	}
}

// TestHomeShowsLabels: rates beside what is usual, and alarms, whatever slices are called.
func TestHomeShowsLabels(t *testing.T) {
	rate := 0.021
	var out bytes.Buffer
	if err := page.WriteHome(&out, &page.Home{Name: "feed", Ready: true, Refresh: 10, Hour: "2026-11-21T10:00Z",
		Labels: []page.HomeLabel{{Name: script, Rows: 1000, Positive: 21, Rate: &rate, DayBefore: new(0.034)}},
		Alarms: []page.HomeAlarm{{Kind: "rate", From: "2026-11-21T10:00Z", Text: script + strings.Repeat("x", 100_000)}}}); err != nil {
		t.Fatal(err)
	}
	html := out.String()
	for _, want := range []string{"2.1 %", "usual: not known yet",
		"a day before: 3.4 %, a week before: not known", "21 positive of 1000 rows", "&lt;script&gt;"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(html, "<script") || len(html) > 30_000 {
		t.Errorf("the page has %d bytes", len(html))
	}
}

func TestDaysShowText(t *testing.T) {
	for _, days := range [][]page.Day{nil, {{Day: "2026-11-21", Rows: 7, Complete: "yes", Version: "v=0001", Exported: 6, Anomalies: 2}, {Day: script, Complete: script}}} {
		var out bytes.Buffer
		if err := page.WriteDays(&out, &page.Days{Name: script, Days: days}); err != nil {
			t.Fatal(err)
		}
		if html := out.String(); strings.Contains(html, "<script") || !strings.HasSuffix(html, "</html>\n") || len(days) > 0 && !strings.Contains(html, "v=0001") {
			t.Errorf("the page is\n%s", html)
		}
	}
}
