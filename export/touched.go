package export

import (
	"context"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// Touched counts the rows, each by its newest revision, of requests stamped
// from..to, to excluded, of which a label that is known would be unknown: one whose
// window is touched, but for an any that is 1.
func (a *Archive) Touched(ctx context.Context, labels []joiner.Label, from, to events.Time,
	touches func(ts events.Time, label int) bool) (int64, error) {
	type row struct {
		revision uint32
		touched  bool
	}
	names := make([]string, len(labels))
	for i := range labels {
		names[i] = labels[i].Name
	}
	newest := map[[2]uint64]row{}
	opts := CompareOptions{Labels: names, From: from, To: to}
	begin := func() { clear(newest) }
	err := a.eachRow(ctx, &opts, begin, func(_ *tablelog.File, s *rowfile.Stored) {
		key := keyOf(&s.Key)
		if old, ok := newest[key.row]; ok && old.revision > s.Revision {
			return
		}
		r := row{revision: s.Revision}
		for i, c := range s.Labels {
			certain := labels[i].Agg == joiner.AggAny && c.Value == 1
			r.touched = r.touched || !c.Null && !certain && touches(s.RequestTS, i)
		}
		newest[key.row] = r
	})
	count := int64(0)
	for _, r := range newest {
		if r.touched {
			count++
		}
	}
	return count, err
}
