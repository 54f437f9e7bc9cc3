package ingest

import (
	"net/http"
	"slices"
)

// crossOrigin decides whether a web page may send, and says so to its browser. A request
// that no page made has no Origin. One of a page that is not named is turned away and not
// only hidden from the page: sendBeacon needs no answer, and any page on the web could reach
// a service on the machine of its reader.
func (s *Server) crossOrigin(w http.ResponseWriter, r *http.Request) *failure {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	switch {
	case slices.Contains(s.opts.Origins, origin):
		w.Header().Set("Access-Control-Allow-Origin", origin)
		// sendBeacon sends what a browser knows of the page's user. There are no cookies here.
		w.Header().Set("Access-Control-Allow-Credentials", "true")
	case slices.Contains(s.opts.Origins, "*"):
		w.Header().Set("Access-Control-Allow-Origin", "*")
	default:
		return fail(http.StatusForbidden, "pages of %s may not send events: add the origin to http.ingest.cors", clip(origin))
	}
	w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
	return nil
}

// preflight answers a browser that asks before it sends.
func (s *Server) preflight(w http.ResponseWriter, r *http.Request) {
	if failed := s.crossOrigin(w, r); failed != nil {
		s.count(nil, failed.status, 0)
		problem(w, failed.status, "%s", failed.detail)
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding, Idempotency-Key, "+
		"ce-id, ce-source, ce-specversion, ce-type, ce-subject, ce-time, ce-datacontenttype")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}
