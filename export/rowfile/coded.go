package rowfile

import (
	"fmt"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/export/colfile"
)

// Part is a part of a column of a file: a page of it.
type Part struct {
	// Column has the part's levels, and its values if there is no dictionary.
	colfile.Column
	// Dictionary has the values that the column's pages name by their numbers. It is the same for
	// all parts of a row group that have one; nil: the values are in Column.
	Dictionary *colfile.Column
	// Indexes are the numbers of the part's values.
	Indexes []int32

	decoder pageDecoder
}

// Values are the part as a column with its values, as Reader.Read gives it.
func (p *Part) Values() (*colfile.Column, error) {
	if p.Dictionary == nil {
		return &p.Column, nil
	}
	return &p.Column, p.decoder.lookUpIn(&p.Column, p.Dictionary, p.Indexes)
}

// ReadCoded is Read with the dictionaries of the file: parts that have one name their values by
// numbers, which saves the copies of texts that repeat.
func (r *Reader) ReadCoded(group, column int, visit func(*Part) error) (err error) {
	defer guard(&err)
	part := &Part{decoder: newPageDecoder(r.columns[column].Type, r.required[column])}
	var dictionary colfile.Column
	read := false
	err = eachPage(r.groups[group].ColumnChunks()[column], func(page parquet.Page) error {
		part.Dictionary, part.Indexes = nil, nil
		dict := page.Dictionary()
		if dict == nil {
			if err := part.decoder.decode(page, &part.Column); err != nil {
				return err
			}
			return visit(part)
		}
		if !read {
			if err := part.decoder.dictionary(dict, &dictionary); err != nil {
				return err
			}
			read = true
		}
		values, err := part.decoder.levels(page, &part.Column)
		if err != nil {
			return err
		}
		data := page.Data()
		part.Dictionary, part.Indexes = &dictionary, data.Int32()
		if len(part.Indexes) < values {
			return fmt.Errorf("a page has %d of %d values that are not null", len(part.Indexes), values)
		}
		part.Indexes = part.Indexes[:values]
		for _, i := range part.Indexes {
			if uint(i) >= uint(dictionary.Levels) {
				return fmt.Errorf("index %d of a dictionary of %d", i, dictionary.Levels)
			}
		}
		return visit(part)
	})
	if err != nil {
		return fmt.Errorf("column %q: %w", r.columns[column].Name, err)
	}
	return nil
}
