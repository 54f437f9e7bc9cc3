package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/ingest"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

const mappedConfig = `
inputs:
  requests: {}
  outcomes: {}
  impressions:
    subject: web.impressions
    kind: request
    map:
      request_id: event.id
      ts: time(event.at, "ms")
      features: event.f
      items: 'map(event.s, {item_id: .k, position: .r})'
  clicks:
    subject: web.clicks
    kind: outcome
    format: csv
    map: {request_id: event.id, ts: 'time(event.at, "ms")', type: '"click"', item_id: event.k, value: event.v}
  both:
    subject: web.both
    kind: 'event.s != nil ? "request" : "outcome"'
    map:
      request_id: event.id
      ts: time(event.at, "ms")
      features: event.f
      items: 'map(event.s, {item_id: .k, position: .r})'
      type: '"click"'
      item_id: event.k
      value: event.v
http: {ingest: {listen: "127.0.0.1:0"}}
join: {window: 30m}
labels:
  clicked: 'type == "click"'
  spent: {when: 'type == "click"', value: sum}
`

// shown is a request as its producer writes it.
type shown struct {
	ID int64       `parquet:"id"`
	At int64       `parquet:"at"`
	F  shownMore   `parquet:"f"`
	S  []shownItem `parquet:"s,list"`
}

type shownMore struct {
	Age int64   `parquet:"age"`
	Q   string  `parquet:"q"`
	X   float64 `parquet:"x"`
}

type shownItem struct {
	K string `parquet:"k"`
	R int64  `parquet:"r"`
}

func (s *shown) record() string {
	return fmt.Sprintf(`{"s": [{"k":%q,"r":%d}, {"r":%d,"k":%q}], "f": {"x":%v,"q":%q,"age":%d}, "at": %d, "id": %d}`,
		s.S[0].K, s.S[0].R, s.S[1].R, s.S[1].K, s.F.X, s.F.Q, s.F.Age, s.At, s.ID)
}

func (s *shown) native() string {
	return fmt.Sprintf(`{"request_id":"%d","ts":%q,"features":{"age":%d,"q":%q,"x":%v},"items":[{"item_id":%q,"position":%d},{"item_id":%q,"position":%d}]}`,
		s.ID, rfc3339(s.At), s.F.Age, s.F.Q, s.F.X, s.S[0].K, s.S[0].R, s.S[1].K, s.S[1].R)
}

func rfc3339(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano) }

// roads are the same events in files of several forms. Ids come again, at one time and with
// other contents, so that the hashes of events decide which of them counts.
func roads(t *testing.T, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 3))
	var native, mapped, outcomes, csv, both bytes.Buffer
	var table []shown
	csv.WriteString("v,k,at,id\n")
	for i := range 300 {
		at := 1_767_225_600_000 + r.Int64N(3_600_000)
		one := shown{ID: 9_007_199_254_740_993 + r.Int64N(200), At: at - at%600_000,
			F: shownMore{r.Int64N(90), fmt.Sprint("q\"", i%7), 0.5 + float64(r.IntN(9))},
			S: []shownItem{{"a", 1}, {fmt.Sprint("b", i%3), 2}}}
		table = append(table, one)
		fmt.Fprintln(&native, one.native())
		fmt.Fprintln(&mapped, one.record())
		fmt.Fprintln(&both, one.record())
		click, item, value := one.At+r.Int64N(60_000), []string{"a", "b1"}[r.IntN(2)], 1.25*float64(1+2*r.IntN(5))
		fmt.Fprintf(&outcomes, "{\"request_id\":\"%d\",\"ts\":%q,\"type\":\"click\",\"item_id\":%q,\"value\":%v}\n", one.ID,
			rfc3339(click), item, value)
		fmt.Fprintf(&csv, "%v,%s,%d,%d\n", value, item, click, one.ID)
		fmt.Fprintf(&both, "{\"v\":%v,\"k\":%q,\"at\":\"%d\",\"id\":\"%d\"}\n", value, item, click, one.ID)
	}
	var columns bytes.Buffer
	if err := parquet.Write(&columns, table); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"native.r": native.Bytes(), "native.o": outcomes.Bytes(), "lines": mapped.Bytes(), "csv": csv.Bytes(), "both": both.Bytes(),
		"array":   []byte("[" + strings.Join(strings.Split(strings.TrimSpace(mapped.String()), "\n"), ",\n") + "]"),
		"parquet": columns.Bytes(),
	} {
		putBytes(t, name, data)
	}
}

// posted takes what is sent by HTTP, as the log that stores it, and keeps the records of
// each input in a file.
type posted struct {
	input string // whose records come now
	files map[string]*bytes.Buffer
}

func (p *posted) MaxBytes() int { return 1 << 20 }

