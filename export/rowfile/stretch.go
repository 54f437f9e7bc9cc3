package rowfile

import (
	"bytes"

	"github.com/labeljoin/labeljoin/export/colfile"
)

// Stretch is a part of the rows of a file, of one hour: those from one number to before another.
type Stretch struct {
	From, To int
	Hour     int64
	// Requests are the rows whose request is another than that of the row in a stretch before them.
	Requests int
}

// FirstRevisions are the stretches of rows that are written for the first time, cut where hourOf of the time of
// their requests, in microseconds since 1970, gives another number. Finish must have been called.
func (b *Builder) FirstRevisions(hourOf func(micros int64) int64) (parts []Stretch) {
	times, revisions, ids := as[int64](b.head[requestTS].nums), b.tail[revision].nums, &b.head[requestID]
	var last []byte
	for row := range b.rows {
		if b.maxRevision > 0 && revisions[row] > 0 {
			continue
		}
		hour, n := hourOf(times[row]), len(parts)-1
		if n < 0 || parts[n].To != row || parts[n].Hour != hour {
			parts, n = append(parts, Stretch{From: row, To: row, Hour: hour}), n+1
		}
		parts[n].To++
		if id := ids.textAt(row); last == nil || !bytes.Equal(id, last) {
			parts[n].Requests++
			last = id
		}
	}
	return parts
}

// EachStretch shows the columns of stretches, as they will be in the file. The stretches are in order and do not
// overlap. Finish must have been called. What visit gets may only be read, and only during the call.
func (b *Builder) EachStretch(parts []Stretch, visit func(c TableColumn, part int, values *colfile.Column)) {
	var made, values colfile.Column
	for n, c := range b.finished {
		k := newChunker(c)
		of := TableColumn{Name: c.name, Type: k.typ, Kind: b.kindOf(n)}
		for i, p := range parts {
			if p.From > k.row {
				k.next(p.From, &made)
			}
			values = k.next(p.To, &made)
			visit(of, i, &values)
		}
	}
}

// kindOf is what the finished column n is for.
func (b *Builder) kindOf(n int) Kind {
	switch n -= len(b.head); {
	case n >= 0 && n < b.ofFeatures:
		return KindFeature
	case n >= b.ofFeatures && n < b.ofFeatures+len(b.labels):
		return KindLabel
	}
	return KindOwn
}
