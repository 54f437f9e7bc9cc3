package monitor

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/page"
	"github.com/labeljoin/labeljoin/export/shards"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// homeRefresh is after how many seconds a browser loads the page again.
const homeRefresh = 10

// serveHome answers with the first screen: what /readyz and the status command
// say, as a page.
func serveHome(w http.ResponseWriter, r *http.Request, name string, now engine.Stats, observers []Observer) {
	var waits []Wait
	for _, o := range observers {
		waits = append(waits, o.Waits(&now)...)
	}
	s := statusFor(r, name, &now, observers)
	h := page.Home{Name: name, Refresh: homeRefresh}
	h.Text, h.Ready = readiness(now.Joining, waits)
	if l := s.Labels; l != nil {
		h.Hour = l.Hour
		for _, one := range l.Labels {
			h.Labels = append(h.Labels, page.HomeLabel{Name: one.Label, Rows: one.Rows, Positive: one.Positive,
				Unknown: one.Rows - one.Known, Rate: one.Rate, UsualRate: one.Usual,
				DayBefore: one.DayBefore, WeekBefore: one.WeekBefore})
		}
		for _, a := range l.Alarms {
			h.Alarms = append(h.Alarms, page.HomeAlarm{Kind: a.Kind, From: a.From, Text: a.Words()})
		}
	}
	var text, html bytes.Buffer
	err := s.Print(&text, true)
	if h.Status = text.String(); err == nil {
		err = page.WriteHome(&html, &h)
	}
	answerPage(w, &html, err)
}

// serveDays answers with the days of the output.
func serveDays(ctx context.Context, w http.ResponseWriter, name string, observers []Observer) {
	list, now := page.Days{Name: name}, events.At(time.Now())
	var html bytes.Buffer
	var err error
	for _, o := range observers {
		if o.Days == nil || err != nil {
			continue
		}
		var days []shards.ListedDay
		if days, err = o.Days(ctx); err == nil {
			for i := len(days) - 1; i >= 0; i-- {
				list.Days = append(list.Days, dayOf(&days[i], now))
			}
		}
	}
	if err == nil {
		err = page.WriteDays(&html, &list)
	}
	answerPage(w, &html, err)
}

func dayOf(d *shards.ListedDay, now events.Time) page.Day {
	out := page.Day{Day: d.Day, Rows: d.Rows, Complete: d.Words(now)}
	if m := d.Manifest; m != nil && !d.Foreign {
		out.Version, out.Exported, out.Anomalies = d.Version.String(), m.Counts.Written, m.Anomalies
	}
	return out
}

// answerPage answers with a page, or with the error that there is none for.
func answerPage(w http.ResponseWriter, html *bytes.Buffer, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	PageHeader(w.Header(), page.Policy())
	_, _ = w.Write(html.Bytes()) // a client that has gone needs no page
}

// PageHeader sets the header of a page under a policy.
func PageHeader(h http.Header, policy string) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}
