// Package sample chooses rows for people to judge, and writes them as tasks of a program in which they
// do so.
package sample

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/export/raters"
	"github.com/labeljoin/labeljoin/export/stats"
)

// By says which rows are worth a rater.
type By string

// The ways to choose. ByRandom takes every row with the same probability, ByUncertainty those whose
// score is nearest to a half, BySlice as many of each slice, and ByDisagreement those on whose label
// raters agree least.
const (
	ByRandom       By = "random"
	ByUncertainty  By = "uncertainty"
	BySlice        By = "slice"
	ByDisagreement By = "disagreement"
)

// Ways lists the ways to choose.
func Ways() []string {
	return []string{string(ByRandom), string(ByUncertainty), string(BySlice), string(ByDisagreement)}
}

// Sample says which rows raters get.
type Sample struct {
	By     By
	N      int      // rows
	Salt   string   // another one chooses others
	Slices []string // columns; for BySlice
	// Label is a label of votes. Rows on which it has votes are left out, but for ByDisagreement,
	// which is of those alone. Empty: all rows are chosen from.
	Label string
	// Show are the columns that raters see; empty: all but Hide, labels and scores, and what
	// labeljoin writes about a row.
	Show, Hide []string
}

// Chosen are the rows that a Sample takes.
type Chosen struct {
	Rows   []Row // the first is worth most
	From   int   // how many rows it chose from
	Slices int   // how many slices these have; 0: they were not asked for
}

// Row is a row that a rater gets.
type Row struct {
	rowIndex    // where it is
	request     string
	item        string
	hash, worth float64
	slice       string
}

// rowIndex is where a row is among those that stats.Scan gives.
type rowIndex struct{ group, row int }

// WrongSampleError says that rows cannot be chosen in the way that was asked for.
type WrongSampleError struct{ Reason string }

func (e *WrongSampleError) Error() string { return e.Reason }

// Misuse reports that the command line has to be changed.
func (e *WrongSampleError) Misuse() bool { return true }

// Hash is between 0 and 1: the first 52 bits of the SHA-256 of the salt, a colon and the id of the
// request (and for a row of an item a colon and its id), divided by 2^52. Every SQL engine can compute it.
func Hash(salt, request, item string) float64 {
	key := salt + ":" + request
	if item != "" {
		key += ":" + item
	}
	sum := sha256.Sum256([]byte(key))
	return float64(binary.BigEndian.Uint64(sum[:8])>>12) / (1 << 52)
}

// Choose reads the rows and takes those that are worth most, in the order of their worth; what is
// worth as much comes in the order of its Hash. It is a function of the rows and of s.
func (s *Sample) Choose(ctx context.Context, sources []stats.Source) (*Chosen, error) {
	names, err := stats.ColumnNames(sources)
	if err != nil {
		return nil, err
	}
	columns, err := s.columns(names)
	if err != nil {
		return nil, err
	}
	var c Chosen
	slicesOf := map[string]*best{} // all in one, if rows are not chosen by slice
	group := 0
	if err := stats.Scan(ctx, sources, columns, func(n int, values []*stats.Values) error {
		for row := range n {
			r, ok, err := s.look(values, row)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			r.rowIndex = rowIndex{group, row}
			if slicesOf[r.slice] == nil {
				slicesOf[r.slice] = &best{n: s.N} // no slice gives more
			}
			slicesOf[r.slice].add(r)
			c.From++
		}
		group++
		return nil
	}); err != nil {
		return nil, err
	}
	var rows []Row
	for _, b := range slicesOf {
		rows = append(rows, b.rows...)
	}
	slices.SortFunc(rows, compareRows)
	if s.By == BySlice {
		rows, c.Slices = takeTurns(rows)
	}
	c.Rows = rows[:min(len(rows), s.N)]
	return &c, nil
}

// The columns that a choice looks at: request_id, item_id, the label's votes, then what it goes by.
const (
	columnRequest = iota
	columnItem
	columnVotes
	columnBy
)

