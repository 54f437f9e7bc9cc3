package monitor

import (
	"bytes"
	"net/http"

	"github.com/labeljoin/labeljoin/export/page"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// homeRefresh is after how many seconds a browser loads the page again.
const homeRefresh = 10

// serveHome answers with the first screen: what /readyz and the status command
// say, as a page.
func serveHome(w http.ResponseWriter, name string, now engine.Stats, observers []Observer) {
	var waits []Wait
	s := statusOf(name, now)
	for _, o := range observers {
		waits = append(waits, o.Waits(&now)...)
		o.Tell(&now, &s)
	}
	h := page.Home{Name: name, Refresh: homeRefresh}
	h.Text, h.Ready = readiness(now.Joining, waits)
	var text, html bytes.Buffer
	err := s.Print(&text, true)
	if h.Status = text.String(); err == nil {
		err = page.WriteHome(&html, &h)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", page.Policy())
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(html.Bytes()) // a client that has gone needs no page
}
