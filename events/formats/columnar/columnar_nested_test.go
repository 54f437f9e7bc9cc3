package columnar_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/hamba/avro/v2/ocf"
	"github.com/parquet-go/parquet-go"
)

// TestNaNInLists: what is no number is a null, which most events are read fast with. It stays NaN where the decoder has
// to know of it: in lists that hold lists or objects.
func TestNaNInLists(t *testing.T) {
	type inner struct {
		X float64            `parquet:"x" avro:"x"`
		Y float32            `parquet:"y" avro:"y"`
		M map[string]float64 `parquet:"m" avro:"m"`
	}
	type listed struct {
		ID    string    `parquet:"item_id" avro:"item_id"`
		Plain float64   `parquet:"plain" avro:"plain"`
		In    []inner   `parquet:"in,list" avro:"in"`
		Flat  []float64 `parquet:"flat,list" avro:"flat"`
	}
	type row struct {
		Bare  []inner   `parquet:"bare" avro:"bare"`
		Flat  []float64 `parquet:"flat,list" avro:"flat"`
		Items []listed  `parquet:"items,list" avro:"items"`
	}
	const schema = `{"type":"record","name":"row","fields":[{"name":"bare","type":{"type":"array","items":{"type":"record","name":"inner",
		"fields":[{"name":"x","type":"double"},{"name":"y","type":"float"},{"name":"m","type":{"type":"map","values":"double"}}]}}},
		{"name":"flat","type":{"type":"array","items":"double"}},
		{"name":"items","type":{"type":"array","items":{"type":"record","name":"listed","fields":[{"name":"item_id","type":"string"},
		{"name":"plain","type":"double"},{"name":"in","type":{"type":"array","items":"inner"}},
		{"name":"flat","type":{"type":"array","items":"double"}}]}}}]}`
	nan := math.NaN()
	in := []inner{{nan, float32(math.Inf(1)), map[string]float64{"a": nan}}}
	const wantIn = `[{"x":NaN,"y":NaN,"m":{"a":NaN}}]`
	const want = `{"bare":` + wantIn + `,"flat":[1.0,null],"items":[{"item_id":"i","in":` + wantIn + `,"flat":[null]}]}` + "\n"
	r := row{in, []float64{1, nan}, []listed{{"i", nan, in, []float64{nan}}}}
	files := map[string]*bytes.Buffer{"Parquet": {}, "Avro": {}}
	if err := parquet.Write(files["Parquet"], []row{r}); err != nil {
		t.Fatal(err)
	}
	e, err := ocf.NewEncoder(schema, files["Avro"])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Encode(r), e.Close()); err != nil {
		t.Fatal(err)
	}
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			if got, err := lines(t, file.Bytes()); err != nil || got != want {
				t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
			}
		})
	}
}

// TestAvroUnionsInLists: of a list that may hold lists, the decoder decides.
func TestAvroUnionsInLists(t *testing.T) {
	const schema = `{"type":"record","name":"row","fields":[{"name":"l","type":{"type":"array","items":["double",
		{"type":"array","items":"double"}]}}]}`
	list := func(x ...any) map[string]any { return map[string]any{"array": x} }
	double := func(x float64) map[string]any { return map[string]any{"double": x} }
	var b bytes.Buffer
	e, err := ocf.NewEncoder(schema, &b)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range [][]any{{double(math.NaN()), double(1)}, {double(math.NaN()), list(2.0)}, {list(math.Inf(-1))}} {
		if err := e.Encode(map[string]any{"l": l}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	const want = `{"l":[NaN,1.0]}` + "\n" + `{"l":[NaN,[2.0]]}` + "\n" + `{"l":[[NaN]]}` + "\n"
	if got, err := lines(t, b.Bytes()); err != nil || got != want {
		t.Errorf("%v, got %s, want %s", err, got, want)
	}
}

// TestNamesBelowColumns: a dot in the name of a column makes it a member of a member. In a key of a map, and in a name
// within a group, it is a sign like others. Of a key that stands twice in a map, the last value counts.
func TestNamesBelowColumns(t *testing.T) {
	type group struct {
		Dotted int64 `parquet:"x.y"`
	}
	type row struct {
		G    group            `parquet:"g"`
		M    map[string]int64 `parquet:"m"`
		Last int64            `parquet:"z.last"`
	}
	schema := parquet.SchemaOf(row{})
	var b bytes.Buffer
	w := parquet.NewWriter(&b, schema)
	text := func(v string, rep int) parquet.Value { return parquet.ByteArrayValue([]byte(v)).Level(rep, 1, 1) }
	number := func(v int64, rep int) parquet.Value { return parquet.Int64Value(v).Level(rep, 1, 2) }
	_, err := w.WriteRows([]parquet.Row{{parquet.Int64Value(1).Level(0, 0, 0), text("a.b", 0), text("c", 1), text("a.b", 1),
		number(2, 0), number(3, 1), number(4, 1), parquet.Int64Value(5).Level(0, 0, 3)}})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	const want = `{"g":{"x.y":1},"m":{"a.b":4,"c":3},"z":{"last":5}}` + "\n"
	if got, err := lines(t, b.Bytes()); err != nil || got != want {
		t.Errorf("%v, got %s, want %s", err, got, want)
	}
}

// TestTextsAndBytes: a column that says that its bytes are UTF-8 keeps what is not, for the decoder to judge, as Avro's
// texts do. Other bytes are base64.
func TestTextsAndBytes(t *testing.T) {
	type row struct {
		Text  string `parquet:"text"`
		Enum  string `parquet:"enum,enum"`
		Bytes []byte `parquet:"bytes"`
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, []row{{"a\xff", "\xff", []byte("\xff")}, {"a", "b", []byte("c")}}); err != nil {
		t.Fatal(err)
	}
	const want = "{\"text\":\"a\xff\",\"enum\":\"\xff\",\"bytes\":\"/w==\"}\n" + `{"text":"a","enum":"b","bytes":"c"}` + "\n"
	if got, err := lines(t, b.Bytes()); err != nil || got != want {
		t.Errorf("%v, got %q, want %q", err, got, want)
	}
}
