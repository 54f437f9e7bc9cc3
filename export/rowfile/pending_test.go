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

// TestPendingIsTaken: a table in which a feature has the column cannot have such rows.
func TestPendingIsTaken(t *testing.T) {
	_, err := NewLayout(Config{Labels: []joiner.Label{{Name: "a", Window: time.Hour}},
		Stages: []time.Duration{time.Minute},
		Known:  []TableColumn{{Name: "Pending", Kind: KindFeature}}})
	if taken := new(PendingTakenError); !errors.As(err, &taken) {
		t.Errorf("the error is %v", err)
	}
}
