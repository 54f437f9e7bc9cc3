package columnar_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/hamba/avro/v2/ocf"
	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events/formats/columnar"
)

// TestMain is also the process that reads a file, see columnar.Child.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "read-columns" {
		err := columnar.LimitMemory()
		if err == nil {
			err = columnar.Write(context.Background(), os.Args[2], os.Stdout)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type item struct {
	ID       string             `parquet:"item_id"`
	Position *int64             `parquet:"position,optional"`
	Features map[string]float64 `parquet:"features"`
	Tags     []string           `parquet:"tags,list"`
}

type request struct {
	ID       string    `parquet:"request_id"`
	TS       time.Time `parquet:"ts,timestamp(microsecond)"`
	Model    *string   `parquet:"model,optional"`
	Score    float32   `parquet:"score"`
	Small    uint8     `parquet:"small"`
	Price    int64     `parquet:"price,decimal(2:18)"`
	Items    []item    `parquet:"items,list"`
	Old      []int32   `parquet:"old"` // a repeated column without a list around it
	Attrs    string    `parquet:"attrs"`
	Age      int32     `parquet:"features.age"`
	Activity bool      `parquet:"features.active"`
}

func requests() []request {
	model, three := "m", int64(3)
	return []request{
		{
			ID: "a\"1", TS: time.UnixMicro(1767225600000001), Model: &model, Score: 0.1, Small: 200, Price: -5, Attrs: `{"x": [1]}`, Age: 7,
			Items: []item{{ID: "i", Position: &three, Features: map[string]float64{"f": 0.5}, Tags: []string{"x", "y"}},
				{ID: "j"}},
			Old: []int32{1, 2},
		},
		{ID: "b", TS: time.UnixMicro(-1), Attrs: "text", Activity: true},
	}
}

const wanted = `{"request_id":"a\"1","ts":"2026-01-01T00:00:00.000001Z","model":"m","score":0.10000000149011612,"small":200,"price":-0.05,` +
	`"items":[{"item_id":"i","position":3,"features":{"f":0.5},"tags":["x","y"]},{"item_id":"j","features":{},"tags":[]}],"old":[1,2],"attrs":{"x": [1]},"features":{"age":7,"active":false}}
{"request_id":"b","ts":"1969-12-31T23:59:59.999999Z","score":0.0,"small":0,"price":0.00,"items":[],"old":[],"attrs":"text","features":{"age":0,"active":true}}
`

func parquetFile(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := parquet.Write(&b, requests(), parquet.Compression(&parquet.Zstd)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func put(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func lines(t *testing.T, data []byte) (string, error) {
	t.Helper()
	var b bytes.Buffer
	err := columnar.Write(context.Background(), put(t, data), &b)
	return b.String(), err
}

func TestParquet(t *testing.T) {
	if got, err := lines(t, parquetFile(t)); err != nil || got != wanted {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, wanted)
	}
}

// TestOnlyIDs reads the one column that finding ids takes.
func TestOnlyIDs(t *testing.T) {
	for only, want := range map[string]string{
		"request_id": "{\"request_id\":\"a\\\"1\"}\n{\"request_id\":\"b\"}\n", "absent": "{}\n{}\n",
	} {
		t.Run(only, func(t *testing.T) {
			var b bytes.Buffer
			err := columnar.Write(context.Background(), put(t, parquetFile(t)), &b, only)
			if err != nil || b.String() != want {
				t.Errorf("%v, got %s, want %s", err, b.String(), want)
			}
		})
	}
}

// TestNamesThatClash has two columns for one member: the first that is there counts.
func TestNamesThatClash(t *testing.T) {
	type row struct {
		ID       string  `parquet:"request_id"`
		Features *string `parquet:"features,optional"`
		Age      int32   `parquet:"features.age"`
	}
	var b bytes.Buffer
	text := `{"x":1}`
	if err := parquet.Write(&b, []row{{ID: "a", Features: &text, Age: 1}, {ID: "b", Age: 2}}); err != nil {
		t.Fatal(err)
	}
	const want = `{"request_id":"a","features":{"x":1},"features.age":1}` + "\n" +
		`{"request_id":"b","features":{"age":2}}` + "\n"
	if got, err := lines(t, b.Bytes()); err != nil || got != want {
		t.Errorf("%v, got %s, want %s", err, got, want)
	}
}

const avroSchema = `{"type":"record","name":"request","fields":[
	{"name":"request_id","type":"string"},
	{"name":"ts","type":{"type":"long","logicalType":"timestamp-micros"}},
	{"name":"model","type":["null","string"],"default":null},
	{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
	{"name":"kind","type":{"type":"enum","name":"kind","symbols":["x","y"]}},
	{"name":"items","type":{"type":"array","items":{"type":"record","name":"item","fields":[
		{"name":"item_id","type":"string"},{"name":"position","type":["null","long"]}]}}},
	{"name":"features","type":{"type":"map","values":["null","double","string"]}},
	{"name":"attrs","type":["null","string"]}]}`

func avroFile(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	e, err := ocf.NewEncoder(avroSchema, &b, ocf.WithCodec(ocf.Snappy), ocf.WithBlockLength(7),
		ocf.WithEncodingConfig(avro.DefaultConfig))
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		r := map[string]any{
			"request_id": fmt.Sprintf("r%d", i), "ts": time.UnixMicro(1767225600000001).UTC(), "model": nil, "kind": "y",
			"items": []any{map[string]any{"item_id": "i", "position": map[string]any{"long": int64(3)}},
				map[string]any{"item_id": "j", "position": nil}},
			"features": map[string]any{"a": map[string]any{"double": 0.5}, "b": map[string]any{"string": "s"}, "c": nil},
			"attrs":    map[string]any{"string": `{"x":1}`},
		}

		r["price"] = big.NewRat(-5, 100)
		if err := e.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAvro(t *testing.T) {
	want := ""
	for i := range 20 {
		want += fmt.Sprintf(`{"request_id":"r%d","ts":"2026-01-01T00:00:00.000001Z","price":-0.05,"kind":"y",`+
			`"items":[{"item_id":"i","position":3},{"item_id":"j"}],"features":{"a":0.5,"b":"s","c":null},"attrs":{"x":1}}`+"\n", i)
	}
	if got, err := lines(t, avroFile(t, 20)); err != nil || got != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
	}
}

// Bytes of a fixed length are what bytes are: a text, base64 if they are none, and a UUID
// where the schema says so.
func TestAvroFixed(t *testing.T) {
	const fixed = `{"type":"fixed","name":"f","size":16}`
	id := [16]byte([]byte("0123456789abcdef"))
	for name, c := range map[string]struct {
		schema string
		value  any
		want   string
	}{
		"a text":     {fixed, id, `"0123456789abcdef"`},
		"no text":    {fixed, [16]byte{0xff}, `"/wAAAAAAAAAAAAAAAAAAAA=="`},
		"in a union": {`["null",` + fixed + `,"long"]`, map[string]any{"f": id}, `"0123456789abcdef"`},
		"a UUID": {`{"type":"fixed","name":"f","size":16,"logicalType":"uuid"}`, id,
			`"30313233-3435-3637-3839-616263646566"`},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			e, err := ocf.NewEncoder(`{"type":"record","name":"request","fields":[{"name":"request_id","type":`+c.schema+`}]}`, &b,
				ocf.WithSchemaMarshaler(ocf.FullSchemaMarshaler))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(e.Encode(map[string]any{"request_id": c.value}), e.Close()); err != nil {
				t.Fatal(err)
			}
			want := `{"request_id":` + c.want + "}\n"
			if got, err := lines(t, b.Bytes()); err != nil || got != want {
				t.Errorf("%v, got %s, want %s", err, got, want)
			}
		})
	}
}

// TestTruncated: of a file that is not complete, the end is missed.
func TestTruncated(t *testing.T) {
	for name, whole := range map[string][]byte{"Parquet": parquetFile(t), "Avro": avroFile(t, 50)} {
		t.Run(name, func(t *testing.T) {
			for _, cut := range []int{1, 8, 17, len(whole) / 3, len(whole) / 2} {
				if got, err := lines(t, whole[:len(whole)-cut]); err == nil {
					t.Errorf("%s without its last %d bytes: no error, %d records", name, cut, strings.Count(got, "\n"))
				}
			}
		})
	}
	for _, data := range []string{"", "PAR1", "PAR1PAR1", "PAR1\xff\xff\xff\x7fPAR1", "Obj\x01", "{}\n"} {
		if _, err := lines(t, []byte(data)); err == nil {
			t.Errorf("%q is read without an error", data)
		}
	}
}

// TestHostile flips bits. Whatever a file asks for, this process lives, and the other
// one ends in lines or with a reason.
func TestHostile(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	files := map[string][]byte{"Parquet": parquetFile(t), "Avro": avroFile(t, 50)}
	n := 40
	if testing.Short() {
		n = 10
	}
	for name, whole := range files {
		t.Run(name, func(t *testing.T) {
			for range n {
				data := bytes.Clone(whole)
				for range 1 + r.IntN(3) {
					data[4+r.IntN(len(data)-8)] ^= 1 << r.IntN(8)
				}
				path := put(t, data)
				begun := time.Now()
				lines, err := columnar.Child(context.Background(), nil, os.Args[0], "read-columns", path)
				if err != nil {
					t.Fatal(err)
				}
				_, err = io.Copy(io.Discard, lines)
				if took := time.Since(begun); took > time.Minute {
					t.Errorf("seed %d: %s took %s", seed, name, took)
				}
				if err != nil && (err.Error() == "" || strings.HasPrefix(err.Error(), "goroutine")) {
					t.Errorf("seed %d: %s: %q is no reason", seed, name, err)
				}
				if err := lines.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestThroughAProcess: the lines and the errors of another process are those of this one.
func TestThroughAProcess(t *testing.T) {

	lines, err := columnar.Child(context.Background(), nil, os.Args[0], "read-columns", put(t, parquetFile(t)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(lines); err != nil || string(got) != wanted {
		t.Errorf("a good file through a process: %v, %s", err, got)
	}
	lines, err = columnar.Child(context.Background(), nil, os.Args[0], "read-columns", put(t, parquetFile(t)[:200]))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(lines); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file without its end: %v", err)
	}
}
