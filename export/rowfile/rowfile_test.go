package rowfile

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

func newLayout(t testing.TB, c Config) *Layout {
	t.Helper()
	if c.Labels == nil {
		c.Labels = testLabels
	}
	l, err := NewLayout(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func build(t testing.TB, l *Layout, in []sample) *Builder {
	t.Helper()
	b := l.NewTable(nil).NewBuilder()
	for i := range in {
		if _, err := b.Add(&in[i].req, &in[i].row); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func encode(t testing.TB, b *Builder) ([]byte, Summary) {
	t.Helper()
	var out bytes.Buffer
	sum, err := b.Encode(&out, map[string]string{"b": "2", "a": "1"})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), sum
}

func equalRows(t *testing.T, got, want []record1) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("read %d rows, want %d", len(got), len(want))
	}
	for i := range want {
		for name, w := range want[i] {
			g, ok := got[i][name]
			if !ok || !same(g, w) {
				t.Fatalf("row %d column %q: got %#v, want %#v", i, name, g, w)
			}
		}
		for name, g := range got[i] {
			if _, ok := want[i][name]; !ok && g != nil {
				t.Fatalf("row %d column %q: got %#v, want nothing", i, name, g)
			}
		}
	}
}

// same compares doubles by their bits: a zero's sign counts, and so does NaN.
func same(g, w any) bool {
	if x, ok := g.(float64); ok {
		y, ok := w.(float64)
		return ok && math.Float64bits(x) == math.Float64bits(y)
	}
	return reflect.DeepEqual(g, w)
}

func TestRoundTrip(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			in := samples(rng, 1+rng.IntN(60))
			weighted := seed%2 == 0
			b := build(t, newLayout(t, Config{Weight: weighted}), in)
			data, sum := encode(t, b)
			if err := b.Reread(bytes.NewReader(data), int64(len(data)), &sum); err != nil {
				t.Fatal(err)
			}
			want, columns := expected(in, weighted)
			got, gotColumns := readAll(t, data)
			if !reflect.DeepEqual(gotColumns, columns) {
				t.Fatalf("columns %q, want %q", gotColumns, columns)
			}
			equalRows(t, got, want)
			if err := Verify(bytes.NewReader(data), int64(len(data)), &sum); err != nil {
				t.Fatal(err)
			}
			checkSummary(t, &sum, in)
			checkScan(t, data, in, false)
			checkScan(t, data, in, true)
		})
	}
}

func checkSummary(t *testing.T, sum *Summary, in []sample) {
	t.Helper()
	want := Summary{MinTS: events.MaxTime, MaxTS: events.MinTime, Hash: sum.Hash, Columns: sum.Columns}
	for _, s := range in {
		want.Rows++
		want.MinTS, want.MaxTS = min(want.MinTS, s.req.TS), max(want.MaxTS, s.req.TS)
		want.MaxRevision = max(want.MaxRevision, s.row.Revision)
		if s.row.Reason == joiner.ReasonEarly {
			want.Early++
		}
	}
	if !reflect.DeepEqual(*sum, want) {
		t.Fatalf("summary %+v, want %+v", *sum, want)
	}
}

func checkScan(t *testing.T, data []byte, in []sample, every bool) {
	t.Helper()
	var got, want []joiner.Written
	err := Scan(bytes.NewReader(data), int64(len(data)), 0, every, func(w joiner.Written) bool {
		got = append(got, w)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range in {
		if s.row.Revision == 0 && s.row.Reason != joiner.ReasonEarly && !every {
			continue
		}
		w := joiner.Written{
			RequestID: s.req.ID, RequestTS: events.Time(s.req.TS.Std().UnixMicro() * 1000),
			Revision: s.row.Revision, Early: s.row.Reason == joiner.ReasonEarly,
		}
		if s.row.Item >= 0 {
			w.ItemID = s.req.Items[s.row.Item].ID
		}
		want = append(want, w)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("scanned %+v, want %+v", got, want)
	}
}

// Several row groups and many pages, with dictionaries and without.
func TestRoundTripOfManyRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	few := samples(rng, 500)
	l := newLayout(t, Config{})
	l.groupRows = 2500
	b := l.NewTable(nil).NewBuilder()
	const n = 6_000
	for i := range n {
		s := &few[i%len(few)]
		if _, err := b.Add(&s.req, &s.row); err != nil {
			t.Fatal(err)
		}
	}
	data, sum := encode(t, b)
	if err := Verify(bytes.NewReader(data), int64(len(data)), &sum); err != nil {
		t.Fatal(err)
	}
	want, _ := expected(few, false)
	got, _ := readAll(t, data)
	if len(got) != n {
		t.Fatalf("read %d rows, want %d", len(got), n)
	}
	for i := 0; i < n; i += len(few) {
		part := got[i:min(n, i+len(few))]
		equalRows(t, part, want[:len(part)])
	}
}

func TestSameRowsGiveSameBytes(t *testing.T) {
	for seed := range uint64(20) {
		in := samples(rand.New(rand.NewPCG(seed, 2)), 200)
		l := newLayout(t, Config{Weight: true})
		first, _ := encode(t, build(t, l, in))
		second, _ := encode(t, build(t, l, in))
		if !bytes.Equal(first, second) {
			t.Fatalf("seed %d: the same rows gave different bytes", seed)
		}
	}
}

// What a column widens to must not depend on the order of the rows.
func TestWideningDoesNotDependOnOrder(t *testing.T) {
	for seed := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed, 3))
		in := samples(rng, 40)
		l := newLayout(t, Config{})
		_, sum := encode(t, build(t, l, in))
		rng.Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
		data, shuffled := encode(t, build(t, l, in))
		if !reflect.DeepEqual(sum.Columns, shuffled.Columns) {
			t.Fatalf("seed %d: columns %v, shuffled %v", seed, sum.Columns, shuffled.Columns)
		}
		want, _ := expected(in, false)
		got, _ := readAll(t, data)
		equalRows(t, got, want)
	}
}

func TestVerifyNoticesOtherValues(t *testing.T) {
	in := samples(rand.New(rand.NewPCG(1, 4)), 50)
	l := newLayout(t, Config{})
	data, sum := encode(t, build(t, l, in))
	in[20].row.Cells[1].Value++
	in[20].row.Cells[1].Null = false
	other, _ := encode(t, build(t, l, in))
	if err := Verify(bytes.NewReader(other), int64(len(other)), &sum); err == nil {
		t.Fatal("another value was not noticed")
	}
	fewer, _ := encode(t, build(t, l, in[:49]))
	if err := Verify(bytes.NewReader(fewer), int64(len(fewer)), &sum); err == nil {
		t.Fatal("a missing row was not noticed")
	}
	for _, cut := range []int{0, 3, 8, len(data) / 2} {
		if err := Verify(bytes.NewReader(data[:cut]), int64(cut), &sum); err == nil {
			t.Fatalf("a file cut at %d was not noticed", cut)
		}
	}
}
