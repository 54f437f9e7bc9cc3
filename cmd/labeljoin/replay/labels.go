package replay

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// labelCells keeps the cells of some labels for the rows of days, in a file for each day. It is
// a batch.Sink.
type labelCells struct {
	dir    string
	memory int64
	labels []int // by their places among the rules' labels
	days   map[string]*cellDay
	rows   int64
}

// cellDay is what is kept of a day.
type cellDay struct {
	path       string
	buffer     []byte // not written yet
	rows       int64
	incomplete int64 // rows of which one of the labels is null because the log ends
}

// A record has a row's key, and for each label whether it is null, its value and its time.
const (
	keySize  = 16
	cellSize = 1 + 8 + 8
)

// bufferBytes is how much of a day is kept in memory: a year of days takes a few megabytes.
const bufferBytes = 32 << 10

func newLabelCells(r *Replay, rules *joiner.Rules) *labelCells {
	s := &labelCells{dir: filepath.Join(r.scratch(), "labels"), memory: r.Memory, days: map[string]*cellDay{}}
	for i := range rules.Labels {
		if slices.Contains(r.Labels, rules.Labels[i].Name) {
			s.labels = append(s.labels, i)
		}
	}
	return s
}

// rowKey is the beginning of a hash over what tells a row from others: 128 bits, so that no two
// rows of a day will ever have the same.
func rowKey(id, item string, ts events.Time) (key [keySize]byte) {
	b := binary.AppendUvarint(make([]byte, 0, 64), uint64(len(id)))
	b = append(append(b, id...), item...)
	b = binary.BigEndian.AppendUint64(b, uint64(ts))
	sum := sha256.Sum256(b)
	return [keySize]byte(sum[:])
}

// Rows implements batch.Sink.
func (s *labelCells) Rows(rows *gathered.Rows) error {
	for _, r := range rows.List {
		if err := s.add(r.Request, r.Row); err != nil {
			return err
		}
	}
	return nil
}

// add keeps the cells of a row.
func (s *labelCells) add(req *events.Request, row *joiner.Row) error {
	name := tablelog.DayName(req.TS)
	d := s.days[name]
	if d == nil {
		d = &cellDay{path: filepath.Join(s.dir, name)}
		s.days[name] = d
	}
	item := ""
	if row.Item >= 0 {
		item = req.Items[row.Item].ID
	}
	key := rowKey(req.ID, item, req.TS.Microsecond())
	d.buffer = append(d.buffer, key[:]...)
	incomplete := false
	for _, i := range s.labels {
		c := &row.Cells[i]
		null := byte(0)
		if c.Null {
			null = 1
		}
		incomplete = incomplete || c.Null && row.Reason == joiner.ReasonIncomplete
		d.buffer = append(d.buffer, null)
		d.buffer = binary.LittleEndian.AppendUint64(d.buffer, math.Float64bits(c.Value))
		d.buffer = binary.LittleEndian.AppendUint64(d.buffer, uint64(c.TS))
	}
	if d.rows++; incomplete {
		d.incomplete++
	}
	s.rows++
	if len(d.buffer) < bufferBytes {
		return nil
	}
	return s.flush(d)
}