func (p *posted) Append(_ context.Context, list []events.Outgoing) (copies int, err error) {
	for i := range list {
		name := "http." + p.input
		if p.files[name] == nil {
			p.files[name] = new(bytes.Buffer)
		}
		for _, record := range new(jsonevent.Decoder).Split(list[i].Data) {
			p.files[name].Write(append(bytes.Clone(record), '\n'))
		}
	}
	return 0, nil
}

func fileBytes(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// postRoads sends the events by HTTP, in labeljoin's own format and by the mappings, and
// writes what is stored to files.
func postRoads(t *testing.T) {
	t.Helper()
	c, err := partition.LoadConfig("labeljoin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	o, err := partition.IngestOptions(c)
	if err != nil {
		t.Fatal(err)
	}
	o.Now = func() time.Time { return time.UnixMilli(1_767_225_600_000).Add(time.Hour) }
	server, err := ingest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	kept := &posted{files: map[string]*bytes.Buffer{}}
	server.Open(kept, nil, nil)
	post := func(input, media string, body []byte) {
		kept.input = input
		r := httptest.NewRequest(http.MethodPost, "/v1/events/"+input, bytes.NewReader(body))
		r.Header.Set("Content-Type", media)
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusAccepted {
			t.Fatalf("%s is answered with %d: %s", input, w.Code, w.Body)
		}
	}
	for input, file := range map[string]string{"requests": "native.r", "outcomes": "native.o", "impressions": "lines"} {
		lines := bytes.SplitAfter(bytes.TrimSpace(fileBytes(t, file)), []byte("\n"))
		for part := range slices.Chunk(lines, 70) {
			post(input, "application/x-ndjson", bytes.Join(part, nil))
		}
	}
	post("clicks", "text/csv", fileBytes(t, "csv"))
	for name, data := range kept.files {
		putBytes(t, name, data.Bytes())
	}
}

// TestReplayRoads is the four-way test: the same events give the same files, byte for byte
// and so with the same hashes, whether they come in labeljoin's own format, by a mapping,
// by HTTP, or from a table. Which of two copies counts is decided by their hashes.
func TestReplayRoads(t *testing.T) {
	replayDir(t)
	putFile(t, "labeljoin.yaml", mappedConfig)
	seed := rand.Uint64()
	roads(t, seed)
	postRoads(t)
	want := ""
	for _, c := range []struct {
		name string
		args []string
	}{
		{"native", []string{"--requests", "native.r", "--outcomes", "native.o"}},
		{"mapped", []string{"--events", "impressions=lines", "--outcomes", "native.o"}},
		{"a table", []string{"--events", "impressions=array", "--events", "clicks=csv"}},
		{"both kinds in one file, three jobs", []string{"--events", "both=both", "--memory", "128MiB", "--jobs", "3"}},
		{"Parquet", []string{"--events", "impressions=parquet", "--events", "clicks=csv"}},
		{"HTTP", []string{"--requests", "http.requests", "--outcomes", "http.outcomes"}},
		{"mapped, by HTTP", []string{"--events", "impressions=http.impressions", "--events", "clicks=http.clicks"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			got := runMain(t, append([]string{"replay", "--complete", "--out", out}, c.args...)...)
			if got.code != 0 {
				t.Fatalf("seed %d: it ends with %d: %s", seed, got.code, got.stderr)
			}
			hash := hashBelow(t, filepath.Join(out, "data"))
			if want == "" {
				want = hash
			}
			if hash != want {
				t.Errorf("seed %d: the files are %s, want %s\n%s", seed, hash, want, got.stderr)
			}
		})
	}
	for _, c := range []struct {
		name, want string
		args       []string
	}{
		{"an input that is none", "did you mean clicks?", []string{"--events", "click=csv", "--outcomes", "native.o"}},
		{"no name", "write it NAME=FILES", []string{"--events", "csv"}},
		{"rejected", "of --events clicks native.o were rejected",
			[]string{"--requests", "native.r", "--events", "clicks=native.o"}},
		{"what a mapping makes of it", "`labeljoin map --input clicks native.o` shows why: correct the mapping or the file",
			[]string{"--requests", "native.r", "--events", "clicks=native.o"}},
		{"read without its mapping", "--requests reads labeljoin's own format: name the files of an input with a mapping by --events impressions=FILES, --events both=FILES",
			[]string{"--requests", "lines", "--outcomes", "native.o"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := runMain(t, append([]string{"replay", "--out", filepath.Join(t.TempDir(), "out")}, c.args...)...)
			if got.code == 0 || !strings.Contains(got.stderr, c.want) {
				t.Errorf("it ends with %d: %s", got.code, got.stderr)
			}
		})
	}
}

// hashBelow is the hash of all files below a directory, with their names.
func hashBelow(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n", filepath.Base(path), len(data))
		h.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
