package sample

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/raters"
	"github.com/labeljoin/labeljoin/export/stats"
)

// task is a task as Label Studio imports it: data is what the labeling configuration of a project
// can show, and meta goes with it unseen. https://labelstud.io/guide/tasks
type task struct {
	Data map[string]any `json:"data"`
	Meta map[string]any `json:"meta"`
}

// unshown are the columns that a rater does not get to see beside the labels, because they would
// lean on the answer, or say nothing: they are in meta, if at all.
func unshown() []string {
	return []string{"score", "weight", "revision", "reason", "model", "model_version", "user_id", "dt"}
}

// WriteTasks writes the chosen rows as tasks that Label Studio imports, in the order of their worth:
// a JSON array, a task a line. The id of the request, and of the item, are always in it.
func (s *Sample) WriteTasks(ctx context.Context, w io.Writer, sources []stats.Source, c *Chosen) error {
	names, err := stats.ColumnNames(sources)
	if err != nil {
		return err
	}
	shown, err := s.shown(names)
	if err != nil {
		return err
	}
	at := make(map[rowIndex]int, len(c.Rows))
	for i := range c.Rows {
		at[c.Rows[i].rowIndex] = i
	}
	tasks := make([]task, len(c.Rows))
	columns := append(slices.Clone(shown), "score", "model")
	group := 0
	if err := stats.Scan(ctx, sources, columns, func(n int, values []*stats.Values) error {
		for row := range n {
			if i, chosen := at[rowIndex{group, row}]; chosen {
				tasks[i] = s.task(&c.Rows[i], columns, values, row, len(shown))
			}
		}
		group++
		return nil
	}); err != nil {
		return err
	}
	return writeLines(w, tasks)
}

// writeLines writes a JSON array, an element a line.
func writeLines(w io.Writer, tasks []task) error {
	text := []byte("[")
	for i := range tasks {
		line, err := json.Marshal(&tasks[i])
		if err != nil {
			return err
		}
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(text, '\n'), line...)
	}
	_, err := w.Write(append(text, "\n]\n"...))
	return err
}

// shown are the columns that raters see.
func (s *Sample) shown(names []string) ([]string, error) {
	for _, column := range s.Show {
		if !slices.Contains(names, column) {
			return nil, &WrongSampleError{"these rows have no column " + column + " to show; they have " +
				strings.Join(names, ", ")}
		}
	}
	if len(s.Show) > 0 {
		return s.Show, nil
	}
	hidden := append(unshown(), "request_id", "item_id")
	hidden = append(hidden, s.Hide...)
	votes := raters.LabelsIn(names)
	for _, label := range health.LabelsIn(names) {
		hidden = append(hidden, label, label+"_ts")
		if slices.Contains(votes, label) {
			hidden = append(hidden, label+"_votes", label+"_agreement", label+"_raters", label+"_class")
		}
	}
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(hidden, n) }), nil
}

// task is what a rater gets of a row.
func (s *Sample) task(r *Row, columns []string, values []*stats.Values, row, shown int) task {
	t := task{Data: map[string]any{"request_id": r.request}, Meta: map[string]any{"by": string(s.By), "salt": s.Salt}}
	if r.item != "" {
		t.Data["item_id"] = r.item
	}
	for k, v := range values {
		to := t.Data
		if k >= shown {
			to = t.Meta
		}
		if x, some := numberAt(v, row); some {
			to[columns[k]] = x
			if columns[k] == "request_ts" {
				to[columns[k]] = time.UnixMicro(int64(x)).UTC().Format(time.RFC3339Nano)
			}
		} else if text := textAt(v, row); text != "" {
			to[columns[k]] = text
		}
	}
	return t
}
