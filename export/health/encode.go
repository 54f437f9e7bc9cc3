package health

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/joiner"
)

// tableFormat is the version of the format of counts.
const tableFormat = 1

// tableFile are counts as they are kept. Cells are in the order of slices and hours, so that equal
// counts have equal bytes, whatever order they were added in.
type tableFile struct {
	Format  int           `json:"format"`
	Labels  []string      `json:"labels"`
	By      []string      `json:"slices,omitzero"` // the columns by which rows are counted too
	Cells   []cellFile    `json:"cells"`
	Deciles []Decile      `json:"deciles,omitzero"`
	Delays  [][][2]uint64 `json:"delays,omitzero"` // per label: milliseconds and rows
	Early   [][][2]uint64 `json:"early,omitzero"`  // the same of outcomes before the request
	// Features are the counts of other columns; absent where they are not counted.
	Features jsontext.Value `json:"features,omitzero"`
	// Orphans are outcomes that found no request; absent: there are none.
	Orphans []orphansFile `json:"orphans,omitzero"`
}

type orphansFile struct {
	Stream    string `json:"stream"`
	Producer  string `json:"producer,omitzero"`
	NoRequest int64  `json:"no_request,omitzero"`
	TooLate   int64  `json:"too_late,omitzero"`
	NoKey     int64  `json:"no_key,omitzero"`
}

type cellFile struct {
	Slice     string   `json:"slice,omitzero"`
	Hour      Hour     `json:"hour"`
	Rows      uint64   `json:"rows"`
	Covered   uint64   `json:"covered,omitzero"`
	Corrected uint64   `json:"corrected,omitzero"`
	Late      uint64   `json:"late,omitzero"`
	Cut       uint64   `json:"cut,omitzero"`
	Scored    uint64   `json:"scored,omitzero"`
	Predicted int64    `json:"predicted,omitzero"`
	Known     []uint64 `json:"known"`
	Positive  []uint64 `json:"positive"`
	Delay     []int64  `json:"delay_ms"`
	Gap       []uint64 `json:"null_in_gap,omitzero"` // absent: none
	Ended     []uint64 `json:"null_unfinished,omitzero"`
	Hits      []uint64 `json:"hits,omitzero"`
	Expected  []int64  `json:"expected,omitzero"`
}

// Encode writes counts as JSON. Equal counts give equal bytes. by are the columns by which the
// rows are counted too.
func Encode(t *Table, by []string) ([]byte, error) {
	f := tableFile{Format: tableFormat, Labels: t.Labels, By: by, Cells: []cellFile{}, Deciles: t.Deciles}
	for k, c := range t.Cells {
		to := cellFile{Slice: k.Slice, Hour: k.Hour, Rows: c.Rows, Covered: c.Covered, Corrected: c.Corrected, Late: c.Late,
			Cut: c.Cut, Scored: c.Scored, Predicted: c.Predicted}
		for _, l := range c.Labels {
			to.Known, to.Positive, to.Delay = append(to.Known, l.Known), append(to.Positive, l.Positive), append(to.Delay,
				l.Delay)
		}
		to.nulls(c)
		if c.Scored > 0 {
			to.Hits, to.Expected = c.Hits, c.Expected
		}
		f.Cells = append(f.Cells, to)
	}
	if len(t.Features.Hours) > 0 {
		features, err := json.Marshal(&t.Features, json.Deterministic(true))
		if err != nil {
			return nil, err
		}
		f.Features = features
	}
	for _, o := range t.Orphans {
		f.Orphans = append(f.Orphans, orphansFile{o.Stream, o.Producer, o.Alone, o.Late, o.Keyless})
	}
	slices.SortFunc(f.Cells, func(a, b cellFile) int {
		return cmp.Or(cmp.Compare(a.Slice, b.Slice), cmp.Compare(a.Hour, b.Hour))
	})
	for _, delays := range t.Delays {
		var late, early [][2]uint64
		for d, n := range delays {
			if d < 0 {
				early = append(early, [2]uint64{uint64(-d), n})
			} else {
				late = append(late, [2]uint64{uint64(d), n})
			}
		}
		byDelay := func(a, b [2]uint64) int { return cmp.Compare(a[0], b[0]) }
		slices.SortFunc(late, byDelay)
		slices.SortFunc(early, byDelay)
		f.Delays, f.Early = append(f.Delays, late), append(f.Early, early)
	}
	if !slices.ContainsFunc(f.Delays, func(d [][2]uint64) bool { return len(d) > 0 }) {
		f.Delays = nil
	}
	if !slices.ContainsFunc(f.Early, func(d [][2]uint64) bool { return len(d) > 0 }) {
		f.Early = nil
	}
	return json.Marshal(&f, json.Deterministic(true))
}

