package rowfile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// alikeSamples are samples of which many have the features of the one before.
func alikeSamples(rng *rand.Rand, n int) []sample {
	out := samples(rng, n)
	again := func(before []events.Field) (now []events.Field) {
		for _, f := range before {
			if rng.IntN(20) == 0 {
				f.Value = value(rng, events.ValueKind(rng.IntN(int(events.ValueJSON)+1)))
			} else {
				f.Value = value(rng, f.Value.Kind)
			}
			now = append(now, f)
		}
		return now
	}
	for i := 1; i < n; i++ {
		if rng.IntN(10) == 0 {
			continue
		}
		s, before := &out[i], &out[i-1]
		s.row.Item = before.row.Item
		s.req.Items = slices.Clone(before.req.Items)
		s.req.Features = again(before.req.Features)
		for j := range s.req.Items {
			s.req.Items[j].Features = again(before.req.Items[j].Features)
		}
	}
	return out
}

// Rows that are added together make the file that they make one by one.
func TestRunsAreRows(t *testing.T) {
	seeds := uint64(150)
	if testing.Short() {
		seeds = 15
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 33))
		in := alikeSamples(rng, 1+rng.IntN(300))
		l := newLayout(t, Config{Labels: testLabels, Features: []Feature{{Name: "f0", Type: "double"},
			{Name: "f1", Type: "int64"}, {Name: "f2", Type: "string"}, {Name: "f5", Type: "float32"},
			{Name: "f6", Type: "list<float32>"}, {Name: "item_item0", Type: "float32"}}, Rename: map[string]string{"features.f3": "other", "features.f4": ""}})
		cut, files := rng.IntN(len(in)), [2][]byte{}
		var told [2]string
		for way := range files {
			table := l.NewTable(nil)
			var unfit int64
			for _, part := range [][]sample{in[:cut], in[cut:]} { // in the second file, columns have types
				b := table.NewBuilder()
				unfit += addParts(t, b, part, way == 1, rng)
				unfit += table.Settle(b)
				told[way] += fmt.Sprint(b.Size(), b.Rows(), b.Moved(), b.dropped, b.tooWide)
				if b.Rows() > 0 {
					data, _ := encode(t, b)
					files[way] = append(files[way], data...)
				}
			}
			told[way] += fmt.Sprint(unfit, table.Notes(), reflect.ValueOf(table.Mistaken()).IsNil())
		}
		if told[0] != told[1] {
			t.Fatalf("seed %d: one by one\n%s\ntogether\n%s", seed, told[0], told[1])
		}
		if !bytes.Equal(files[0], files[1]) {
			t.Fatalf("seed %d: the files differ", seed)
		}
	}
}

// addParts adds rows one by one, or in parts of any size.
func addParts(t *testing.T, b *Builder, rows []sample, together bool, rng *rand.Rand) (unfit int64) {
	t.Helper()
	for len(rows) > 0 {
		var list []joiner.Labeled
		for i := range rows[:1+rng.IntN(len(rows))] {
			list = append(list, joiner.Labeled{Request: &rows[i].req, Row: &rows[i].row})
		}
		rows = rows[len(list):]
		if together {
			bad, err := b.AddAll(list)
			if unfit += bad; err != nil {
				t.Fatal(err)
			}
			continue
		}
		for _, r := range list {
			bad, err := b.Add(r.Request, r.Row)
			if unfit += bad; err != nil {
				t.Fatal(err)
			}
		}
	}
	return unfit
}