// flush writes what is in memory of a day.
func (s *labelCells) flush(d *cellDay) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(d.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(d.buffer)
	d.buffer = d.buffer[:0]
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// DeadLetter implements batch.Sink: the dead letters of an output are those of its commits.
func (s *labelCells) DeadLetter(*events.DeadLetter) error { return nil }

// Tallies reports how many rows were given.
func (s *labelCells) Tallies() (rows, unfit int64) { return s.rows, 0 }

// Abort does nothing: the folder is removed with the rest of the scratch.
func (s *labelCells) Abort() {}

// Leave leaves nothing.
func (s *labelCells) Leave() (files int, rows int64) { return 0, 0 }

// Reused is 0.
func (s *labelCells) Reused() int { return 0 }

// loadedCells are the cells of a day, in memory.
type loadedCells struct {
	labels  int
	records []byte // of the rows, without their keys
	at      map[[keySize]byte]uint32
	used    []bool
}

// load reads the cells of a day.
func (s *labelCells) load(day string) (*loadedCells, error) {
	d := s.days[day]
	if err := s.flush(d); err != nil {
		return nil, err
	}
	size := keySize + len(s.labels)*cellSize
	const each = 48 // bytes that a row takes in a map
	if need := d.rows * int64(size+each); need > s.memory {
		return nil, fmt.Errorf("the labels of %s of %s take %s of memory: give --memory as much", events.Count(d.rows, "row"), day,
			config.Size(need))
	}
	f, err := os.Open(d.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l := &loadedCells{labels: len(s.labels), at: make(map[[keySize]byte]uint32, d.rows), used: make([]bool, d.rows),
		records: make([]byte, 0, d.rows*int64(size-keySize))}
	record, in := make([]byte, size), bufio.NewReaderSize(f, 1<<20)
	for n := range d.rows {
		if _, err := io.ReadFull(in, record); err != nil {
			return nil, fmt.Errorf("read %s: %w", d.path, err)
		}
		l.at[[keySize]byte(record)] = uint32(n)
		l.records = append(l.records, record[keySize:]...)
	}
	return l, nil
}

// cells are those of a row; nil: it is not known.
func (l *loadedCells) cells(row *rowfile.Stored) []joiner.Cell {
	n, ok := l.at[rowKey(row.RequestID, row.ItemID, row.RequestTS)]
	if !ok {
		return nil
	}
	l.used[n] = true
	return l.record(int(n))
}

// record are the cells of a row by its number.
func (l *loadedCells) record(n int) []joiner.Cell {
	cells := make([]joiner.Cell, l.labels)
	for i := range cells {
		b := l.records[(n*l.labels+i)*cellSize:]
		cells[i] = joiner.Cell{Null: b[0] == 1, Value: math.Float64frombits(binary.LittleEndian.Uint64(b[1:])),
			TS: events.Time(binary.LittleEndian.Uint64(b[9:]))}
	}
	return cells
}

// leftOut counts the rows with an outcome that no row of the table has taken.
func (l *loadedCells) leftOut() (n int64) {
	for i, used := range l.used {
		if !used && slices.ContainsFunc(l.record(i), func(c joiner.Cell) bool { return c.TS != events.MinTime }) {
			n++
		}
	}
	return n
}

// commitLabels writes the labels over the days that have rows and are wanted.
func (r *Replay) commitLabels(ctx context.Context, to *target, p *report) (err error) {
	defer to.relabel.Abort() // nothing, once it is committed
	from, before := "", ""
	if r.From != events.MinTime {
		from = tablelog.DayName(r.From)
	}
	if r.To != events.MaxTime {
		before = tablelog.DayName(r.To)
	}
	days, err := to.relabel.Days(from, before)
	if err != nil {
		return err
	}
	for _, day := range days {
		d := to.cells.days[day]
		if d == nil {
			continue // nothing is known of it
		}
		if d.incomplete > 0 && !r.Trusted {
			return incompleteDay(d.incomplete, d.rows, day)
		}
		if err := r.labelDay(ctx, to, day, p); err != nil {
			return err
		}
	}
	p.Replaced, err = to.relabel.Commit()
	if tablelog.NotMade(err) {
		return fmt.Errorf("%w; the days are as they were", err)
	}
	return err
}

// labelDay writes the labels over a day. Too many rows without a request are a log of another time.
func (r *Replay) labelDay(ctx context.Context, to *target, day string, p *report) error {
	known, err := to.cells.load(day)
	if err != nil {
		return err
	}
	rows, unknown := int64(0), int64(0)
	err = to.relabel.Day(ctx, day, func(row *rowfile.Stored) []joiner.Cell {
		if row.Reason == joiner.ReasonWithdrawn.String() {
			return nil // there is no such row
		}
		cells := known.cells(row)
		if rows++; cells == nil {
			unknown++
		}
		return cells
	})
	if err != nil {
		return err
	}
	p.Unknown += unknown
	p.LeftOut += known.leftOut()
	if float64(unknown) > r.MaxRejected*float64(rows) && !r.Trusted {
		return &EvidenceError{fmt.Sprintf("%d of %d rows of %s are of no request in the logs, so their labels would be null: "+
			"give all logs of that day, or leave it out with --from and --to; --trust-logs goes on all the same", unknown, rows, day)}
	}
	return nil
}