// columns are those that are looked at; the names are those that there are.
func (s *Sample) columns(names []string) ([]string, error) {
	if !slices.Contains(names, "request_id") {
		return nil, &WrongSampleError{"these rows have no column request_id: they are no rows of labeljoin"}
	}
	labels := raters.LabelsIn(names)
	if s.Label != "" && !slices.Contains(labels, s.Label) {
		return nil, &WrongSampleError{fmt.Sprintf("%q is no label of votes of these rows: %s", s.Label, listed(labels))}
	}
	votes := ""
	if s.Label != "" {
		votes = s.Label + "_votes"
	}
	columns := []string{"request_id", "item_id", votes}
	switch s.By {
	case ByRandom:
		return columns, nil
	case ByUncertainty:
		return append(columns, "score"), nil
	case ByDisagreement:
		label := s.Label
		if label == "" && len(labels) == 1 {
			label = labels[0]
		}
		if label == "" {
			return nil, &WrongSampleError{"say on which label raters disagree, with --label: " + listed(labels)}
		}
		return append(columns, label+"_agreement"), nil
	case BySlice:
		if len(s.Slices) == 0 {
			return nil, &WrongSampleError{"say which columns make the slices, with --slice: --slice device,country"}
		}
		for _, column := range s.Slices {
			if !slices.Contains(names, column) {
				return nil, &WrongSampleError{fmt.Sprintf("these rows have no column %q for slices; they have %s", column,
					strings.Join(names, ", "))}
			}
		}
		return append(columns, s.Slices...), nil
	}
	return nil, &WrongSampleError{fmt.Sprintf("%q is no way to choose rows: there are %s", s.By,
		strings.Join(Ways(), ", "))}
}

func listed(labels []string) string {
	if len(labels) == 0 {
		return "there are none; a label with `by` in the configuration is one"
	}
	return "there are " + strings.Join(labels, ", ")
}

// look says what a row is worth, and whether it can be chosen: less is worth more.
func (s *Sample) look(values []*stats.Values, row int) (r Row, ok bool, err error) {
	r.request, r.item = textAt(values[columnRequest], row), textAt(values[columnItem], row)
	r.hash = Hash(s.Salt, r.request, r.item)
	votes, some := numberAt(values[columnVotes], row)
	if some && votes > 0 && s.By != ByDisagreement {
		return r, false, nil
	}
	switch s.By {
	case ByUncertainty:
		score, some := numberAt(values[columnBy], row)
		if some && (score < 0 || score > 1) {
			return r, false, &WrongSampleError{fmt.Sprintf("request %q has the score %v, which is no probability: uncertainty is how near a score is to 0.5, so choose --by random or slice",
				r.request, score)}
		}
		r.worth = math.Abs(score - 0.5)
		return r, some, nil
	case ByDisagreement:
		agreement, some := numberAt(values[columnBy], row)
		r.worth = agreement
		return r, some && agreement < 1, nil
	case BySlice:
		var of []string
		for _, v := range values[columnBy:] {
			of = append(of, shownAt(v, row))
		}
		r.slice = strings.Join(of, "\x00")
	}
	return r, true, nil
}

// takeTurns orders rows so that each slice has its first, then each its second, and so on.
func takeTurns(rows []Row) (ordered []Row, slicesOf int) {
	turn := map[string]int{}
	for i := range rows {
		rows[i].worth = float64(turn[rows[i].slice])
		turn[rows[i].slice]++
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.worth, b.worth), strings.Compare(a.slice, b.slice))
	})
	return rows, len(turn)
}

// textAt is a text of a row; empty if there is none.
func textAt(v *stats.Values, row int) string {
	if v == nil || v.Null[row] || len(v.Texts) == 0 {
		return ""
	}
	return v.Texts[row]
}

// numberAt is a number of a row, if there is one.
func numberAt(v *stats.Values, row int) (x float64, some bool) {
	if v == nil || v.Null[row] || len(v.Numbers) == 0 {
		return 0, false
	}
	return v.Numbers[row], true
}

// shownAt is a value of a row as text.
func shownAt(v *stats.Values, row int) string {
	if x, some := numberAt(v, row); some {
		return fmt.Sprint(x)
	}
	return textAt(v, row)
}
