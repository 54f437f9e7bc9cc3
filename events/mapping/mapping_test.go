package mapping

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// decoded is what a mapping makes of a message: its events, and the reasons of what is
// none, a line each.
func decoded(t testing.TB, m *Mapping, msg *events.Message) string {
	t.Helper()
	var out []string
	m.Decode(msg, func(index uint32, d events.Decoded) bool {
		if int(index) != len(out) {
			t.Errorf("event %d has position %d", len(out), index)
		}
		line := d.Kind.String() + " " + string(d.Data)
		if d.Reject != nil {
			line = d.Kind.String() + " rejected " + d.Reject.Reason + ": " + d.Reject.Detail
		}
		if len(d.Left) > 0 {
			line += " left " + strings.Join(d.Left, ",")
		}
		out = append(out, line)
		return true
	})
	return strings.Join(out, "\n")
}

func must(t testing.TB, spec Spec) *Mapping {
	t.Helper()
	m, problems := Compile(spec)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return m
}

func message(data string) *events.Message {
	return &events.Message{Data: []byte(data), Stored: 1_700_000_000_000_000_000,
		Envelope: &events.Envelope{Subject: "web.impressions.de", Header: map[string][]string{"X-Tenant": {"t1"}}}}
}

func request(id, ts string, more ...string) Spec {
	s := Spec{Format: "json", Kind: "request", Map: map[string]string{"request_id": id, "ts": ts}}
	for i := 0; i < len(more); i += 2 {
		s.Map[more[i]] = more[i+1]
	}
	return s
}