// nulls adds why labels are null, where any is.
func (f *cellFile) nulls(c *Cell) {
	var gap, ended []uint64
	any := uint64(0)
	for _, l := range c.Labels {
		gap, ended, any = append(gap, l.Gap), append(ended, l.Unfinished), any+l.Gap+l.Unfinished
	}
	if any > 0 {
		f.Gap, f.Ended = gap, ended
	}
}

// Decode reads what Encode has written, and the columns by which the rows are counted too.
func Decode(data []byte) (t *Table, by []string, err error) {
	t, by, features, err := decode(data)
	if err == nil && features != nil {
		if err = json.Unmarshal(features, &t.Features); err != nil {
			return nil, nil, fmt.Errorf("these are no counts of columns: %w", err)
		}
	}
	return t, by, err
}

// DecodeLabels is Decode without the counts of other columns, which are the larger part.
func DecodeLabels(data []byte) (t *Table, by []string, err error) {
	t, by, _, err = decode(data)
	return t, by, err
}

func decode(data []byte) (t *Table, by []string, features jsontext.Value, err error) {
	var f tableFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, nil, nil, fmt.Errorf("these are no counts of labels: %w", err)
	}
	if f.Format != tableFormat {
		return nil, nil, nil, fmt.Errorf("counts of labels have format %d, this version of labeljoin reads %d", f.Format,
			tableFormat)
	}
	n := len(f.Labels)
	t = NewTable(f.Labels)
	t.Deciles = f.Deciles
	for _, o := range f.Orphans {
		c := joiner.OrphanCount{Stream: o.Stream, Producer: o.Producer, Alone: o.NoRequest, Late: o.TooLate, Keyless: o.NoKey}
		t.Orphans = t.Orphans.Plus(joiner.Orphans{c}, 0)
	}
	for i := range f.Cells {
		c := &f.Cells[i]
		if len(c.Known) != n || len(c.Positive) != n || len(c.Delay) != n {
			return nil, nil, nil, fmt.Errorf("the counts of hour %s are not of %d labels", c.Hour, n)
		}
		to := t.Cell(Key{c.Slice, c.Hour})
		to.Rows, to.Covered, to.Corrected, to.Late, to.Cut = c.Rows, c.Covered, c.Corrected, c.Late, c.Cut
		to.Scored, to.Predicted = c.Scored, c.Predicted
		for l := range n {
			to.Labels[l] = Label{Known: c.Known[l], Positive: c.Positive[l], Delay: c.Delay[l]}
		}
		if len(c.Gap) == n && len(c.Ended) == n {
			for l := range n {
				to.Labels[l].Gap, to.Labels[l].Unfinished = c.Gap[l], c.Ended[l]
			}
		}
		if len(c.Hits) == n && len(c.Expected) == n {
			copy(to.Hits, c.Hits)
			copy(to.Expected, c.Expected)
		}
	}
	for _, d := range t.Deciles {
		if len(d.Known) != n || len(d.Positive) != n || len(d.Expected) != n {
			return nil, nil, nil, fmt.Errorf("the counts by score are not of %d labels", n)
		}
	}
	for l := range min(n, len(f.Delays)) {
		for _, d := range f.Delays[l] {
			t.Delays[l][int64(d[0])] = d[1]
		}
	}
	for l := range min(n, len(f.Early)) {
		for _, d := range f.Early[l] {
			t.Delays[l][-int64(d[0])] = d[1]
		}
	}
	return t, f.By, f.Features, nil
}

// UnmarshalText reads the start of an hour.
func (h *Hour) UnmarshalText(text []byte) error {
	at, err := parseHour(string(text))
	*h = at
	return err
}
