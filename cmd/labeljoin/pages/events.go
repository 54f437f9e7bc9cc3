package pages

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/explain"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/preview"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/page"
)

// newestOf is how many records of each input are shown.
const newestOf = 20

func (p *pages) events(ctx context.Context, _ *http.Request, w io.Writer) error {
	e := &page.Events{Name: p.Config.Name}
	for _, d := range p.Refused.Newest() {
		e.Refused = append(e.Refused, page.EventRow{When: when(d.Stored), Bad: true, Text: string(d.Data),
			From:   fmt.Sprintf("%s message %d event %d", d.Input, d.Origin.Seq, d.Origin.Index),
			ReadAs: fmt.Sprintf("no %s: %s: %s", d.Kind, d.Reason, d.Detail)})
	}
	nc := p.Conn()
	if nc == nil || !nc.IsConnected() {
		e.Note = "The streams cannot be asked: NATS is waited for."
		return page.WriteEvents(w, e)
	}
	records, err := preview.Newest(ctx, nc, p.Config, newestOf)
	if err != nil {
		e.Note = err.Error()
	}
	for i := range records {
		r := &records[i]
		row := page.EventRow{When: when(r.Stored), From: r.From, ReadAs: r.Kind, RequestID: r.RequestID, Text: string(r.Data)}
		if r.Reason != "" {
			row.Bad, row.ReadAs = true, fmt.Sprintf("no %s: %s: %s", r.Kind, r.Reason, r.Detail)
		}
		if r.Kind == "" {
			row.ReadAs = "no event is wanted of it"
		}
		e.Newest = append(e.Newest, row)
	}
	return page.WriteEvents(w, e)
}

func when(t events.Time) string {
	if t == events.MinTime {
		return ""
	}
	return t.String()
}

// longestID is the longest id of a request, in bytes.
const longestID = 256

func (p *pages) request(ctx context.Context, r *http.Request, w io.Writer) error {
	s := &page.Story{Name: p.Config.Name, ID: r.URL.Query().Get("id")}
	switch {
	case s.ID == "":
	case len(s.ID) > longestID:
		s.Problem = fmt.Sprintf("An id has at most %d bytes.", longestID)
	default:
		x, err := explain.Find(ctx, p.Config, s.ID)
		if err != nil {
			s.Problem = err.Error()
			break
		}
		tell(s, x)
	}
	return page.WriteStory(w, s)
}

// tell puts an explanation onto the page.
func tell(s *page.Story, x *explain.Explanation) {
	s.Standing, s.Answers, s.Watermark = x.Standing, x.Answers, x.Watermark.Joiner
	if x.Request != nil {
		for _, c := range x.Request.Pieces {
			s.Events = append(s.Events, page.StoryEvent{TS: c.TS, What: "request", Fate: "closes after " + x.Request.Closes,
				From: fmt.Sprintf("%s message %d", c.Stream, c.Sequence)})
		}
	}
	for i := range x.Outcomes {
		o := &x.Outcomes[i]
		what := o.Type
		if o.ItemID != "" {
			what += " of item " + o.ItemID
		}
		if o.Value != nil {
			what += fmt.Sprintf(", value %v", *o.Value)
		}
		s.Events = append(s.Events, page.StoryEvent{TS: o.TS, What: what, After: o.After, Fate: o.Fate,
			From: fmt.Sprintf("%s message %d", o.Stream, o.Sequence)})
	}
	for _, l := range x.Labels {
		s.Labels = append(s.Labels, page.StoryLabel{Item: l.ItemID, Label: l.Label, Value: number(l.Value), Rule: l.Rule,
			Why: l.Why})
	}
	for i := range x.Written {
		r := &x.Written[i]
		var labels []string
		for _, l := range x.Names() {
			labels = append(labels, l+"="+number(r.Labels[l]))
		}
		s.Rows = append(s.Rows, page.StoryRow{Commit: r.Commit, Item: r.ItemID, Reason: r.Reason, Revision: r.Revision,
			Labels: strings.Join(labels, ", "), File: fmt.Sprintf("%s row %d", r.File, r.Row)})
	}
}

// number is the value of a label; nil is null.
func number(x *float64) string {
	if x == nil {
		return "null"
	}
	return fmt.Sprint(*x)
}
