package ingest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"
	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/ingest"
	"github.com/labeljoin/labeljoin/events/mapping"
)

// mapped makes a server with an input of each format.
func mapped(t *testing.T) (*ingest.Server, *book, map[string]*mapping.Mapping) {
	t.Helper()
	o := options()
	codecs := map[string]*mapping.Mapping{}
	for _, spec := range []mapping.Spec{
		{Format: "json", Kind: "outcome", Each: "event.lines", Map: map[string]string{
			"request_id": "event.session", "ts": "event.at", "type": `"purchase"`, "value": ".price"}},
		{Format: "csv", Kind: "outcome", Map: map[string]string{"request_id": "event.id", "ts": "event.at",
			"type": "event.what"}},
		{Format: "cloudevents", Kind: `event.type endsWith ".request" ? "request" : "outcome"`, Map: map[string]string{
			"request_id": "event.id", "ts": "event.time", "type": "event.type", "value": "event.data.value"}},
		{Format: "otlp", Kind: "outcome", Map: map[string]string{"request_id": `event.attributes["request.id"]`,
			"ts": "event.time", "type": "event.body"}},
	} {
		m, wrong := mapping.Compile(spec)
		if len(wrong) > 0 {
			t.Fatal(wrong)
		}
		codecs[spec.Format] = m
		o.Inputs = append(o.Inputs, ingest.Input{Name: spec.Format, Format: spec.Format, Codec: m,
			Subject: spec.Format + ".http"})
	}
	s, b := open(t, o)
	return s, b, codecs
}

// canonical are the events that a joiner makes of what is stored.
func canonical(b *book, codec events.Codec) (all []string) {
	for _, m := range b.list {
		message := events.Message{Seq: 1, Stored: events.At(now), Subject: m.Subject, Data: m.Data,
			Envelope: &events.Envelope{Subject: m.Subject, Header: m.Header}}
		codec.Decode(&message, func(_ uint32, d events.Decoded) bool {
			if d.Reject != nil {
				all = append(all, d.Reject.Reason)
			} else {
				all = append(all, d.Kind.String()+" "+string(d.Data))
			}
			return true
		})
	}
	return all
}

const order = `{"session":"r1","at":"2026-11-23T11:59:30Z","lines":[{"price":5},{"price":7}]}`

// TestMapped holds that what is stored of other formats is what the joiner makes the same
// events of, and that the answer counts those.
func TestMapped(t *testing.T) {
	bought := func(price int) string {
		return fmt.Sprintf(`outcome {"request_id":"r1","ts":"2026-11-23T11:59:30Z","type":"purchase","value":%d}`, price)
	}
	cloud := []string{"ce-specversion", "1.0", "ce-id", "r1", "ce-source", "s", "ce-time", "2026-11-23T11:59:30Z"}
	for _, c := range []struct {
		name, format, body, media string
		header                    []string
		status, accepted          int
		stored                    []string
		refused                   string
	}{
		{"elements", "json", order, "application/json", nil, 202, 2, []string{bought(5), bought(7)}, ""},
		{"lines, one of them bad", "json", order + "\n{\"lines\":7}\n" + order, "text/plain", nil, 207, 4,
			[]string{bought(5), bought(7), bought(5), bought(7)}, "1 mapping"},
		{"partly bad", "json", strings.Replace(order, `"price":5`, `"price":"five"`, 1), "application/json", nil, 207, 1,
			[]string{"mapping", bought(7)}, "0 mapping"},
		{"all bad", "json", `[{"lines":{}},{"lines":7}]`, "application/json", nil, 400, 0, nil, "0 mapping 1 mapping"},
		{"nothing wanted", "json", `{}`, "application/json", nil, 202, 0, nil, ""},
		{"csv", "csv", "id,at,what\nr1,2026-11-23T11:59:30Z,click\n", "text/csv", nil, 202, 1,
			[]string{`outcome {"request_id":"r1","ts":"2026-11-23T11:59:30Z","type":"click"}`}, ""},
		{"csv of an input of json", "json", "id,at\n", "text/csv", nil, 415, 0, nil, ""},
		{"cloud event in its headers", "cloudevents", `{"value":3}`, "application/json",
			append(cloud, "ce-type", "x.response"), 202, 1,
			[]string{`outcome {"request_id":"r1","ts":"2026-11-23T11:59:30Z","type":"x.response","value":3}`}, ""},
		{"cloud event", "cloudevents",
			`{"specversion":"1.0","id":"r1","source":"s","type":"x.request","time":"2026-11-23T11:59:30Z","data":{}}`,
			"application/cloudevents+json", nil, 202, 1, []string{`request {"request_id":"r1","ts":"2026-11-23T11:59:30Z"}`}, ""},
		{"picture in a cloud event", "cloudevents", "\xff\xd8", "image/jpeg", append(cloud, "ce-type", "x.request"), 202, 1,
			[]string{`request {"request_id":"r1","ts":"2026-11-23T11:59:30Z"}`}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, b, codecs := mapped(t)
			got := send(t, s, "/v1/events/"+c.format, c.body, append([]string{"Content-Type", c.media}, c.header...)...)
			var refused []string
			for _, r := range got.Refused {
				refused = append(refused, fmt.Sprint(r.Index, " ", r.Reason))
			}
			if got.Status != c.status || got.Accepted != c.accepted || strings.Join(refused, " ") != c.refused {
				t.Errorf("got %+v", got)
			}
			if all := canonical(b, codecs[c.format]); strings.Join(all, "\n") != strings.Join(c.stored, "\n") {
				t.Errorf("stored %q", all)
			}
		})
	}
}

