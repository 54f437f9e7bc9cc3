package rowfile

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

// Reread and Verify find the same in files of the same rows, and of rows that differ in one
// place.
func TestRereadIsVerify(t *testing.T) {
	seeds, found := uint64(150), 0
	if testing.Short() {
		seeds = 15
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 47))
		in := alikeSamples(rng, 1+rng.IntN(200))
		l := newLayout(t, Config{Labels: testLabels})
		l.groupRows = 1 + rng.IntN(250)
		b := build(t, l, in)
		if b.Finish(); seed%2 == 0 {
			b.CodeTexts()
		}
		data, sum := encode(t, b)
		s := &in[rng.IntN(len(in))]
		switch rng.IntN(5) {
		case 0:
			s.row.Cells[0].TS, s.row.Cells[0].Value = 1, 7
		case 1:
			s.req.Model += "x"
		case 2:
			if n := len(s.req.Features); n > 0 {
				f := &s.req.Features[rng.IntN(n)]
				f.Value = value(rng, f.Value.Kind)
			}
		case 3:
			in = in[:len(in)-1]
		}
		if len(in) > 0 {
			data, _ = encode(t, build(t, l, in))
		}
		verified := Verify(bytes.NewReader(data), int64(len(data)), &sum)
		reread := b.Reread(bytes.NewReader(data), int64(len(data)), &sum)
		if (verified == nil) != (reread == nil) {
			t.Fatalf("seed %d: Verify says %v, Reread %v", seed, verified, reread)
		}
		if reread != nil {
			found++
		}
	}
	if uint64(found) < seeds/5 {
		t.Fatalf("only %d files differ", found)
	}
}

// What differs is found for every type, in lists too: a value, a null, the place of a null, the
// place where a list ends.
func TestRereadFindsOtherValues(t *testing.T) {
	text := func(s string) events.Value { return events.Value{Kind: events.ValueString, Str: s} }
	whole := func(n int64) events.Value { return events.Value{Kind: events.ValueInt, Int: n} }
	list := func(of ...events.Value) events.Value { return events.Value{Kind: events.ValueList, List: of} }
	half := events.Value{Kind: events.ValueDouble, Float: 0.5}
	for name, pair := range map[string][2]events.Value{
		"int64":   {whole(1), whole(2)}, // declared so
		"float32": {half, {Kind: events.ValueDouble, Float: 0.25}},
		"text":    {text("aaaa"), text("aaab")},
		"lengths": {text("aaaa"), text("aaa")},
		"whole":   {whole(1), whole(2)},
		"bool":    {{Kind: events.ValueBool, Int: 1}, {Kind: events.ValueBool}},
		"double":  {{Kind: events.ValueDouble, Float: 0.5}, {Kind: events.ValueDouble, Float: -0.5}},
		"list":    {list(whole(1), whole(2)), list(whole(1), whole(3))},
		"shapes":  {list(whole(1), whole(1)), list(whole(1))},
	} {
		t.Run(name, func(t *testing.T) {
			one, other, null := pair[0], pair[1], events.Value{}
			with := func(places map[int]events.Value) (f [100]events.Value) {
				for i := range f {
					f[i] = one
				}
				for i, v := range places {
					f[i] = v
				}
				return f
			}
			written := []map[int]events.Value{{}, {50: null}, {51: null}, {50: other}, {51: other}, {50: other, 51: null}}
			for i := range written {
				b := ofValues(t, name, with(written[i]))
				if b.Finish(); i%2 == 0 {
					b.CodeTexts()
				}
				_, sum := encode(t, b)
				for k := range written {
					data, _ := encode(t, ofValues(t, name, with(written[k])))
					if err := b.Reread(bytes.NewReader(data), int64(len(data)), &sum); (err == nil) != (i == k) {
						t.Fatalf("%v was written, %v read: %v", written[i], written[k], err)
					}
				}
			}
		})
	}
}

// ofValues is a file of rows with these values of one feature, which is declared if the name is that of a type.
func ofValues(t *testing.T, name string, values [100]events.Value) *Builder {
	t.Helper()
	in := samples(rand.New(rand.NewPCG(1, 1)), 1)
	var c Config
	if _, err := ParseType(name); err == nil {
		c.Features = []Feature{{Name: "f", Type: name}}
	}
	b := newLayout(t, c).NewTable(nil).NewBuilder()
	for _, v := range values {
		req := in[0].req
		req.Features = []events.Field{{Name: "f", Value: v}}
		if _, err := b.Add(&req, &in[0].row); err != nil {
			t.Fatal(err)
		}
	}
	return b
}
