package export

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// knownColumns are the columns of the table as the layout of files wants them.
func knownColumns(schema []tablelog.SchemaColumn) ([]rowfile.TableColumn, error) {
	out := make([]rowfile.TableColumn, 0, len(schema))
	for _, c := range schema {
		t, err := rowfile.ParseColumnType(c.Type)
		if err != nil {
			return nil, fmt.Errorf("column %q of the table: %w", c.Name, err)
		}
		out = append(out, rowfile.TableColumn{Name: c.Name, Type: t, Kind: kindOf(c.Kind)})
	}
	return out, nil
}

func kindOf(name string) rowfile.Kind {
	switch name {
	case tablelog.SchemaFeature:
		return rowfile.KindFeature
	case tablelog.SchemaLabel:
		return rowfile.KindLabel
	}
	return rowfile.KindOwn
}

func kindName(k rowfile.Kind) string {
	switch k {
	case rowfile.KindFeature:
		return tablelog.SchemaFeature
	case rowfile.KindLabel:
		return tablelog.SchemaLabel
	}
	return tablelog.SchemaOwn
}

// schema is the columns of the table as commits have left it. In an output that has no
// schema yet they are those of its files; fresh says so.
func (o *Output) schema() (columns []tablelog.SchemaColumn, fresh bool) {
	if columns = o.writer.Schema(); len(columns) > 0 {
		return columns, false
	}
	return o.before, true
}

// schemaChange is what a commit brings to the schema of the table, or changes of it.
func schemaChange(known []tablelog.SchemaColumn, fresh bool, now []rowfile.TableColumn) (out []tablelog.SchemaColumn) {
	before := map[string]tablelog.SchemaColumn{}
	for _, c := range known {
		before[events.ColumnKey(c.Name)] = c
	}
	for _, c := range now {
		is := tablelog.SchemaColumn{Name: c.Name, Type: c.Type.String(), Kind: kindName(c.Kind)}
		was, there := before[events.ColumnKey(c.Name)]
		if fresh {
			is.Since = was.Since // what this version finds has no manifest that says it
		} else if was.Since = 0; there && was == is {
			continue
		}
		out = append(out, is)
	}
	return out
}

// schemaOfFiles is the schema of an output whose manifests have none: every column that a
// live file has, with the type of the first file that has it, and double where integers
// and doubles meet. A list of int64 that no file contradicts may be one of lists that were
// all empty: it is decided by what comes.
func (o *Output) schemaOfFiles(state *tablelog.State) ([]tablelog.SchemaColumn, error) {
	var files []tablelog.File
	for f, err := range state.AllFiles("", "") {
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	slices.SortStableFunc(files, func(x, y tablelog.File) int { return cmp.Compare(x.FirstCommit, y.FirstCommit) })
	found := map[string]*tablelog.SchemaColumn{}
	for i := range files {
		columns, err := o.columnsOfFile(&files[i])
		if err != nil {
			return nil, err
		}
		for _, c := range kindsOf(columns) {
			key := events.ColumnKey(c.Name)
			before := found[key]
			if before == nil {
				c.Since = files[i].FirstCommit
				found[key] = &c
				continue
			}
			if c.Kind == tablelog.SchemaLabel && before.Kind != c.Kind {
				before.Kind, before.Type = c.Kind, c.Type // a label has taken the column of a feature
			}
			before.Type = widerType(before.Type, c.Type)
		}
	}
	var out []tablelog.SchemaColumn
	for _, c := range found {
		if c.Type != "list<int64>" {
			out = append(out, *c)
		}
	}
	slices.SortFunc(out, func(x, y tablelog.SchemaColumn) int { return strings.Compare(x.Name, y.Name) })
	return out, nil
}

// widerType is the type of a column that has one type and meets another.
func widerType(first, other string) string {
	switch {
	case other == "double" && (first == "int64" || first == "int32"), first == "list<int64>" &&
		strings.HasPrefix(other, "list<"):
		return other
	}
	return first
}

// columnsOfFile are the columns of a live file; of one whose manifest does not list them,
// as the file has them. A file that is not there has none.
func (o *Output) columnsOfFile(f *tablelog.File) ([]tablelog.Column, error) {
	if f.Columns != nil {
		return f.Columns, nil
	}
	r, err := o.log.OpenFile(f.Artifact())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := checkReader(r, f.Bytes, f.SHA256); err != nil {
		return nil, &MissingFileError{Dir: o.dir, Path: f.Path, Number: f.LastCommit, Reason: err.Error()}
	}
	file, err := rowfile.NewReader(r, r.Size())
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Path, err)
	}
	var out []tablelog.Column
	for _, c := range file.Columns() {
		out = append(out, tablelog.Column{Name: c.Name, Type: c.Type.String()})
	}
	return out, nil
}

// kindsOf tells the columns of a file by what they are for.
func kindsOf(columns []tablelog.Column) []tablelog.SchemaColumn {
	features := featuresOf(columns)
	first := min(ownColumns, len(columns))
	last := first + len(features)
	end := len(columns)
	for end > last && slices.Contains(tailColumns(), columns[end-1].Name) {
		end--
	}
	out := make([]tablelog.SchemaColumn, len(columns))
	for i, c := range columns {
		kind := tablelog.SchemaOwn
		switch {
		case i >= first && i < last:
			kind = tablelog.SchemaFeature
		case i >= last && i < end:
			kind = tablelog.SchemaLabel
		}
		out[i] = tablelog.SchemaColumn{Name: c.Name, Type: c.Type, Kind: kind}
	}
	return out
}
