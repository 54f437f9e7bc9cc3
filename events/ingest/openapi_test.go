package ingest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/labeljoin/labeljoin/events"
)

// TestOpenAPI checks the document that is served, and what the server answers against it.
func TestOpenAPI(t *testing.T) {
	s, b := open(t, options())
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/openapi.json", nil))
	doc, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	openapi3filter.RegisterBodyDecoder("application/cloudevents+json", openapi3filter.JSONBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/problem+json", openapi3filter.JSONBodyDecoder)
	for _, c := range []struct {
		name, body, media string
		err               error
		status            int
	}{
		{"one", outcome, "application/json", nil, 202},
		{"several", "[" + outcome + "]", "application/json", nil, 202},
		{"lines", outcome + "\n" + outcome, "application/x-ndjson", nil, 202},
		{"beacon", outcome, "text/plain", nil, 202},
		{"cloud event", `{"specversion":"1.0","id":"1","source":"s","type":"t","data":` + outcome + `}`,
			"application/cloudevents+json", nil, 202},
		{"some bad", "[" + outcome + ",{}]", "application/json", nil, 207},
		{"all bad", "[{}]", "application/json", nil, 400},
		{"too long", `{"x":"` + strings.Repeat("y", 2<<20) + `"}`, "application/json", nil, 413},
		{"slow", outcome, "application/json", &events.StoreError{Fault: events.FaultSlow, Reason: "slow"}, 429},
		{"away", outcome, "application/json", &events.StoreError{Fault: events.FaultAway, Reason: "away"}, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.err = c.err
			r := httptest.NewRequest(http.MethodPost, "/v1/events/outcomes", strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.media)
			route, params, err := router.FindRoute(r)
			if err != nil {
				t.Fatal(err)
			}
			request := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}
			if err := openapi3filter.ValidateRequest(t.Context(), request); err != nil {
				t.Errorf("the request is not as documented: %v", err)
			}
			r.Body = io.NopCloser(strings.NewReader(c.body))
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("answered %d: %s", w.Code, w.Body)
			}
			answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: request, Status: w.Code,
				Header: w.Header(),
				Body:   io.NopCloser(bytes.NewReader(w.Body.Bytes())), Options: &openapi3filter.Options{IncludeResponseStatus: true}}
			if err := openapi3filter.ValidateResponse(t.Context(), answer); err != nil {
				t.Errorf("the answer is not as documented: %v", err)
			}
		})
	}
	t.Run("other inputs", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, "/v1/events/clicks", strings.NewReader(outcome))
		r.Header.Set("Content-Type", "application/json")
		route, params, err := router.FindRoute(r)
		if err == nil {
			err = openapi3filter.ValidateRequest(t.Context(), &openapi3filter.RequestValidationInput{Request: r,
				PathParams: params, Route: route})
		}
		if err == nil {
			t.Error("the document allows an input that does not exist")
		}
	})
}
