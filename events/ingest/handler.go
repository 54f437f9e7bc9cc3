package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// Handler is what the server answers requests with.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/events/{input}", s.post)
	mux.HandleFunc("OPTIONS /v1/events/{input}", s.preflight)
	mux.HandleFunc("POST /v1/logs", s.postLogs)
	mux.HandleFunc("OPTIONS /v1/logs", s.preflight)
	mux.HandleFunc("GET /v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(s.doc)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("/v1/events/{input}", func(w http.ResponseWriter, r *http.Request) {
		s.count(nil, http.StatusMethodNotAllowed, 0)
		w.Header().Set("Allow", http.MethodPost)
		problem(w, http.StatusMethodNotAllowed, "events are posted: %s does nothing here", clip(r.Method))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.count(nil, http.StatusNotFound, 0)
		problem(w, http.StatusNotFound, "there is nothing at %s: events are posted to /v1/events/INPUT, where INPUT is %s",
			clip(r.URL.Path), strings.Join(s.names, ", "))
	})
	return s.guarded(mux)
}

// guarded answers 500 where a request breaks the server, which is a defect of it, and says so
// in the log. The other requests go on.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if broken := recover(); broken != nil {
				s.opts.Log.Error("a request by http met a defect of labeljoin: please report it", "path", r.URL.Path,
					"cause", fmt.Sprint(broken), "stack", string(debug.Stack()))
				s.count(nil, http.StatusInternalServerError, 0)
				problem(w, http.StatusInternalServerError, "a defect of the server: its log has more")
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// failure is why a request is answered with an error.
type failure struct {
	status int
	detail string
	retry  int // seconds after which to try again; 0: trying again is of no use
}

func fail(status int, format string, args ...any) *failure {
	return &failure{status: status, detail: fmt.Sprintf(format, args...)}
}

// post takes events.
func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	began := s.opts.Now()
	result, failed := s.handle(w, r, r.PathValue("input"))
	if failed != nil {
		s.count(&began, failed.status, 0)
		problem(w, failed.status, "%s", failed.detail)
		return
	}
	status := result.status()
	s.count(&began, status, result.bytes)
	result.write(w, status)
}

// handle takes the events of a request, and sets the headers that an error needs.
func (s *Server) handle(w http.ResponseWriter, r *http.Request, name string) (*result, *failure) {
	s.stats.inFlight.Add(1)
	defer s.stats.inFlight.Add(-1)
	failed := s.admit(w, r, name)
	var result *result
	if failed == nil {
		result, failed = s.accept(r, s.inputs[name])
	}
	if failed != nil {
		s.failed(w, name, failed)
		return nil, failed
	}
	s.stats.took(name, result)
	s.logRefused(s.inputs[name], result)
	return result, nil
}

// failed sets the headers of an error, and tells the log of trouble with the broker.
func (s *Server) failed(w http.ResponseWriter, name string, f *failure) {
	if f.retry > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(f.retry))
	}
	if f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="labeljoin"`)
	}
	switch f.status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		s.troubled.Store(true)
		s.notices.add(fmt.Sprint(f.status), "events are not taken by http: producers are told to send them again later",
			1, "status", f.status, "input", clip(name), "cause", f.detail)
	}
}

// admit decides whether a request may go on, before its body is read.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, name string) *failure {
	if failed := s.crossOrigin(w, r); failed != nil {
		return failed
	}
	if failed := s.authorize(r, name); failed != nil {
		s.notices.add("denied", "requests by http are turned away", 1, "status", failed.status, "from", r.RemoteAddr,
			"cause", failed.detail)
		return failed
	}
	if s.inputs[name] == nil {
		return fail(http.StatusNotFound, "there is no input %q: it is one of %s", clip(name), strings.Join(s.names, ", "))
	}
	if s.draining.Load() {
		return &failure{http.StatusServiceUnavailable, "the joiner is stopping", 5}
	}
	if why := s.opts.Full(); why != "" {
		return &failure{http.StatusServiceUnavailable, "there is no room for events: " + why, 30}
	}
	o := s.log.Load()
	if o == nil || o.log.MaxBytes() == 0 {
		return &failure{http.StatusServiceUnavailable, "the joiner has not reached the broker yet", 5}
	}
	if why := o.barred[name]; why != "" {
		return fail(http.StatusNotFound, "input %s takes no events by HTTP: %s", name, why)
	}
	return nil
}

// accept reads the body of a request, and stores its events.
func (s *Server) accept(r *http.Request, in *input) (*result, *failure) {
	form, failed := in.mediaOf(r.Header)
	if failed != nil {
		return nil, failed
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > events.MaxID {
		return nil, fail(http.StatusBadRequest, "the Idempotency-Key has %d bytes: it has at most %d", len(key), events.MaxID)
	}
	body, failed := s.read(r)
	if failed != nil {
		return nil, failed
	}
	defer body.release()
	o := s.log.Load()
	b := &batch{in: in, form: form, header: r.Header, key: key, most: o.log.MaxBytes(), stream: o.streams[in.Name],
		now: events.At(s.opts.Now())}
	if failed := b.sort(body.data); failed != nil {
		return nil, failed
	}
	b.result.bytes = int64(body.size)
	if len(b.out) == 0 {
		return &b.result, nil
	}
	copies, err := b.store(r.Context(), o.log)
	if err != nil {
		body.keep() // the broker's client may still send of it
		return nil, s.notStored(r.Context(), err)
	}
	b.result.copies = copies
	if s.troubled.Swap(false) {
		s.opts.Log.Info("events are taken by http again")
	}
	return &b.result, nil
}

// notStored says what an error of the log means to the producer.
func (s *Server) notStored(ctx context.Context, err error) *failure {
	var stored *events.StoreError
	if !errors.As(err, &stored) {
		return &failure{http.StatusServiceUnavailable, err.Error(), 5}
	}
	switch {
	case ctx.Err() != nil: // the producer has hung up: no one reads the answer
		return fail(http.StatusRequestTimeout, "the connection was closed before the events were stored")
	case stored.Fault == events.FaultSlow:
		return &failure{http.StatusTooManyRequests, stored.Reason, 2}
	case stored.Fault == events.FaultTooLarge:
		return fail(http.StatusRequestEntityTooLarge, "%s", stored.Reason)
	}
	return &failure{http.StatusServiceUnavailable, stored.Reason, 5}
}

// logRefused says in the log, calmly, what was refused.
func (s *Server) logRefused(in *input, r *result) {
	for _, f := range r.refused {
		if n := r.byReason[f.Reason]; n > 0 {
			s.notices.add(in.Name+" "+f.Reason,
				"events were refused by http: their senders were told, and they are in no row", int64(n),
				"input", in.Name, "reason", f.Reason, "newest", f.Detail)
			delete(r.byReason, f.Reason)
		}
	}
}

// clip shortens what a producer wrote for a message.
func clip(text string) string {
	const most = 80
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