// TestMapping: what a mapping makes of records, whole.
func TestMapping(t *testing.T) {
	order := Spec{Format: "json", Kind: "outcome", Each: "event.lines", Map: map[string]string{
		"type": `"purchase"`, "request_id": `event.session + ":" + .page`, "value": ".price", "ts": `time(event.at, "ms")`,
	}}
	slots := request("string(event.id)", `time(event.at, "s")`, "items",
		"map(event.slots, {item_id: .sku, position: .rank})", "features", "event.ctx")
	both := Spec{Format: "json", Kind: `event.what == "ask" ? "request" : event.what == "click" ? "outcome" : nil`,
		Map: map[string]string{
			"request_id": "event.r", "ts": `time(event.t, "iso", "UTC")`, "type": "kind == 'outcome' ? event.what : nil",
		}}
	for _, c := range []struct {
		name, data string
		spec       Spec
		want       string
	}{
		{"the issue's impressions", `{"id":9007199254740993,"at":1764384000.123456,"slots":[{"sku":"a","rank":1},{"sku":7,"rank":2}],"ctx":{"z":1.0,"a":"x"}}`, slots,
			`request {"request_id":"9007199254740993","ts":"2025-11-29T02:40:00.123456Z","features":{"a":"x","z":1.0},"items":[{"item_id":"a","position":1},{"item_id":"7","position":2}]}`},
		{"the issue's orders",
			`{"session":"s","at":1764384000123,"lines":[{"page":"p","price":"19.90"},{"page":"q","price":2}]}`, order,
			`outcome {"request_id":"s:p","ts":"2025-11-29T02:40:00.123Z","type":"purchase","value":19.9}` + "\n" +
				`outcome {"request_id":"s:q","ts":"2025-11-29T02:40:00.123Z","type":"purchase","value":2}`},
		{"nothing in each", `{"session":"s"}`, order, ""},
		{"both kinds", `{"what":"ask","r":"1","t":"2026-01-02 03:04:05"}` + "\n" +
			`{"what":"click","r":"1","t":"2026-01-02T03:04:06"}` + "\n" + `{"what":"scroll"}`, both,
			`request {"request_id":"1","ts":"2026-01-02T03:04:05Z"}` + "\n" +
				`outcome {"request_id":"1","ts":"2026-01-02T03:04:06Z","type":"click"}`},
		{"ids beyond 64 bits", `{"id":123456789012345678901234567890}`, request("event.id", "stored"),
			`request {"request_id":"123456789012345678901234567890","ts":"2023-11-14T22:13:20Z"}`},
		{"a product beyond 64 bits", `{"id":"a","n":4000000000}`, request("event.id", "stored", "score", "event.n * event.n"),
			"request rejected mapping: map.score: event.n * event.n: 4000000000 * 4000000000 does not fit 64 bits (at column 9 of the expression)"},
		{"a difference", `{"id":"a","n":-9223372036854775807}`, request("event.id", "stored", "score", "event.n - 2"),
			"request rejected mapping: map.score: event.n - 2: -9223372036854775807 - 2 does not fit 64 bits (at column 9 of the expression)"},
		{"a time", `{"id":"a","s":1700000000}`, request("event.id", `time(int(event.s) * 1000 - 1, "ms")`),
			`request {"request_id":"a","ts":"2023-11-14T22:13:19.999Z"}`},
		{"the least number", `{"id":"a","n":-9223372036854775808}`, request("event.id", "stored", "score", "-event.n"),
			"request rejected mapping: map.score: -event.n: -9223372036854775808 * -1 does not fit 64 bits (at column 1 of the expression)"},
		{"its magnitude", `{"id":"a","n":-9223372036854775808}`, request("event.id", "stored", "score", "abs(event.n)"),
			"request rejected mapping: map.score: abs(event.n): 0 - -9223372036854775808 does not fit 64 bits (at column 1 of the expression)"},
		{"a sum of a list", `{"id":"a","n":[9223372036854775807, 1]}`, request("event.id", "stored", "score", "sum(event.n)"),
			"request rejected mapping: map.score: sum(event.n): 9223372036854775807 + 1 does not fit 64 bits (at column 1 of the expression)"},
		{"a sum of parts", `{"id":"a","n":[{"x":9223372036854775807}, {"x":1}]}`, request("event.id", "stored", "score", "sum(event.n, .x)"),
			"request rejected mapping: map.score: sum(event.n, .x): 9223372036854775807 + 1 does not fit 64 bits (at column 1 of the expression)"},
		{"sums that fit", `{"id":"a","n":[1,2.5,3],"e":[]}`, request("event.id", "stored", "features",
			"{a: sum(event.n), b: sum(event.n, # * 2), c: sum(event.e), d: -sum(event.n), e: abs(1 - 2.5), f: 3 * -2}"),
			`request {"request_id":"a","ts":"2023-11-14T22:13:20Z","features":{"a":6.5,"b":13.0,"c":0,"d":-6.5,"e":1.5,"f":-6}}`},
		{"an id that is a float", `{"id":7.0}`, request("event.id", "stored"), "request rejected mapping: map.request_id: event.id: 7 has a fraction or an exponent: as an id it may have been another number before"},
		{"no id", `{}`, request("event.id", "stored"),
			"request rejected missing_request_id: map.request_id: event.id gives nothing"},
		{"the subject and headers", `{}`, request(`trimPrefix(subject, "web.")`, "stored", "user_id", `headers["x-tenant"]`),
			`request {"request_id":"impressions.de","ts":"2023-11-14T22:13:20Z","user_id":"t1"}`},
		{"embedded JSON in base64", `{"p":"` + base64.StdEncoding.EncodeToString([]byte(`{"id":12}`)) + `"}`,
			request("json(base64(event.p)).id", "stored"), `request {"request_id":"12","ts":"2023-11-14T22:13:20Z"}`},
		{"helpers", `{"id":"a","c":{"x":1,"y":2,"z":3}}`, request("event.id", "stored", "features",
			`rename(without(event.c, "z"), {x: "n"})`, "user_id", `default(event.u, "nobody")`),
			`request {"request_id":"a","ts":"2023-11-14T22:13:20Z","user_id":"nobody","features":{"n":1,"y":2}}`},
		{"subtree", `{"id":"a","c":{"x":1,"y":2}}`, request("event.id", "stored", "features", `subtree(event.c, "x", "q")`),
			`request {"request_id":"a","ts":"2023-11-14T22:13:20Z","features":{"x":1}}`},
		{"left over", `{"id":"a","n":{"used":1,"not":2},"z":null,"more":[1]}`,
			request("event.id", "stored", "user_id", "event.n.used"),
			`request {"request_id":"a","ts":"2023-11-14T22:13:20Z","user_id":"1"} left more,n.not`},
		{"a naive time", `{"id":"a","t":"2026-01-02T03:04:05"}`, request("event.id", "event.t"), `request rejected mapping: map.ts: event.t: time: "2026-01-02T03:04:05" has no offset: name its zone, like time(x, "iso", "UTC")`},
		{"a zone", `{"id":"a","t":"02.07.2026 03:04"}`, request("event.id",
			`time(event.t, "%d.%m.%Y %H:%M", "Europe/Berlin")`), `request {"request_id":"a","ts":"2026-07-02T01:04:00Z"}`},
		{"what is missing on the way", `{"id":"a"}`, request("event.id", "stored", "user_id", "event.u.name"),
			"request rejected mapping: map.user_id: event.u.name: cannot fetch name from <nil> (at column 9 of the expression)"},
		{"what may be missing on the way", `{"id":"a"}`, request("event.id", "stored", "user_id", "event.u?.name"),
			`request {"request_id":"a","ts":"2023-11-14T22:13:20Z"}`},
		{"a bad record between good ones", "{\"id\":\"a\"}\n{\"id\":\n{\"id\":\"b\"}", request("event.id", "stored"), "request {\"request_id\":\"a\",\"ts\":\"2023-11-14T22:13:20Z\"}\nrequest rejected not_json: at byte 6: it ends where a value should begin\nrequest {\"request_id\":\"b\",\"ts\":\"2023-11-14T22:13:20Z\"}"},
		{"a list, as Fluent Bit sends it", `[[1764384000.5,{"id":"a"}]]`, request("event[1].id", `time(event[0], "s")`),
			`request {"request_id":"a","ts":"2025-11-29T02:40:00.5Z"}`},
		{"a heartbeat", `{"heartbeat":"2026-01-01T00:00:00Z"}`, request("event.id", "stored"),
			`request {"heartbeat":"2026-01-01T00:00:00Z"}`},
		{"the order of names", `{"id":"a","o":{"z":1,"a":2,"m":3}}`,
			request("event.id", "stored", "features",
				`{k: keys(event.o), v: values(event.o), p: toPairs(event.o), f: fromPairs([["x", 1]])}`),
			`request {"request_id":"a","ts":"2023-11-14T22:13:20Z","features":{"f":{"x":1},"k":["a","m","z"],"p":[["a",2],["m",3],["z",1]],"v":[2,3,1]}}`},
		{"numbers of doubles", `{"id":"a","s":2.0,"f":2.0}`,
			request("event.id", "stored", "score", "event.s", "features", "{f: event.f}"),
			`request {"request_id":"a","ts":"2023-11-14T22:13:20Z","score":2,"features":{"f":2.0}}`},
		{"a number without its unit", `{"id":"a","t":"1767323045000"}`, request("event.id", "event.t"), `request rejected mapping: map.ts: event.t: time: "1767323045000" is not written as in ISO 8601, like 2026-01-31T15:04:05Z; a number needs its unit: time(x, "ms")`},
		{"a zone that may be several", `{"id":"a","t":"2026-01-02 03:04:05 CST"}`, request("event.id", `time(event.t)`), `request rejected mapping: map.ts: time(event.t): time: "2026-01-02 03:04:05 CST" has no offset: name its zone, like time(x, "iso", "UTC") (at column 1 of the expression)`},
		{"a zone of another place", `{"id":"a","t":"2026-01-02 03:04:05 CST"}`, request("event.id", `time(event.t, "iso", "UTC")`), `request rejected mapping: map.ts: time(event.t, "iso", "UTC"): time: "2026-01-02 03:04:05 CST" has the zone CST, which may be several: name the one, like time(x, "iso", "Europe/Berlin") (at column 1 of the expression)`},
		{"items by their ids alone", `{"id":"a","ids":[3,"x"]}`, request("event.id", "stored", "items", "event.ids"),
			`request {"request_id":"a","ts":"2023-11-14T22:13:20Z","items":[{"item_id":"3"},{"item_id":"x"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := decoded(t, must(t, c.spec), message(c.data)); got != c.want {
				t.Errorf("it makes\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestMappedEventsAreDecoded: what is written is an event to the decoder.
func TestMappedEventsAreDecoded(t *testing.T) {
	m := must(t, request("event.id", "stored", "features", "event", "score", "event.s"))
	for _, data := range []string{`{"id":"a","s":1,"x":[1,{"y":null}],"t":"\u0001\"\\é\ud83d\ude00"}`,
		`{"id":1,"s":"0.5","big":18446744073709551616,"f":1e300,"tiny":5e-324}`} {
		m.Decode(message(data), func(_ uint32, d events.Decoded) bool {
			if d.Reject != nil {
				t.Fatal(d.Reject)
			}
			if _, err := (&jsonevent.Decoder{}).DecodeRequest(d.Data); err != nil {
				t.Errorf("%s: %v", d.Data, err)
			}
			return true
		})
	}
}

// TestFormats: the formats of messages and their compressions.
func TestFormats(t *testing.T) {
	zip := func(data string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write([]byte(data))
		w.Close()
		return b.Bytes()
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	with := func(data []byte, header ...string) *events.Message {
		m := &events.Message{Data: data, Stored: 1, Envelope: &events.Envelope{Header: map[string][]string{}}}
		for i := 0; i < len(header); i += 2 {
			m.Envelope.Header[header[i]] = []string{header[i+1]}
		}
		return m
	}
	id := request("event.id", `time(1, "s")`)
	of := func(format string, s Spec) Spec { s.Format = format; return s }
	const a = `request {"request_id":"a","ts":"1970-01-01T00:00:01Z"}`
	ce := of("cloudevents", request("event.data.id", "event.time", "model", "event.source"))
	ce1 := `request {"request_id":"a","ts":"2026-01-01T00:00:00Z","model":"/m"}`
	otlp := of("otlp", request(`attributes`, ""))
	otlp.Map = map[string]string{"request_id": `event.attributes["req.id"]`, "ts": "event.time",
		"model": `event.resource["service.name"]`, "features": "event.body"}
	logs := `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"svc"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1764384000000000001","attributes":[{"key":"req.id","value":{"intValue":"9007199254740993"}}],"body":{"kvlistValue":{"values":[{"key":"x","value":{"doubleValue":2}}]}}}]}]}]}`
	for _, c := range []struct {
		name string
		spec Spec
		m    *events.Message
		want string
	}{
		{"gzip", id, with(zip(`{"id":"a"}`), "Content-Encoding", "gzip"), a},
		{"zstd", id, with(z.EncodeAll([]byte(`{"id":"a"}`), nil), "content-encoding", "zstd"), a},
		{"snappy", id, with(snappy.Encode(nil, []byte(`{"id":"a"}`)), "Content-Encoding", "snappy"), a},
		{"not gzip", id, with([]byte(`{"id":"a"}`), "Content-Encoding", "gzip"),
			"request rejected bad_format: the data is not in gzip, as its header says: gzip: invalid header"},
		{"csv", of("csv", id), with([]byte("id,x\r\na,\"1\n2\"\r\nb\r\n")),
			a + " left x\nrequest rejected bad_format: it has 1 values, and 2 columns have names"},
		{"csv with tabs", of("csv", id), with([]byte("x\tid\n1,5\ta\n")), a + " left x"},
		{"csv that is broken", of("csv", id), with([]byte("id,x\na,1\n\"b\"c,2\nd,3\n")),
			a + " left x\nrequest rejected bad_format: from here on it is not CSV: parse error on line 3, column 3: " +
				`extraneous or missing " in quoted-field`},
		{"structured", ce, with([]byte(`{"specversion":"1.0","id":"1","source":"/m","type":"t","time":"2026-01-01T00:00:00Z","data":{"id":"a"}}`)), ce1},
		{"structured, data_base64", ce, with([]byte(`{"specversion":"1.0","id":"1","source":"/m","type":"t","time":"2026-01-01T00:00:00Z","datacontenttype":"application/json","data_base64":"eyJpZCI6ImEifQ=="}`)), ce1},
		{"a batch", ce, with([]byte(`[{"specversion":"1.0","id":"1","source":"/m","type":"t","time":"2026-01-01T00:00:00Z","data":{"id":"a"}}]`)), ce1},
		{"binary", ce, with([]byte(`{"id":"a"}`), "ce-specversion", "1.0", "CE-Id", "1", "ce-source", "%2Fm", "ce-type", "t",
			"ce-time", "2026-01-01T00:00:00Z", "Content-Type", "application/json; charset=utf-8"), ce1},
		{"no CloudEvent", ce, with([]byte(`{"id":"a"}`)),
			"request rejected bad_format: it is no CloudEvent: specversion is not given"},
		{"OTLP in JSON", otlp, with([]byte(logs)), `request {"request_id":"9007199254740993","ts":"2025-11-29T02:40:00.000000001Z","model":"svc","features":{"x":2.0}}`},
		{"OTLP in protobuf", otlp, with(asProtobuf(t, logs)), `request {"request_id":"9007199254740993","ts":"2025-11-29T02:40:00.000000001Z","model":"svc","features":{"x":2.0}}`},
		{"OTLP of a time that there cannot be", otlp, with([]byte(strings.Replace(logs, "1764384000000000001", "9223372036854775808", 1))),
			"request rejected mapping: map.ts: event.time: time: 9223372036854775808 is beyond the years 1678 to 2262: is it the right unit?"},
		{"OTLP of traces", otlp, with([]byte(`{"resourceSpans":[{}]}`)),
			"request rejected bad_format: it has resourceSpans: of OTLP, logs alone are read"},
		{"no OTLP", otlp, with([]byte("\xff\xff\xff")), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := decoded(t, must(t, c.spec), c.m)
			if c.want == "" && strings.Contains(got, "bad_format") {
				return
			}
			if got != c.want {
				t.Errorf("it makes\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// asProtobuf is OTLP in JSON as protobuf, by the library of OpenTelemetry.
func asProtobuf(t *testing.T, logs string) []byte {
	t.Helper()
	decoded, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs([]byte(logs))
	if err != nil {
		t.Fatal(err)
	}
	data, err := (&plog.ProtoMarshaler{}).MarshalLogs(decoded)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestWhatExplodes: expressions that would run for ever, or take all memory, come to an
// end soon and say why. The record is an ordinary one; the expression multiplies it.
func TestWhatExplodes(t *testing.T) {
	list := `{"id":"a","t":"` + strings.Repeat("x", 40_000) + `","l":[` + strings.Repeat("1,", 20_000) + `1]}`
	doubled := "let a = event.t; " // a text that doubles and doubles
	for c := 'b'; c < 'l'; c++ {
		doubled += fmt.Sprintf("let %c = %c + %c; ", c, c-1, c-1)
	}
	whole := request("event.id", "stored", "features", "{all: map(event.l, event)}")
	each := request("event.id", "stored", "features", "event")
	each.Each = "event.l"
	for _, c := range []struct {
		name string
		spec Spec
		want string
	}{
		{"a loop in a loop", request(`string(sum(event.l, count(event.l, # > 0)))`, "stored"), ReasonBudget},
		{"a text that doubles", request(doubled+"k + k + k + k", "stored"), ReasonBudget},
		{"a text that is replaced", request(`replace(join(event.l, "1"), "1", join(event.l, "1"))`, "stored"), ReasonBudget},
		{"texts in a loop", request(`string(len(map(event.l, upper(event.t))))`, "stored"), ReasonBudget},
		{"lists in a loop", request(`string(len(map(event.l, split(event.t, ""))))`, "stored"), ReasonBudget},
		{"lists of lists", request(`string(len(flatten(map(event.l, event.l))))`, "stored"), ReasonBudget},
		{"lists in lists", request(`string(len(map(event.l, map(event.l, 1))))`, "stored"), ReasonBudget},
		{"the record for each element of it", whole, events.ReasonTooLarge},
		{"an event with the record for each element of it", each, ReasonBudget},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := must(t, c.spec)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var last *events.RejectError
			m.Decode(message(list), func(_ uint32, d events.Decoded) bool { last = d.Reject; return true })
			runtime.ReadMemStats(&after)
			if last == nil || last.Reason != c.want {
				t.Errorf("it makes %v, want %s", last, c.want)
			}
			// Of all that was allocated, most is garbage by now.
			if made := (after.TotalAlloc - before.TotalAlloc) >> 20; made > 200 {
				t.Errorf("it allocates %d MiB for a record of %d kB", made, len(list)>>10)
			}
		})
	}
}

// TestWhatIsNoMapping: each mistake is told with the part it is in.
func TestWhatIsNoMapping(t *testing.T) {
	for want, spec := range map[string]Spec{
		`format: there is no format "xml": it is one of cloudevents, csv, json, otlp`:                                                                                        {Format: "xml", Kind: "request", Map: map[string]string{"request_id": "event.a", "ts": "stored"}},
		"kind: is missing: it is request, outcome, or an expression that gives one of them":                                                                                  {Format: "json"},
		"map.ts: is missing: every request needs one":                                                                                                                        {Format: "json", Kind: "request", Map: map[string]string{"request_id": "event.a"}},
		`map.when: an event has no field "when": it has attrs, item_id, outcome_id, request_id, ts, type, value`:                                                             {Format: "json", Kind: "outcome", Map: map[string]string{"request_id": "event.a", "ts": "stored", "type": "'x'", "when": "stored"}},
		`map.request_id: unknown name "id": a field of the record is event.id; there are event, headers, it, kind, stored, subject (at column 1 of the expression)`:          request("id", "stored"),
		"map.ts: now() is not there: the same record must always give the same event; time(x, unit) reads a time (at column 1 of the expression)":                            request("event.a", "now()"),
		`map.ts: time: "sec" is no unit and no layout: units are s, ms, us and ns, "iso" is ISO 8601, and layouts are like "%d.%m.%Y %H:%M" (at column 1 of the expression)`: request("event.a", `time(event.b, "sec")`),
		`map.ts: time: there is no zone "Berlin": write one like UTC or Europe/Berlin (at column 1 of the expression)`: request("event.a",
			`time(event.b, "iso", "Berlin")`),
		`map.request_id: unknown name "events": the record is called event (at column 1 of the expression)`:                                             request("events.a", "stored"),
		`map.request_id: unknown name "$env": there are event, headers, it, kind, stored, subject (at column 1 of the expression)`:                      request("$env.event", "stored"),
		`map.request_id: ranges (..) are not part of the language: compare with >= and <= (at column 13 of the expression)`:                             request("string(len(1..9))", "stored"),
		`map.request_id: the pattern of matches is a text in quotes, like "^[0-9]+$": it may not come from the record (at column 16 of the expression)`: request("string(event.a matches event.b)", "stored"),
		`map.request_id: there is no function "strng" (at column 1 of the expression)`:                                                                  request("strng(event.a)", "stored"),
		`map.request_id: a value has no functions of its own: write lower(value) for value.lower() (at column 9 of the expression)`:                     request("event.a.lower()", "stored"),
		`map.request_id: there is no function "strng" (at column 8 of the expression)`:                                                                  request("string(strng(event.a))", "stored"),
		`map.request_id: the expression ends too early: a value or a closing bracket is missing (at column 11 of the expression)`:                       request("len(event.a", "stored"),
		`map.request_id: a choice is written condition ? this : that (at column 9 of the expression)`:                                                   request("event.a if event.b", "stored"),
		`map.request_id: a single = is no comparison: write == (at column 9 of the expression)`:                                                         request("event.a = 1 ? 'b' : 'c'", "stored"),
		`map.items: unknown name "evnt": a field of the record is event.evnt; there are event, headers, it, kind, stored, subject (at column 52 of the expression)`: request("event.a", "stored", "items",
			"map(event.l, {item_id: .b, features: {x: .y, évnt: evnt.x}})"),
		`map.items: ")" is not expected here (at column 29 of the expression)`: request("event.a", "stored", "items",
			"map(event.l, {item_id: .b, a)"),
	} {
		t.Run(want, func(t *testing.T) {
			_, problems := Compile(spec)
			if len(problems) != 1 || problems[0].Error() != want {
				t.Errorf("it says %q", problems)
			}
		})
	}
}
