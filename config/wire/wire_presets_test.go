package wire_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/batch"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// messages is a log in memory. It implements batch.Source.
type messages []events.Message

func (l *messages) Next(context.Context) (events.Batch, error) {
	if len(*l) == 0 {
		return events.Batch{ReadThrough: events.MinTime}, io.EOF
	}
	b := events.Batch{Messages: slices.Clone(*l), ReadThrough: events.MinTime}
	*l = nil
	return b, nil
}

func (l *messages) Close() error { return nil }

// table takes rows and dead letters, and adds them up: what comes of the data of others is
// told without it.
type table struct {
	labels   []joiner.Label
	requests map[string]bool
	rows     int
	columns  map[string]bool // features
	sums     []float64       // of the labels
	known    []int           // rows on which they are not null
	letters  []string
	records  []string // that the letters keep
}

func (s *table) Rows(rows *gathered.Rows) error {
	for _, r := range rows.List {
		s.row(r.Request, r.Row)
	}
	return nil
}

func (s *table) row(req *events.Request, row *joiner.Row) {
	s.rows++
	s.requests[req.ID] = true
	features := slices.Clone(req.Features)
	if row.Item >= 0 && row.Item < len(req.Items) {
		s.columns["item_id"] = true
		features = append(features, req.Items[row.Item].Features...)
	}
	for name, given := range map[string]bool{"model": req.Model != "", "user_id": req.UserID != ""} {
		if given {
			s.columns[name] = true
		}
	}
	for _, f := range features {
		s.columns[f.Name] = true
	}
	for i := range s.labels {
		if c := row.Cells[i]; !c.Null {
			s.known[i]++
			s.sums[i] += c.Value
		}
	}
}

// String is what came of the logs.
func (s *table) String() string {
	text := fmt.Sprintf("%d rows of %d requests;", s.rows, len(s.requests))
	for i := range s.labels {
		text += fmt.Sprintf(" %s %v on %d;", s.labels[i].Name, s.sums[i], s.known[i])
	}
	columns := slices.Sorted(maps.Keys(s.columns))
	if len(columns) > 12 {
		columns = append(columns[:12], "...")
	}
	text += " " + strings.Join(columns, " ")
	for _, letter := range s.letters {
		text += "; " + letter
	}
	return text
}

func (s *table) DeadLetter(d *events.DeadLetter) error {
	s.letters = append(s.letters, d.Reason+": "+d.Detail)
	s.records = append(s.records, string(d.Data))
	return nil
}

// joined joins what messages become of by a configuration, by the names of its inputs: what
// came of them, and of what was rejected.
func joined(t *testing.T, c *config.Config, logs map[string][]events.Message) string {
	t.Helper()
	return joinedInto(t, c, logs).String()
}

func joinedInto(t *testing.T, c *config.Config, logs map[string][]events.Message) *table {
	t.Helper()
	rules, err := wire.Rules(c)
	if err != nil {
		t.Fatal(err)
	}
	feeds, err := wire.Feeds(c)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := wire.Options(c, rules)
	if err != nil {
		t.Fatal(err)
	}
	o := batch.Options{Rules: &rules, Decoders: engine.Decoders, Complete: true, Jobs: 1,
		Limit:  int(c.Limits.OutcomesPerRequest),
		Inputs: [events.Kinds]string{"r", "o"}}
	var all [events.Kinds]messages
	for i, f := range feeds {
		o.Codecs = append(o.Codecs, f.Codec)
		for _, k := range f.Kinds {
			for _, m := range logs[f.Name] {
				m.Kind, m.Feed, m.Seq = k, uint16(i), uint64(len(all[k])+1)
				all[k] = append(all[k], m)
			}
		}
	}
	for k := range o.Open {
		o.Open[k] = func(context.Context) (batch.Source, error) {
			l := slices.Clone(all[k])
			return &l, nil
		}
	}
	sink := &table{
		labels: rules.Labels, requests: map[string]bool{}, columns: map[string]bool{},
		sums: make([]float64, len(rules.Labels)), known: make([]int, len(rules.Labels)),
	}
	result, err := batch.Run(t.Context(), o, sink)
	if err != nil {
		t.Fatal(err)
	}
	if !result.Ledger.Balanced() {
		t.Errorf("the books do not balance: %+v", result.Ledger)
	}
	return sink
}

