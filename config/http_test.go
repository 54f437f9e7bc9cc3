package config

import (
	"strings"
	"testing"
)

func TestIngestProblems(t *testing.T) {
	const labels = "\nlabels: {clicked: 'type == \"click\"'}"
	for _, c := range []struct{ name, source, path, message string }{
		{"no port", "http: {ingest: {listen: 127.0.0.1}}", "http.ingest.listen", "is not an address and a port"},
		{"open to all", "http: {ingest: {listen: ':8427'}}", "http.ingest.listen", "every machine that reaches :8427 could send"},
		{"a name", "http: {ingest: {listen: 'feed.example:8427'}}", "http.ingest.listen", "could send events"},
		{"TLS alone", "http: {ingest: {listen: ':8427', tls: {cert: a, key: b}}}", "http.ingest.listen", "could send events"},
		{"half of TLS", "http: {ingest: {tls: {cert: a}}}", "http.ingest.tls", "needs both cert and key"},
		{"one port for both", "http: {listen: '127.0.0.1:1', ingest: {listen: '127.0.0.1:1'}}", "http.ingest.listen", "is http.listen already"},
		{"origin", "http: {ingest: {cors: [shop.example]}}", "http.ingest.cors[0]", "is no origin"},
		{"origin with a path", "http: {ingest: {cors: 'https://shop.example/'}}", "http.ingest.cors", "is no origin"},
		{"body", "http: {ingest: {max_body: 1B}}", "http.ingest.max_body", "out of bounds"},
		{"connections", "http: {ingest: {max_connections: 0}}", "http.ingest.max_connections", "out of bounds"},
		{"time", "http: {ingest: {timeout: 2h}}", "http.ingest.timeout", "too long"},
		{"tokens for no pages", "http: {tokens_file: a}", "http.tokens_file", "no pages to look at without http.listen"},
		{"no input", "http: {ingest: {subjects: {clicks: a}}}", "http.ingest.subjects.clicks", "there is no input clicks"},
		{"wildcard", "http: {ingest: {subjects: {requests: 'requests.>'}}}", "http.ingest.subjects.requests", "has a wildcard"},
		{"another subject", "http: {ingest: {subjects: {requests: outcomes.a}}}", "http.ingest.subjects.requests", "is no subject of input requests"},
		{"several subjects", "http: {ingest: {}}\ninputs: {requests: {}, app: {subject: [app.clicks, 'app.taps.*'], kind: outcome}}",
			"http.ingest.subjects", "write http.ingest.subjects: {app: app.clicks}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode("labeljoin.yaml", []byte(c.source+labels))
			if err == nil || !strings.Contains(err.Error(), c.path+": ") || !strings.Contains(err.Error(), c.message) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestIngestSubjects(t *testing.T) {
	c, err := Decode("labeljoin.yaml", []byte(`
inputs:
  requests: {subject: "requests.>"}
  web: {subject: "web.*.clicks", kind: outcome}
  app: {subject: [app.clicks, app.taps], kind: outcome}
  shop: {subject: shop.orders, kind: outcome}
http: {ingest: {listen: ":8427", tokens_file: tokens, subjects: {app: app.taps}}}
labels: {clicked: 'type == "click"'}
`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"requests": "requests.http", "web": "web.http.clicks", "app": "app.taps", "shop": "shop.orders"} {
		t.Run(name, func(t *testing.T) {
			if got := c.HTTP.Ingest.SubjectOf(c.Inputs.Named(name)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
