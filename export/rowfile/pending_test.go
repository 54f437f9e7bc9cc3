package rowfile

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// TestPendingNamesWhatIsNotFinal: a file names the labels of a row that are not final, alone or
// among rows that are added together, if the configuration has such rows or the table had.
func TestPendingNamesWhatIsNotFinal(t *testing.T) {
	labels := []joiner.Label{{Name: "a", Window: time.Hour}, {Name: "b", Window: 3 * time.Hour},
		{Name: "c", Window: 2 * time.Hour}}
	stages := []time.Duration{time.Hour, 2 * time.Hour}
	req := events.Request{ID: "r"}
	rows := []joiner.Labeled{}
	for _, stage := range []uint16{1, 2, 0} {
		rows = append(rows, joiner.Labeled{Request: &req, Row: &joiner.Row{Item: -1, Weight: 1, Stage: stage,
			Cells: []joiner.Cell{joiner.Undecided(), joiner.Undecided(), joiner.Undecided()}}})
	}
	known := []TableColumn{{Name: "pending", Type: Type{Scalar: ScalarString}, Kind: KindOwn}}
	for name, c := range map[string]struct {
		config Config
		known  []TableColumn
		want   []string
	}{
		"rows that are not final": {Config{Labels: labels, Stages: stages}, nil, []string{"b,c", "b", ""}},
		"none any more":           {Config{Labels: labels, Known: known}, known, []string{"", "", ""}},
		"never":                   {Config{Labels: labels}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newLayout(t, c.config).NewTable(c.known).NewBuilder()
			for i := range rows {
				if _, err := b.Add(rows[i].Request, rows[i].Row); err != nil {
					t.Fatal(err)
				}
			}
			data, _ := encode(t, b)
			file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			leaf, ok := file.Schema().Lookup("pending")
			if ok != (c.want != nil) {
				t.Fatalf("the file has the column: %v", ok)
			}
			if !ok {
				return
			}
			values := make([]parquet.Value, len(rows)+1)
			n, _ := file.RowGroups()[0].ColumnChunks()[leaf.ColumnIndex].Pages().ReadPage()
			got, _ := n.Values().ReadValues(values)
			for i := range rows {
				if i >= got || values[i].IsNull() != (c.want[i] == "") || string(values[i].ByteArray()) != c.want[i] {
					t.Errorf("row %d has %v, want %q", i, values[i], c.want[i])
				}
			}
		})
	}
}

// TestScanKnowsRowsOfStages: a row that was written at the end of a stage is known as one
// when its file is read again, whatever its reason is, and no other row is.
func TestScanKnowsRowsOfStages(t *testing.T) {
	labels := []joiner.Label{{Name: "a", Window: time.Hour}, {Name: "b", Window: 3 * time.Hour}}
	taken := []joiner.Label{{Name: "pending", Window: time.Hour}, {Name: "b", Window: 3 * time.Hour}}
	feature := []events.Field{{Name: "pending", Value: events.Value{Kind: events.ValueString, Str: "a text"}}}
	staged := Config{Labels: labels, Stages: []time.Duration{time.Hour}}
	for name, c := range map[string]struct {
		config   Config
		features []events.Field
		row      joiner.Row
		pending  bool
	}{
		"pending":                  {staged, nil, joiner.Row{Stage: 1, Reason: joiner.ReasonPending}, true},
		"a gap at a stage":         {staged, nil, joiner.Row{Stage: 1, Reason: joiner.ReasonGap}, true},
		"a gap at the close":       {staged, nil, joiner.Row{Reason: joiner.ReasonGap}, false},
		"no stages":                {Config{Labels: labels}, nil, joiner.Row{Reason: joiner.ReasonGap}, false},
		"a feature has the column": {Config{Labels: labels}, feature, joiner.Row{Reason: joiner.ReasonGap}, false},
		"a label has the column":   {Config{Labels: taken}, nil, joiner.Row{Reason: joiner.ReasonGap}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newLayout(t, c.config).NewTable(nil).NewBuilder()
			c.row.Item, c.row.Weight, c.row.Cells = -1, 1, []joiner.Cell{{Value: 1}, joiner.Undecided()}
			if _, err := b.Add(&events.Request{ID: "r", Features: c.features}, &c.row); err != nil {
				t.Fatal(err)
			}
			data, _ := encode(t, b)
			var got []joiner.Written
			err := Scan(bytes.NewReader(data), int64(len(data)), 0, true, func(w joiner.Written) bool {
				got = append(got, w)
				return true
			})
			if err != nil || len(got) != 1 || got[0].Pending != c.pending || got[0].Early != c.pending {
				t.Errorf("%+v, %v; want one row, pending: %v", got, err, c.pending)
			}
		})
	}
}

// TestPendingIsTaken: a table in which a feature has the column cannot have such rows.
func TestPendingIsTaken(t *testing.T) {
	_, err := NewLayout(Config{Labels: []joiner.Label{{Name: "a", Window: time.Hour}},
		Stages: []time.Duration{time.Minute},
		Known:  []TableColumn{{Name: "Pending", Kind: KindFeature}}})
	if taken := new(StageTakenError); !errors.As(err, &taken) {
		t.Errorf("the error is %v", err)
	}
}
