// Package pages shows what a running joiner has read and written, over HTTP: features and labels of a
// day, the newest events, the story of a request, and exported days. It changes nothing. These pages
// show values of events, so a guard stands before them.
package pages

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"sync"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/exports"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/monitor"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/page"
	"github.com/labeljoin/labeljoin/export/review"
	"github.com/labeljoin/labeljoin/export/shards"
)

// pages answers for one joiner.
type pages struct {
	partition.Sources
	looks chan struct{} // its only place is taken while a day is computed

	mu      sync.Mutex
	newest  looked
	decided map[string]*health.Events // what became of the events of days, as it was found last
}

// New makes the pages. The error is about the file of tokens.
func New(s partition.Sources) (monitor.Pages, error) {
	g, err := newGuard(s.Config, s.Log)
	if err != nil {
		return nil, err
	}
	p := &pages{Sources: s, looks: make(chan struct{}, 1), decided: map[string]*health.Events{}}
	mux := http.NewServeMux()
	for path, write := range map[string]func(context.Context, *http.Request, io.Writer) error{
		page.FeaturesPath: p.features, page.LabelsPath: p.labels, page.EventsPath: p.events, page.RequestPath: p.request,
		page.ShardsPath: p.shards,
	} {
		mux.Handle("GET "+path, g.before(func(w http.ResponseWriter, r *http.Request) {
			var html bytes.Buffer
			if err := write(r.Context(), r, &html); err != nil {
				refuse(w, err)
				return
			}
			monitor.PageHeader(w.Header(), page.Policy())
			_, _ = w.Write(html.Bytes()) // a client that has gone needs no page
		}))
	}
	mux.Handle("GET "+page.ReportPath, g.before(p.report))
	return guarded{mux, g}, nil
}

// guarded are the pages and who may see them.
type guarded struct {
	http.Handler
	*guard
}

// refuse answers with an error: what was asked for is not there, or cannot be shown.
func refuse(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	if misuse := interface{ Misuse() bool }(nil); errors.As(err, &misuse) && misuse.Misuse() ||
		errors.Is(err, fs.ErrNotExist) {
		code = http.StatusNotFound
	}
	http.Error(w, err.Error(), code)
}

// output is the output of the joiner.
func (p *pages) output(ctx context.Context) (*review.Output, error) {
	at, archive, err := place.Output(ctx, p.Config, p.ID.Number)
	if err != nil {
		return nil, err
	}
	return review.Of(at.String(), archive), nil
}

// listed are the days of the output, newest first, and the one that is asked for: the newest if none
// is. The day is nil where there is no such day.
func (p *pages) listed(ctx context.Context, r *http.Request) (days []string, day *shards.ListedDay, err error) {
	list, err := exports.Days(ctx, p.Config, p.ID.Number)
	if err != nil {
		return nil, nil, err
	}
	wanted := r.URL.Query().Get("day")
	for i := len(list) - 1; i >= 0; i-- {
		if len(days) < shownDays {
			days = append(days, list[i].Day)
		}
		if list[i].Day == wanted || wanted == "" && day == nil {
			day = &list[i]
		}
	}
	if day == nil && wanted != "" {
		return nil, nil, &review.NoRowsError{Day: wanted, Dir: p.Config.Output.Dir}
	}
	return days, day, nil
}

// shownDays is how many days there are to choose from; the page of the days has all of them.
const shownDays = 14

// options say where exports are.
func (p *pages) options(ctx context.Context) (*shards.Options, error) {
	o, err := exports.OptionsOf(p.Config)
	if err == nil {
		err = exports.Place(ctx, p.Config, &o)
	}
	return &o, err
}