// TestDivided holds that a body which is larger than a message of the broker is stored as
// several, of which the same events come as of one.
func TestDivided(t *testing.T) {
	csv, logs := "id,at,what\n", plog.NewLogs()
	for i := range 40 {
		csv += fmt.Sprintf("r%d,2026-11-23T11:59:30Z,\"cli\nck\"\n", i)
		if i == 7 {
			csv += "r7\n"
		}
		r := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		r.SetTimestamp(1795435170000000000)
		r.Body().SetStr("click")
		r.Attributes().PutStr("request.id", fmt.Sprint("r", i))
	}
	text, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
	if err != nil {
		t.Fatal(err)
	}
	proto, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, format, media, body string
		most, status              int
	}{
		{"csv", "csv", "text/csv", csv, 200, 207}, {"otlp in json", "otlp", "application/json", string(text), 600, 202},
		{"otlp in protobuf", "otlp", "application/x-protobuf", string(proto), 200, 202},
	} {
		t.Run(c.name, func(t *testing.T) {
			post := func(most int) (reply, *book, []string) {
				s, b, codecs := mapped(t)
				b.most = most
				got := send(t, s, "/v1/events/"+c.format, c.body, "Content-Type", c.media)
				return got, b, canonical(b, codecs[c.format])
			}
			_, _, want := post(1 << 20)
			got, b, events := post(c.most)
			if got.Status != c.status || got.Accepted != 40 || strings.Join(events, "\n") != strings.Join(want, "\n") {
				t.Errorf("answered %+v, stored %q, want %q", got, events, want)
			}
			if len(got.Refused) > 0 && got.Refused[0].Index != 8 {
				t.Errorf("%+v is refused, and it is the record 8", got.Refused)
			}
			for _, m := range b.list {
				if len(m.Data) > c.most {
					t.Errorf("a message has %d bytes", len(m.Data))
				}
			}
			if len(b.list) < 4 {
				t.Errorf("%d messages are stored", len(b.list))
			}
		})
	}
}

// TestMappedCopies holds that records of the same bytes are copies only where their sender
// says so, and that an id which a request and its response share drops neither.
func TestMappedCopies(t *testing.T) {
	s, _, _ := mapped(t)
	cloud := func(kind string) []string {
		return []string{"ce-specversion", "1.0", "ce-id", "r1", "ce-source", "s", "ce-time", "2026-11-23T11:59:30Z",
			"ce-type", kind}
	}
	for _, c := range []struct {
		name, input string
		header      []string
		copies      int
	}{
		{"first", "json", nil, 0}, {"the same bytes", "json", nil, 0},
		{"with a key", "json", []string{"Idempotency-Key", "k"}, 0}, {"again", "json", []string{"Idempotency-Key", "k"}, 2},
		{"a request", "cloudevents", cloud("x.request"), 0}, {"its response, of the same id and bytes", "cloudevents",
			cloud("x.response"), 0},
		{"the request again", "cloudevents", cloud("x.request"), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := send(t, s, "/v1/events/"+c.input, order, c.header...); got.Status != 202 || got.Copies != c.copies {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestOTLP holds what exporters of OpenTelemetry are answered at /v1/logs.
func TestOTLP(t *testing.T) {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range 3 {
		r := records.AppendEmpty()
		r.SetTimestamp(1795435170000000000)
		r.Body().SetStr("click")
		if i < 2 {
			r.Attributes().PutStr("request.id", fmt.Sprint("r", i))
		}
	}
	text, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
	if err != nil {
		t.Fatal(err)
	}
	proto, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	if err != nil {
		t.Fatal(err)
	}
	post := func(s *ingest.Server, body []byte, media, coding string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/v1/logs", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", media)
		r.Header.Set("Content-Encoding", coding)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w
	}
	t.Run("json", func(t *testing.T) {
		s, b, codecs := mapped(t)
		w := post(s, snappy.Encode(nil, text), "application/json", "snappy")
		var got struct {
			PartialSuccess struct{ RejectedLogRecords string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 ||
			got.PartialSuccess.RejectedLogRecords != "1" {
			t.Errorf("answered %d %s", w.Code, w.Body)
		}
		if all := canonical(b, codecs["otlp"]); len(all) != 3 || !strings.Contains(all[1], `"request_id":"r1"`) {
			t.Errorf("stored %q", all)
		}
	})
	t.Run("protobuf", func(t *testing.T) {
		s, b, codecs := mapped(t)
		w := post(s, proto, "application/x-protobuf", "")
		number, kind, n := protowire.ConsumeTag(w.Body.Bytes())
		partial, m := protowire.ConsumeBytes(w.Body.Bytes()[max(n, 0):])
		if w.Code != 200 || number != 1 || kind != protowire.BytesType || m < 0 || len(partial) < 2 || partial[1] != 1 {
			t.Errorf("answered %d %q", w.Code, w.Body)
		}
		if all := canonical(b, codecs["otlp"]); len(all) != 3 {
			t.Errorf("stored %q", all)
		}
	})
	t.Run("no logs", func(t *testing.T) {
		s, b, _ := mapped(t)
		if w := post(s, []byte("{"), "application/json", ""); w.Code != 400 || len(b.list) > 0 {
			t.Errorf("answered %d %s", w.Code, w.Body)
		}
	})
	t.Run("no input", func(t *testing.T) {
		s, _ := open(t, options())
		if w := post(s, text, "application/json", ""); w.Code != 404 {
			t.Errorf("answered %d %s", w.Code, w.Body)
		}
	})
}