// TestTooManyKeepTheRecord: the dead letters of a replay keep the records of outcomes that are
// more than a request may have, as those of live do.
func TestTooManyKeepTheRecord(t *testing.T) {
	c, err := config.Decode("", []byte(`
inputs:
  requests: {}
  clicks: {subject: c, kind: outcome, each: event.all, map: {request_id: it.r, ts: time(it.t), type: it.what}}
limits: {outcomes_per_request: 2}
labels: {clicked: type == "click"}
`))
	if err != nil {
		t.Fatal(err)
	}
	record := func(second int, what string) string {
		return fmt.Sprintf(`{"all":[{"r":"r1","t":"2026-01-01T00:00:%02dZ","what":"%s"}]}`, second, what)
	}
	want := []string{record(2, "view"), record(1, "click")}
	got := joinedInto(t, c, map[string][]events.Message{
		"requests": {live(`{"request_id":"r1","ts":"2026-01-01T00:00:00Z"}`)},
		"clicks": lines(record(5, "click") + "\n" + record(6, "view") + "\n" + want[0] + "\n" + record(5, "click") + "\n" +
			want[1]),
	})
	if !slices.Equal(got.records, want) || got.sums[0] != 1 {
		t.Errorf("the letters keep %q, want %q; %s", got.records, want, got)
	}
}

// sampleLines are the messages of a sample: one for each line, as a broker hands them
// over. The test is skipped where samples are not there.
func sampleLines(t *testing.T, name string) (list []events.Message) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../../shared/data/formats", name))
	if err != nil {
		t.Skip("no samples here: ", err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.TrimSpace(line) != "" {
			list = append(list, live(line))
		}
	}
	return list
}

// live is a message as a broker hands it over.
func live(data string, headers ...string) events.Message {
	m := events.Message{Data: []byte(data), Stored: 1_700_000_000_000_000_000, Envelope: &events.Envelope{
		Subject: "a.b", Header: map[string][]string{},
	}}
	for i := 0; i < len(headers); i += 2 {
		m.Envelope.Header[headers[i]] = []string{headers[i+1]}
	}
	return m
}

