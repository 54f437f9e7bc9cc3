package tally

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/go-json-experiment/json"
)

// hourFile are the counts of an hour as they are kept. Hours, columns, bins and texts are in a fixed
// order, so that equal counts have equal bytes.
type hourFile struct {
	Hour     string                 `json:"hour"`
	Rows     uint64                 `json:"rows"`
	Requests uint64                 `json:"requests"`
	Columns  map[string]*columnFile `json:"columns"`
}

type columnFile struct {
	Present uint64      `json:"present,omitzero"`
	Zeros   uint64      `json:"zeros,omitzero"`
	Min     *float64    `json:"min,omitzero"`
	Max     *float64    `json:"max,omitzero"`
	Bins    [][3]uint64 `json:"bins,omitzero"` // the number of the bin, its count, and Bin.Above
	Texts   []string    `json:"texts,omitzero"`
	Counts  []uint64    `json:"counts,omitzero"` // of the texts
	More    bool        `json:"more,omitzero"`   // there are other texts
}

const hourFormat = "2006-01-02T15"

// MarshalJSON writes the counts. Equal counts give equal bytes.
func (t *Table) MarshalJSON() ([]byte, error) {
	files := make([]hourFile, 0, len(t.Hours))
	for _, at := range slices.Sorted(maps.Keys(t.Hours)) {
		h := t.Hours[at]
		f := hourFile{Hour: time.Unix(at*3600, 0).UTC().Format(hourFormat), Rows: h.Rows,
			Requests: h.Requests, Columns: map[string]*columnFile{}}
		for name, c := range h.Columns {
			f.Columns[name] = c.file()
		}
		files = append(files, f)
	}
	return json.Marshal(files, json.Deterministic(true))
}

func (c *Column) file() *columnFile {
	f := &columnFile{Present: c.Present, Zeros: c.Zeros, More: c.Texts.More}
	if !math.IsInf(c.Min, 0) && !math.IsInf(c.Max, 0) {
		f.Min, f.Max = &c.Min, &c.Max
	}
	for _, b := range c.Bins {
		f.Bins = append(f.Bins, [3]uint64{uint64(b.At), b.Count, b.Above})
	}
	for _, t := range c.Texts.Counts {
		f.Texts, f.Counts = append(f.Texts, t.Text), append(f.Counts, t.Count)
	}
	return f
}

// measure finds how many bytes the hour has at least as JSON. Counts only grow, and so do the numbers of columns,
// bins and texts; a text can give way to a shorter one, so of texts only the quotes count.
func (h *Hour) measure() {
	h.least = len(`{"hour":"2026-11-21T05","rows":1,"requests":0,"columns":{}}`)
	for name, c := range h.Columns {
		h.least += len(name) + len(`"":{}`)
		if c.Present > 0 {
			h.least += len(`"present":1`)
		}
		if n := len(c.Bins); n > 0 {
			h.least += len(`"bins":[]`) + n*len(`[0,1,0],`) - 1
		}
		if n := len(c.Texts.Counts); n > 0 {
			h.least += len(`"texts":[],"counts":[]`) + n*len(`"",1,`) - 2
		}
	}
}

// UnmarshalJSON reads what MarshalJSON has written.
func (t *Table) UnmarshalJSON(data []byte) error {
	var files []hourFile
	if err := json.Unmarshal(data, &files); err != nil {
		return err
	}
	*t = Table{}
	for i := range files {
		f := &files[i]
		at, err := time.Parse(hourFormat, f.Hour)
		if err != nil {
			return fmt.Errorf("%q is no hour like 2026-11-21T05", f.Hour)
		}
		h := t.hour(at.Unix() / 3600)
		h.Rows, h.Requests = f.Rows, f.Requests
		for name, c := range f.Columns {
			if c == nil {
				continue
			}
			if h.Columns[name], err = c.column(); err != nil {
				return fmt.Errorf("column %q: %w", name, err)
			}
		}
	}
	return nil
}

func (f *columnFile) column() (*Column, error) {
	c := newColumn()
	c.Present, c.Zeros, c.Texts.More = f.Present, f.Zeros, f.More
	if f.Min != nil && f.Max != nil {
		c.Min, c.Max = *f.Min, *f.Max
	}
	for i, b := range f.Bins {
		if b[0] >= 1<<binBits || i > 0 && b[0] <= f.Bins[i-1][0] {
			return nil, fmt.Errorf("bin %d is no bin, or not in order", b[0])
		}
		c.Bins = append(c.Bins, Bin{uint16(b[0]), b[1], b[2]})
	}
	if len(f.Texts) != len(f.Counts) {
		return nil, fmt.Errorf("it has %d counts of %d texts", len(f.Counts), len(f.Texts))
	}
	for i, text := range f.Texts {
		c.Texts.Counts = append(c.Texts.Counts, TextCount{text, f.Counts[i], xxhash.Sum64String(text)})
	}
	slices.SortFunc(c.Texts.Counts, func(a, b TextCount) int { return cmp.Compare(a.hash, b.hash) })
	return c, nil
}
