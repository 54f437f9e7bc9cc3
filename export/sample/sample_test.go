package sample

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/export/stats"
)

type row struct {
	RequestID string   `parquet:"request_id"`
	RequestTS int64    `parquet:"request_ts,timestamp(microsecond)"`
	ItemID    *string  `parquet:"item_id,optional"`
	Score     *float64 `parquet:"score,optional"`
	Device    *string  `parquet:"device,optional"`
	Good      *float64 `parquet:"good,optional"`
	GoodTS    *int64   `parquet:"good_ts,optional,timestamp(microsecond)"`
	Votes     *int32   `parquet:"good_votes,optional"`
	Agreement *float64 `parquet:"good_agreement,optional"`
	Raters    *string  `parquet:"good_raters,optional"`
	Note      *string  `parquet:"note,optional"`
}

// rows are 60 rows: the score of row i is i / 60, every tenth is of a tablet, and every third has
// votes, which agree less the later it is.
func rows(t *testing.T) []stats.Source {
	t.Helper()
	var list []row
	for i := range 60 {
		r := row{RequestID: fmt.Sprint("r", i), RequestTS: 1_767_225_600_000_000 + int64(i), Score: new(float64(i) / 60),
			Device: new("phone"), Note: new("secret")}
		if i%10 == 0 {
			r.Device = new("tablet")
		}
		r.Votes = new(int32(0))
		if i%3 == 0 {
			r.Votes, r.Agreement, r.Raters = new(int32(3)), new(1-float64(i)/100), new(`{"ann":1}`)
		}
		list = append(list, r)
	}
	path := filepath.Join(t.TempDir(), "rows.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := parquet.NewGenericWriter[row](f, parquet.MaxRowsPerRowGroup(25))
	if _, err := w.Write(list); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := stats.OpenFiles(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := files.Close(); err != nil {
			t.Error(err)
		}
	})
	return files.Sources
}

// ids are the requests of the tasks that a sample writes, and the tasks.
func ids(t *testing.T, s Sample) (requests []string, tasks []task) {
	t.Helper()
	sources := rows(t)
	chosen, err := s.Choose(t.Context(), sources)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := s.WriteTasks(t.Context(), &out, sources, chosen); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &tasks); err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	for _, task := range tasks {
		requests = append(requests, fmt.Sprint(task.Data["request_id"]))
	}
	return requests, tasks
}

func TestWays(t *testing.T) {
	if got, _ := ids(t, Sample{By: ByUncertainty, N: 3}); got[0] != "r30" || !slices.Contains(got, "r29") ||
		!slices.Contains(got, "r31") {
		t.Errorf("scores nearest to a half: %q", got)
	}
	if got, _ := ids(t, Sample{By: ByUncertainty, N: 3, Label: "good"}); slices.Contains(got, "r30") ||
		!slices.Contains(got, "r31") {
		t.Errorf("what has votes is not left out: %q", got)
	}
	if got, _ := ids(t, Sample{By: ByDisagreement, N: 3}); !slices.Equal(got, []string{"r57", "r54", "r51"}) {
		t.Errorf("raters agree least on %q", got)
	}
	got, tasks := ids(t, Sample{By: BySlice, N: 9, Slices: []string{"device"}})
	count := map[any]int{}
	for _, task := range tasks {
		count[task.Data["device"]]++
	}
	if len(got) != 9 || count["phone"] != 5 || count["tablet"] != 4 {
		t.Errorf("of each slice: %v", count)
	}
	if got, _ := ids(t, Sample{By: BySlice, N: 20, Slices: []string{"device"}}); len(got) != 20 {
		t.Errorf("where a slice has too few the others fill up: %d rows", len(got))
	}
}

// TestSameSaltSameRows: the order of rows does not count, and another salt chooses others.
func TestSameSaltSameRows(t *testing.T) {
	first, _ := ids(t, Sample{By: ByRandom, N: 10, Salt: "a"})
	again, _ := ids(t, Sample{By: ByRandom, N: 10, Salt: "a"})
	more, _ := ids(t, Sample{By: ByRandom, N: 20, Salt: "a"})
	other, _ := ids(t, Sample{By: ByRandom, N: 10, Salt: "b"})
	if !slices.Equal(first, again) || !slices.Equal(first, more[:10]) || slices.Equal(first, other) {
		t.Errorf("%q, again %q, of 20 %q, with another salt %q", first, again, more, other)
	}
	// printf 'a:r1' | sha256sum: the first 13 digits, of 16^13.
	if got := Hash("a", "r1", ""); fmt.Sprintf("%013x", int64(got*(1<<52))) != "fae73c8e5e898" {
		t.Errorf("the hash is %013x", int64(got*(1<<52)))
	}
}

// TestRatersSeeNoAnswers: neither labels nor scores are shown, unless they are asked for.
func TestRatersSeeNoAnswers(t *testing.T) {
	_, tasks := ids(t, Sample{By: ByDisagreement, N: 1, Salt: "a", Hide: []string{"note"}})
	data, err := json.Marshal(tasks[0].Data)
	if err != nil || string(data) != `{"device":"phone","request_id":"r57","request_ts":"2026-01-01T00:00:00.000057Z"}` {
		t.Errorf("raters see %s (%v)", data, err)
	}
	if meta := tasks[0].Meta; meta["score"] != 0.95 || meta["by"] != "disagreement" || meta["salt"] != "a" {
		t.Errorf("beside it stands %v", meta)
	}
	_, tasks = ids(t, Sample{By: ByRandom, N: 1, Show: []string{"score"}})
	if len(tasks[0].Data) != 2 || tasks[0].Data["score"] == nil {
		t.Errorf("raters see %v", tasks[0].Data)
	}
}

func TestWrongSamples(t *testing.T) {
	sources := rows(t)
	for _, c := range []struct {
		s    Sample
		want string
	}{
		{Sample{By: "luck"}, `"luck" is no way to choose rows: there are random, uncertainty`},
		{Sample{By: BySlice}, "say which columns make the slices"},
		{Sample{By: BySlice, Slices: []string{"devise"}}, `no column "devise"`},
		{Sample{By: ByRandom, Label: "bad"}, `"bad" is no label of votes of these rows: there are good`},
	} {
		t.Run(c.want, func(t *testing.T) {
			if _, err := c.s.Choose(t.Context(), sources); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v: %v does not say %q", c.s, err, c.want)
			}
		})
	}
	s := Sample{By: ByRandom, N: 1, Show: []string{"gone"}}
	chosen, err := s.Choose(t.Context(), sources)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WriteTasks(t.Context(), &bytes.Buffer{}, sources, chosen); err == nil ||
		!strings.Contains(err.Error(), "no column gone to show") {
		t.Errorf("a column that is not there: %v", err)
	}
}