func preset(t *testing.T, name string) *config.Config {
	t.Helper()
	src, err := config.Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Decode(name, src)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestPresetsAreWhole: every preset is a configuration that can be checked, says what it
// is for, and is what an input gets that names it.
func TestPresetsAreWhole(t *testing.T) {
	if len(config.Presets()) != 10 {
		t.Errorf("there are the presets %q", config.Presets())
	}
	for _, name := range config.Presets() {
		t.Run(name, func(t *testing.T) {
			c := preset(t, name)
			if _, err := wire.Feeds(c); err != nil {
				t.Error(err)
			}
			if _, err := wire.Rules(c); err != nil {
				t.Error(err)
			}
			if about := config.PresetAbout(name); !strings.Contains(about, ". ") && !strings.HasSuffix(about, ".") {
				t.Errorf("it says %q of itself", about)
			}
			used, err := config.Decode("",
				[]byte("inputs:\n  "+name+": {subject: a.>, format: "+name+"}\n  outcomes: {}\n  requests: {}\n"+
					"labels: {x: 'true'}\n"))
			if err != nil {
				t.Fatal(err)
			}
			of, own := used.Inputs.Named(name), c.Inputs.Named(name)
			if fmt.Sprint(of.Map, of.Kind, of.Each, of.Only, of.Format) != fmt.Sprint(own.Map, own.Kind, own.Each, own.Only,
				own.Format) {
				t.Errorf("format: %s is %+v, and the preset has %+v", name, of, own)
			}
		})
	}
}

// TestPresetSamples: records that the producers really write become rows that make sense.
func TestPresetSamples(t *testing.T) {
	type logs = map[string][]events.Message
	for _, c := range []struct {
		name string
		logs func(t *testing.T) logs
		want string
	}{
		{"metarank", func(t *testing.T) logs { return logs{"metarank": sampleLines(t, "metarank/events.jsonl")} },
			"3 rows of 1 requests; clicked 0 on 3; bought 1 on 3; item_id query relevancy source user_id"},
		{"kserve", func(t *testing.T) logs {
			return logs{
				"kserve":   sampleLines(t, "kserve/cloudevents_structured.jsonl"),
				"outcomes": {live(`{"request_id":"0009174a-24a8-4603-b098-09c8799950e9","item_id":"1","type":"truth","ts":"2021-04-10T00:24:00Z","value":1}`)},
			}
		}, "2 rows of 1 requests; correct 1 on 1; instance item_id model predictions"},
		{"kserve", func(*testing.T) logs { return logs{"kserve": lines(tensors)} },
			"3 rows of 2 requests; correct 0 on 0; id inputs instance item_id model model_name outputs"},
		{"sagemaker", func(t *testing.T) logs {
			truth := sampleLines(t, "sagemaker/ground_truth_csv.jsonl")
			for i := range truth {
				truth[i].Stored = 1_650_326_400_000_000_000 // 2022-04-19, the day after
			}
			return logs{"sagemaker": sampleLines(t, "sagemaker/data_capture.jsonl"), "sagemaker_truth": truth}
		}, "7 rows of 7 requests; truth 1 on 2; input input_instances output output_predictions"},
		{"vw", func(t *testing.T) logs {
			return logs{"vw": append(sampleLines(t, "vw/dsjson_cb.json"),
				sampleLines(t, "vw/b1848_dsjson_parser_regression.txt")...)}
		}, "98 rows of 24 requests; reward 12 on 98; FromUrl Geo__citycf Geo__countrycf Geo_city Geo_country Geo_dma Geo_state MRefer_referer OUserAgent_DeviceType OUserAgent__DeviceBrand OUserAgent__DeviceFamily OUserAgent__DeviceIsSpider ...; not_json: at byte 0: no value begins with 'C'"},
		{"snowplow", func(t *testing.T) logs {
			return logs{"snowplow": sampleLines(t, "snowplow/enriched_event.analytics_sdk.json")}
		}, "1 rows of 1 requests; clicked 0 on 1; app_id geo_country page_title page_url platform user_id"},
		{"otlp", func(*testing.T) logs { return logs{"otlp": {live(inferenceLogs)}} },
			"1 rows of 1 requests; clicked 1 on 1; rating 0.75 on 1; age model"},
		{"ubi", func(*testing.T) logs { return logs{"ubi": lines(ubiEvents)} },
			"4 rows of 2 requests; clicked 2 on 4; bought 0 on 4; application item_id user_id user_query"},
		{"segment", func(*testing.T) logs { return logs{"segment": lines(segmentEvents)} },
			"4 rows of 2 requests; clicked 2 on 4; bought 2 on 4; index item_id list_id user_id"},
		{"labelstudio", func(*testing.T) logs {
			return logs{"labelstudio": {live(labelStudioExport)}, "requests": lines(
				`{"request_id":"r1","ts":"2026-01-01T00:00:00Z"}` + "\n" +
					`{"request_id":"r2","ts":"2026-01-01T00:00:00Z","items":[{"item_id":"a"},{"item_id":"b"}]}`)}
		}, "3 rows of 2 requests; relevant 2 on 1; item_id"},
		{"cloudevents", func(*testing.T) logs {
			return logs{"cloudevents": {
				live(`{"specversion":"1.0","id":"r1","source":"/ranker","type":"shop.request","time":"2026-01-01T00:00:00Z","data":{"query":"cat"}}`),
				live(`{"request_id":"r1","value":2.5}`, "ce-specversion", "1.0", "ce-id", "o1", "ce-source", "/web", "ce-type",
					"shop.click",
					"ce-time", "2026-01-01T00:01:00Z", "content-type", "application/json"),
			}}
		}, "1 rows of 1 requests; clicked 1 on 1; model query"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := joined(t, preset(t, c.name), c.logs(t)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func lines(text string) (list []events.Message) {
	for line := range strings.Lines(text) {
		list = append(list, live(line))
	}
	return list
}

// ubiEvents are queries and what followed, in the fields of UBI 1.3: q1 as the plugin of
// OpenSearch and as the client in the page write it, q2 as OpenSearch's generator of data writes
// it, with its bulk lines, whose hits are told by impressions only.
const ubiEvents = `{"application":"shop","query_id":"q1","client_id":"c1","user_query":"laptop","query_attributes":{},"message_type":"INFO","message":"","timestamp":"2024-04-16T20:29:57.001Z"}
{"application":"shop","query_id":"q1","client_id":"c1","user_query":"laptop","query_response_id":"p1","query_response_hit_ids":["a","b"],"timestamp":"2024-04-16T20:29:57.016+0000"}
{"application":"shop","action_name":"item_click","query_id":"q1","client_id":"c1","message_type":"CLICK","timestamp":1713299412016,"event_attributes":{"object":{"object_id":"b","object_id_field":"sku"},"position":{"ordinal":2}}}
{"application":"shop","action_name":"login","query_id":"","client_id":"c1","timestamp":"2024-04-16T20:31:12.016Z"}
{"index":{"_index":"ubi_events","_id":"00e1"}}
{"application":"shop","query_id":"q2","client_id":"c2","user_query":"mouse","query_attributes":{},"timestamp":"2024-04-16T20:40:00.000Z"}
{"application":"shop","action_name":"impression","query_id":"q2","session_id":"s","client_id":"c2","timestamp":"2024-04-16T20:40:00.000Z","message_type":null,"message":null,"event_attributes":{"object":{"object_id":"x","object_id_field":"product_id"},"rank":0}}
{"application":"shop","action_name":"impression","query_id":"q2","session_id":"s","client_id":"c2","timestamp":"2024-04-16T20:40:00.000Z","message_type":null,"message":null,"event_attributes":{"object":{"object_id":"y","object_id_field":"product_id"},"rank":1}}
{"application":"shop","action_name":"click","query_id":"q2","session_id":"s","client_id":"c2","timestamp":"2024-04-16T20:40:03.500Z","message_type":null,"message":null,"event_attributes":{"object":{"object_id":"y","object_id_field":"product_id"},"rank":1}}
{"action_name":"page_exit","user_id":"18211","query_id":"q2","page_id":"/docs/","timestamp":"2024-04-16T20:41:00.789Z","message":"On page for 3.35 seconds","event_attributes":{"position":{},"object":{"idleTimeoutMs":5000,"isUserCurrentlyIdle":false}}}
`

// segmentEvents are calls of its Track API, and, with r2, of RudderStack's SDK before its
// server has added a timestamp, where a search names the query.
const segmentEvents = `{"type":"track","event":"Product List Viewed","messageId":"m1","userId":"u1","timestamp":"2026-01-01T00:00:00.000Z","properties":{"request_id":"r1","list_id":"hot","products":[{"product_id":"a","position":1},{"product_id":"b","position":2}]}}
{"type":"track","event":"Product Clicked","messageId":"m2","anonymousId":"x","timestamp":"2026-01-01T00:00:10.000Z","properties":{"request_id":"r1","product_id":"a"}}
{"type":"track","event":"Order Completed","messageId":"m3","userId":"u1","timestamp":"2026-01-02T00:00:10.000Z","properties":{"request_id":"r1","revenue":25.0}}
{"type":"identify","userId":"u1","timestamp":"2026-01-01T00:00:00Z"}
{"type":"track","messageId":"84e26acc","originalTimestamp":"2026-01-01T09:03:17.562Z","anonymousId":"123456","event":"product list viewed","userId":"u2","properties":{"index":"products","products":[{"objectId":"p-919","position":7},{"objectId":"p-542"}],"queryId":"43b15df3"},"integrations":{"All":true},"sentAt":"2026-01-01T09:03:22.563Z"}
{"type":"track","messageId":"84e26acd","originalTimestamp":"2026-01-01T09:03:19.562Z","anonymousId":"123456","event":"product clicked","userId":"u2","properties":{"queryId":"43b15df3","objectID":"p-542","price":"14"},"sentAt":"2026-01-01T09:03:22.563Z"}
{"type":"track","messageId":"84e26ace","originalTimestamp":"2026-01-01T09:04:19.562Z","event":"App Opened","properties":{}}
`

// tensors are a request in KServe's V2 protocol whose one tensor has a list for each row, with
// its response, and one whose tensors are columns.
const tensors = `{"specversion":"1.0","id":"v2","source":"http://kserve/","type":"org.kubeflow.serving.inference.request","time":"2026-01-01T00:00:00Z","inferenceservicename":"iris","data":{"id":"v2","inputs":[{"name":"input-0","shape":[2,4],"datatype":"FP32","data":[[6.8,2.8,4.8,1.4],[6.0,3.4,4.5,1.6]]}]}}
{"specversion":"1.0","id":"v2","source":"http://kserve/","type":"org.kubeflow.serving.inference.response","time":"2026-01-01T00:00:00.1Z","inferenceservicename":"iris","data":{"model_name":"iris","id":"v2","outputs":[{"name":"output-0","shape":[2],"datatype":"INT64","data":[1,1]}]}}
{"specversion":"1.0","id":"flat","source":"http://kserve/","type":"org.kubeflow.serving.inference.request","time":"2026-01-01T00:00:00Z","inferenceservicename":"iris","data":{"inputs":[{"name":"a","shape":[2,1],"datatype":"FP32","data":[1.5,2.5]},{"name":"b","shape":[2,1],"datatype":"FP32","data":[3.5,4.5]}]}}
`

// inferenceLogs is OTLP in JSON as the SDKs export it: a request and what followed.
const inferenceLogs = `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"ranker"}}]},
"scopeLogs":[{"scope":{"name":"app"},"logRecords":[
{"timeUnixNano":"1764384000000000001","eventName":"inference.request","traceId":"5b8efff798038103d269b633813fc60c",
 "attributes":[{"key":"request.id","value":{"intValue":"9007199254740993"}},{"key":"age","value":{"intValue":"40"}}]},
{"timeUnixNano":"0","observedTimeUnixNano":"1764384060000000000","eventName":"outcome.click",
 "attributes":[{"key":"request.id","value":{"stringValue":"9007199254740993"}}]},
{"timeUnixNano":"1764384061000000000","eventName":"gen_ai.evaluation.result",
 "attributes":[{"key":"request.id","value":{"stringValue":"9007199254740993"}},
  {"key":"gen_ai.evaluation.score.value","value":{"doubleValue":0.75}}]},
{"timeUnixNano":"1764384061500000000",
 "attributes":[{"key":"request.id","value":{"stringValue":"9007199254740993"}},
  {"key":"event.name","value":{"stringValue":"outcome.click"}}]},
{"timeUnixNano":"1764384062000000000","severityText":"INFO","body":{"stringValue":"no event"}}]}]}]}`

// labelStudioExport is what Label Studio exports as JSON of two tasks: the first was judged by three
// raters, who are numbers or objects, and by one who skipped it; the second by one, with another
// answer beside; a third task is of another project.
const labelStudioExport = `[
{"id":11,"annotations":[
 {"id":1,"completed_by":7,"result":[{"value":{"choices":["yes"]},"id":"x","from_name":"relevance","to_name":"query","type":"choices","origin":"manual"}],"was_cancelled":false,"ground_truth":false,"created_at":"2026-01-02T10:00:00.123456Z","updated_at":"2026-01-02T10:00:09.123457Z","draft_created_at":null,"lead_time":4.288,"task":11,"project":3,"updated_by":7},
 {"id":2,"completed_by":{"id":8,"email":"bob@example.com","first_name":"","last_name":""},"result":[{"value":{"choices":["yes"]},"id":"y","from_name":"relevance","to_name":"query","type":"choices"}],"was_cancelled":false,"created_at":"2026-01-02T11:00:00.5Z","updated_at":"2026-01-02T11:00:00.5Z","lead_time":2},
 {"id":3,"completed_by":{"id":9,"email":"cy@example.com"},"result":[{"value":{"choices":["no"]},"from_name":"relevance","to_name":"query","type":"choices"}],"created_at":"2026-01-02T12:00:00Z"},
 {"id":4,"completed_by":10,"result":[],"was_cancelled":true,"created_at":"2026-01-02T12:30:00Z","updated_at":"2026-01-02T12:30:00Z"}],
 "file_upload":"tasks.json","drafts":[],"predictions":[],"data":{"request_id":"r1","query":"cat"},"meta":{"score":0.5},"created_at":"2026-01-02T09:00:00Z","updated_at":"2026-01-02T12:30:00Z","inner_id":1,"total_annotations":3,"project":3},
{"id":12,"annotations":[
 {"id":5,"completed_by":7,"result":[{"value":{"choices":["partly"]},"from_name":"relevance","to_name":"query","type":"choices"},{"value":{"rating":4},"from_name":"stars","to_name":"query","type":"rating"}],"was_cancelled":false,"created_at":"2026-01-02T10:05:00Z","updated_at":"2026-01-02T10:05:00Z","lead_time":1.5}],
 "data":{"request_id":"r2","item_id":"b","query":"dog"},"created_at":"2026-01-02T09:00:00Z"},
{"id":13,"annotations":[],"data":{"image":"x.jpg"},"created_at":"2026-01-02T09:00:00Z"}]`
