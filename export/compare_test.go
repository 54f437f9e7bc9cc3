package export

import (
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
)

// TestExamplesOfAnIDUsedTwice names the use that differs, whichever of the two it is.
func TestExamplesOfAnIDUsedTwice(t *testing.T) {
	first := events.At(time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC))
	uses := []events.Time{first, first.Add(10 * time.Hour)}
	made := func(clicked ...float64) *Archive {
		mem := vfs.NewMem()
		o := open(t, options(mem))
		s, err := o.Stage(1)
		if err != nil {
			t.Fatal(err)
		}
		for i, value := range clicked {
			req, row := testRow(0, 0)
			req.TS, row.Cells[0].Value = uses[i], value
			if err := s.Row(req, row); err != nil {
				t.Fatal(err)
			}
		}
		cut := testCut(1, "nonce")
		cut.Closed.Rows = int64(len(clicked))
		cut.Progress.Ledger.Rows = cut.Closed.Rows
		if _, err := s.Commit(t.Context(), cut); err != nil {
			t.Fatal(err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		a, err := OpenArchive(placeOf(mem), 0)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for name, c := range map[string]struct {
		mine   []float64
		differ int
	}{"the first differs": {[]float64{0, 1}, 0}, "the second differs": {[]float64{1, 0}, 1}} {
		t.Run(name, func(t *testing.T) {
			got, err := made(c.mine...).Compare(t.Context(), made(1, 1), CompareOptions{
				Labels: []string{"clicked"}, From: events.MinTime, To: events.MaxTime, Reach: time.Hour,
			})
			if err != nil || got.Differ != 1 || len(got.Examples) != 1 {
				t.Fatalf("%+v, %v", got, err)
			}
			example := got.Examples[0]
			if !strings.Contains(example, uses[c.differ].String()) || strings.Contains(example, uses[1-c.differ].String()) ||
				!strings.Contains(example, "clicked=0; it is another than the log gives") {
				t.Errorf("it says %s, want that of %s", example, uses[c.differ])
			}
		})
	}
}
