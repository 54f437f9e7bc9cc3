package ingest

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/labeljoin/labeljoin/events"
)

// told is how many refused events an answer lists.
const maxDetailed = 100

// Refused is an event that was not taken, as answers tell it.
type Refused struct {
	Index  int    `json:"index"`  // which event of the body, from 0
	Reason string `json:"reason"` // a short code, as in dead letters
	Detail string `json:"detail"` // what is wrong, in words
}

// result is what became of the events of a request.
type result struct {
	accepted     int
	copies       int // of those, events that the log had already
	refused      []Refused
	refusedCount int
	byReason     map[string]int
	kept         bool // what was refused is stored all the same, and becomes dead letters
	bytes        int64
}

func (r *result) refuse(index int, reject *events.RejectError) {
	r.refusedCount++
	if r.byReason == nil {
		r.byReason = map[string]int{}
	}
	r.byReason[reject.Reason]++
	if len(r.refused) < maxDetailed {
		r.refused = append(r.refused, Refused{Index: index, Reason: reject.Reason, Detail: clipDetail(reject.Detail)})
	}
}

// clipDetail bounds what an answer repeats of a body.
func clipDetail(text string) string {
	const most = 500
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

// status is 202 if all events were taken, 207 if some were, 400 if none was.
func (r *result) status() int {
	switch {
	case r.refusedCount == 0:
		return http.StatusAccepted
	case r.accepted == 0:
		return http.StatusBadRequest
	}
	return http.StatusMultiStatus
}

// write answers a request whose events were judged.
func (r *result) write(w http.ResponseWriter, status int) {
	writeJSON(w, status, "application/json", struct {
		Accepted     int       `json:"accepted"`
		Copies       int       `json:"copies"`
		RefusedCount int       `json:"refused_count"`
		Refused      []Refused `json:"refused,omitempty"`
		DeadLetters  bool      `json:"dead_letters,omitempty"`
	}{r.accepted, r.copies, r.refusedCount, r.refused, r.kept})
}

// problem answers with an error (RFC 9457).
func problem(w http.ResponseWriter, status int, format string, args ...any) {
	writeJSON(w, status, "application/problem+json", struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(status), status, fmt.Sprintf(format, args...)})
}

func writeJSON(w http.ResponseWriter, status int, media string, v any) {
	text, err := json.Marshal(v)
	if err != nil { // texts and numbers always can be
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the producer may have hung up
}
