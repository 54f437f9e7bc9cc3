package rowfile

import (
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// AddAll adds the rows from one to before another, as Add does with each of them. Rows with the same features, as most
// that follow each other have, are added a column at a time. It returns what Add does, summed up. The rows are only
// read during the call.
func (b *Builder) AddAll(rows *gathered.Rows, from, to int) (unfit int64, err error) {
	defer func() { b.gathered.List = nil }()
	alone := from // rows before it are added one by one
	for from < to {
		alike := from >= alone && b.isGuess(rows, from)
		if alike && from >= rows.Alike { // they were not gathered where they were decided
			b.gathered.List = rows.List[from:to]
			b.gathered.Gather()
			rows, from, to, alone = &b.gathered, 0, to-from, 0
			// What is too large to be gathered for all rows of a request is not tried again for all but one.
			for rows.Alike == 0 && alone < to && rows.List[alone].Request == rows.List[0].Request {
				alone++
			}
		}
		if !alike || rows.Alike == 0 { // it decides which columns the next have, or is large
			rows.Complete(from, from+1)
			bad, err := b.Add(rows.List[from].Request, rows.List[from].Row)
			if unfit += bad; err != nil {
				return unfit, err
			}
			from++
			continue
		}
		end := min(to, rows.Alike)
		for i := range rows.List[from:end] {
			if err := b.check(rows.List[from+i].Request, rows.List[from+i].Row); err != nil {
				return unfit, err
			}
		}
		unfit += b.addRun(rows, from, end)
		from = end
	}
	return unfit, nil
}

// isGuess reports whether a row has exactly the features of the guess.
func (b *Builder) isGuess(rows *gathered.Rows, i int) bool {
	if rows.Attached() {
		return b.distinct[0] && slices.EqualFunc(b.guess[0], rows.Columns(false),
			func(g guess, c events.FeatureColumn) bool { return g.name == c.Name })
	}
	row := &rows.List[i]
	same := func(g []guess, fields []events.Field) bool { return len(fields) == len(g) && startsWith(g, fields) }
	item := gathered.ItemOf(row)
	return b.distinct[index(item != nil)] && same(b.guess[0], row.Request.Features) &&
		(item == nil || same(b.guess[1], item.Features))
}
