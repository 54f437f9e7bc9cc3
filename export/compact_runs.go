package export

import (
	"cmp"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// plannedDay is what is to become of the files of a day.
type plannedDay struct {
	runs [][]tablelog.File // each becomes one file
	// columns are those that every file of the day is to have. Nil: files differ in types
	// that cannot be brought together, and each run has its own.
	columns []tablelog.Column
}

// planDay finds the runs of files, next to one another in the order of commits, that
// become one file each, because they are small or because they lack columns that another
// file of the day has, or have integers where it has doubles. With narrow, types are left
// as they are.
func planDay(files []tablelog.File, most int64, narrow bool) (p plannedDay) {
	if !narrow {
		p.columns = columnsOfDay(files)
	}
	var run []tablelog.File
	var bytes int64
	types := map[string]string{}
	end := func() {
		if len(run) > 1 || len(run) == 1 && p.columns != nil && !slices.Equal(run[0].Columns, p.columns) {
			p.runs = append(p.runs, run)
		}
		run, bytes, types = nil, 0, map[string]string{}
	}
	for i := range files {
		f := &files[i]
		if len(f.Columns) == 0 { // they are not listed, and there are very many
			end()
			continue
		}
		fits := len(run) == 0 || bytes+f.Bytes <= most && f.RulesHash == run[0].RulesHash
		if p.columns == nil {
			fits = fits && (len(run) == 0 || sameTail(run[0].Columns, f.Columns))
			for _, c := range f.Columns {
				t, known := types[c.Name]
				fits = fits && (!known || t == c.Type)
			}
		}
		if !fits {
			end()
		}
		for _, c := range f.Columns {
			types[c.Name] = c.Type
		}
		if p.columns == nil && len(types) > rowfile.MaxFeatures {
			end()
			continue
		}
		run, bytes = append(run, *f), bytes+f.Bytes
	}
	end()
	return p
}

// sameTail reports whether two files have the same columns but for features.
func sameTail(a, b []tablelog.Column) bool {
	own := func(columns []tablelog.Column) (out []tablelog.Column) {
		for _, c := range kindsOf(columns) {
			if c.Kind != tablelog.SchemaFeature {
				out = append(out, tablelog.Column{Name: c.Name, Type: c.Type})
			}
		}
		return out
	}
	return slices.Equal(own(a), own(b))
}

// columnsOfDay are the columns of all files, in the order that files have them: features
// of the request and then of the item, each by name, and labels as the newest file has
// them. It is nil if types cannot be brought together, or a name means two things.
func columnsOfDay(files []tablelog.File) []tablelog.Column {
	found := map[string]*tablelog.SchemaColumn{}
	var features, labels []*tablelog.SchemaColumn
	var head, tail []tablelog.Column
	for i := range slices.Backward(files) {
		if len(files[i].Columns) == 0 {
			return nil
		}
		var ends []tablelog.Column
		for n, c := range kindsOf(files[i].Columns) {
			if c.Kind == tablelog.SchemaOwn {
				if own := (tablelog.Column{Name: c.Name, Type: c.Type}); n < ownColumns {
					head = append(head, own)
				} else {
					ends = append(ends, own)
				}
				continue
			}
			key := events.ColumnKey(c.Name)
			switch before := found[key]; {
			case before == nil:
				if found[key] = &c; c.Kind == tablelog.SchemaFeature {
					features = append(features, &c)
				} else {
					labels = append(labels, &c)
				}
			case before.Name != c.Name || before.Kind != c.Kind || !meets(before, c.Type):
				return nil
			}
		}
		if head = head[:min(len(head), ownColumns)]; len(ends) > len(tail) { // the longer has the weight
			tail = ends
		}
	}
	slices.SortFunc(features, func(x, y *tablelog.SchemaColumn) int {
		return cmp.Or(cmp.Compare(itemRank(x.Name), itemRank(y.Name)), strings.Compare(x.Name, y.Name))
	})
	out := head
	for _, c := range slices.Concat(features, labels) {
		out = append(out, tablelog.Column{Name: c.Name, Type: c.Type})
	}
	return append(out, tail...)
}

func itemRank(name string) int {
	if strings.HasPrefix(events.ColumnKey(name), "item_") {
		return 1
	}
	return 0
}

// meets makes a column's type one that holds another type as well, if there is one.
func meets(c *tablelog.SchemaColumn, other string) bool {
	switch {
	case c.Type == other, rowfile.Converts(other, c.Type):
		return true
	case rowfile.Converts(c.Type, other):
		c.Type = other
		return true
	}
	return false
}
