package systemtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// outputManifest is what a stranger to the program reads of a manifest.
type outputManifest struct {
	Number   uint64
	Nonce    string
	Previous string `json:"prev_manifest_sha256"`
	Ledger   struct {
		Request, Outcome outputTally
		Rows             int64
	}
	Files       []outputFile
	DeadLetters *outputFile
}

type outputTally struct {
	Read, Pending int64
	Disposed      map[string]int64
}

func (t *outputTally) balanced() bool {
	sum := t.Pending
	for _, n := range t.Disposed {
		sum += n
	}
	return sum == t.Read && t.Pending >= 0
}

type outputFile struct {
	Path        string
	Rows, Lines int64
	SHA256      string
}

// outputRow is a row as it stands in a file.
type outputRow struct {
	enginetest.Key
	enginetest.Row
	revision uint32
	reason   string
	kept     []events.Value // of the columns that labels keep, in their order
}

// writtenOutput is a whole output as another program reads it.
type writtenOutput struct {
	hashes    []string // of the manifests
	manifests []outputManifest
	rows      []outputRow // in order of commits and files
	letters   []outputLetter
}

type outputLetter struct {
	Input string
	Seq   uint64
	Index uint32
}

// readOutput reads an output through its manifests, and holds what lies in its
// directories against what they name.
func (w *crashWorld) readOutput(fsys vfs.FS) (*writtenOutput, error) {
	out := &writtenOutput{}
	names, err := listFiles(fsys, crashOutput+"/_commits/p0000")
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, name := range names {
		if path.Base(name) == "LOCK" {
			continue
		}
		if err := w.readCommit(fsys, out, name, named); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, dir := range []string{"data", "deadletter", "_staging"} {
		files, err := listFiles(fsys, crashOutput+"/"+dir)
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			if !named[name] {
				return nil, fmt.Errorf("%s is there and in no manifest", name)
			}
		}
	}
	return out, nil
}

func (w *crashWorld) readCommit(fsys vfs.FS, out *writtenOutput, name string, named map[string]bool) error {
	text, err := readMemFile(fsys, name)
	if err != nil {
		return err
	}
	var m outputManifest
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	k := uint64(len(out.manifests)) + 1
	previous := ""
	if k > 1 {
		previous = out.hashes[k-2]
	}
	if want := fmt.Sprintf("%020d.json", k); m.Number != k || path.Base(name) != want || m.Previous != previous {
		return fmt.Errorf("commit %d after %q, want %d after %q", m.Number, m.Previous, k, previous)
	}
	out.manifests, out.hashes = append(out.manifests, m), append(out.hashes, sha256Hex(text))
	for _, f := range m.Files {
		named[crashOutput+"/"+f.Path] = true
		text, err := readCommitted(fsys, f)
		if err != nil {
			return err
		}
		rows, err := w.readRowFile(text)
		if err != nil || int64(len(rows)) != f.Rows {
			return fmt.Errorf("%s has %d rows of %d: %w", f.Path, len(rows), f.Rows, err)
		}
		out.rows = append(out.rows, rows...)
	}
	if !m.Ledger.Request.balanced() || !m.Ledger.Outcome.balanced() || m.Ledger.Rows != int64(len(out.rows)) {
		return fmt.Errorf("the books do not balance: %+v, and there are %d rows", m.Ledger, len(out.rows))
	}
	if m.DeadLetters == nil {
		return nil
	}
	named[crashOutput+"/"+m.DeadLetters.Path] = true
	text, err = readCommitted(fsys, *m.DeadLetters)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
		var l outputLetter
		if err := json.Unmarshal(line, &l); err != nil {
			return err
		}
		out.letters = append(out.letters, l)
	}
	return nil
}

// readCommitted reads a file of a commit and checks that it is the one.
func readCommitted(fsys vfs.FS, f outputFile) ([]byte, error) {
	text, err := readMemFile(fsys, crashOutput+"/"+f.Path)
	if err == nil && sha256Hex(text) != f.SHA256 {
		err = fmt.Errorf("%s is not the file that was committed", f.Path)
	}
	return text, err
}

func sha256Hex(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func readMemFile(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// listFiles lists the files below a directory, sorted. One that is missing is
// empty.
func listFiles(fsys vfs.FS, dir string) ([]string, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	slices.Sort(names)
	var files []string
	for _, name := range names {
		name = path.Join(dir, name)
		info, err := fsys.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, name)
			continue
		}
		below, err := listFiles(fsys, name)
		if err != nil {
			return nil, err
		}
		files = append(files, below...)
	}
	return files, err
}

// readRowFile reads the columns of a Parquet file that the join decides.
func (w *crashWorld) readRowFile(text []byte) ([]outputRow, error) {
	file, err := parquet.OpenFile(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, err
	}
	set := w.columns(file.Schema())
	var rows []outputRow
	for _, group := range file.RowGroups() {
		reader := group.Rows()
		buffer := make([]parquet.Row, 16)
		for err == nil {
			var n int
			n, err = reader.ReadRows(buffer)
			for _, values := range buffer[:n] {
				rows = append(rows, w.outputRow(file.Schema(), set, values))
			}
		}
		if !errors.Is(err, io.EOF) {
			return nil, errors.Join(err, reader.Close())
		}
		if err = reader.Close(); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// outputRow is one row. Columns that the join does not decide come from its request.
func (w *crashWorld) outputRow(schema *parquet.Schema, set map[int]func(*outputRow, parquet.Value), values parquet.Row) outputRow {
	row := outputRow{Row: enginetest.Row{Weight: 1, Cells: make([]joiner.Cell, len(w.History.Rules.Labels))}}
	var others []string
	for _, l := range w.History.Rules.Labels {
		row.kept = append(row.kept, make([]events.Value, len(l.Columns))...)
	}
	for _, v := range values {
		switch f := set[v.Column()]; {
		case f != nil:
			f(&row, v)
		case !v.IsNull():
			others = append(others, strings.Join(schema.Columns()[v.Column()], ".")+"="+v.String())
		}
	}
	slices.Sort(others)
	row.Columns = strings.Join(others, " ")
	row.Extra = enginetest.Extra(&w.History.Rules, row.kept)
	return row
}

// columns says what to do with the value of each column.
func (w *crashWorld) columns(schema *parquet.Schema) map[int]func(*outputRow, parquet.Value) {
	set := map[int]func(*outputRow, parquet.Value){}
	at := func(name string, f func(*outputRow, parquet.Value)) {
		if leaf, ok := schema.Lookup(name); ok {
			set[leaf.ColumnIndex] = f
		}
	}
	at("request_id", func(r *outputRow, v parquet.Value) { r.RequestID = string(v.ByteArray()) })
	at("item_id", func(r *outputRow, v parquet.Value) {
		if !v.IsNull() {
			r.ItemID = string(v.ByteArray())
		}
	})
	at("request_ts", func(r *outputRow, v parquet.Value) { r.TS = events.Time(v.Int64() * 1000) })
	at("revision", func(r *outputRow, v parquet.Value) { r.revision = uint32(v.Int32()) })
	at("reason", func(r *outputRow, v parquet.Value) { r.reason = string(v.ByteArray()) })
	at("weight", func(r *outputRow, v parquet.Value) { r.Weight = v.Double() })
	kept := 0
	for _, l := range w.History.Rules.Labels {
		for _, c := range l.Columns {
			n := kept
			at(c.Name, func(r *outputRow, v parquet.Value) { r.kept[n] = keptValue(v) })
			kept++
		}
	}
	for i, l := range w.History.Rules.Labels {
		at(l.Name, func(r *outputRow, v parquet.Value) {
			switch c := &r.Cells[i]; {
			case v.IsNull():
				c.Null = true
			case l.Agg.Integer():
				c.Value = float64(v.Int32())
			default:
				c.Value = v.Double()
			}
		})
		at(l.Name+"_ts", func(r *outputRow, v parquet.Value) {
			r.Cells[i].TS = events.MinTime
			if !v.IsNull() {
				r.Cells[i].TS = events.Time(v.Int64() * 1000)
			}
		})
	}
	return set
}

// keptValue is the value of a column that a label keeps.
func keptValue(v parquet.Value) events.Value {
	switch v.Kind() {
	case parquet.Boolean:
		value := events.Value{Kind: events.ValueBool}
		if v.Boolean() {
			value.Int = 1
		}
		return value
	case parquet.Int32:
		return events.Value{Kind: events.ValueInt, Int: int64(v.Int32())}
	case parquet.Double:
		return events.Value{Kind: events.ValueDouble, Float: v.Double()}
	case parquet.ByteArray:
		return events.Value{Kind: events.ValueString, Str: string(v.ByteArray())}
	}
	return events.Value{}
}

// reasonOf is the reason that is written so; one beyond all for a text that is none.
func reasonOf(text string) joiner.Reason {
	reason := joiner.ReasonClosed
	for ; reason < joiner.Reasons && reason.String() != text; reason++ {
	}
	return reason
}

// check holds a finished output against the history: nothing lost, nothing
// doubled, nothing unreadable, and no commit undone that had been made.
func (w *crashWorld) check(fsys vfs.FS, acked []joiner.Receipt) error {
	out, err := w.readOutput(fsys)
	if err != nil {
		return err
	}
	for _, r := range acked {
		if r.Number > uint64(len(out.hashes)) || out.hashes[r.Number-1] != r.Hash {
			return fmt.Errorf("commit %d had been made, and is gone or another", r.Number)
		}
	}
	return errors.Join(w.checkRows(out), w.checkLetters(out))
}

func (w *crashWorld) checkRows(out *writtenOutput) error {
	var errs []error
	latest := map[enginetest.Key]*enginetest.Written{}
	for i := range out.rows {
		r := &out.rows[i]
		due := uint32(0)
		if before := latest[r.Key]; before != nil {
			due = before.Revision + 1
		}
		if r.revision != due {
			errs = append(errs, fmt.Errorf("%q: revision %d (%s) is written where %d was due", r.Key, r.revision, r.reason, due))
		}
		if late := r.revision > 0 || r.reason != "closed"; late && w.shape.Timely && !w.shape.Early && !w.gapped {
			errs = append(errs, fmt.Errorf("%q: revision %d (%s), and nothing came late", r.Key, r.revision, r.reason))
		}
		latest[r.Key] = &enginetest.Written{Row: r.Row, Revision: r.revision, Reason: reasonOf(r.reason)}
	}
	return errors.Join(append(errs, w.answer.Check(latest, events.Time.Microsecond))...)
}

// checkBooks holds the ledger against the set of events, and where all of them
// came in time, against what must have become of each.
func (w *crashWorld) checkBooks(books *joiner.Ledger) error {
	for kind, got := range books.Kinds {
		read, want := int64(0), w.answer.Disposed[kind]
		for _, n := range want {
			read += n
		}
		if got.Read != read || got.Pending != 0 || !got.Balanced() {
			return fmt.Errorf("%v events: %+v, want %d of them read and none pending", events.Kind(kind), got, read)
		}
		got.Disposed = w.answer.Comparable(events.Kind(kind), got.Disposed)
		if w.shape.Timely && got.Disposed != want && !w.countedAgain(events.Kind(kind), &got.Disposed, &want) {
			return fmt.Errorf("%v dispositions: %v, want %v", events.Kind(kind), got.Disposed, want)
		}
	}
	return nil
}

// countedAgain reports whether dispositions of outcomes differ by as many as the joiner says wait again after
// a lost state, and were counted before: SEMANTICS.md says that another may be taken for one of them.
func (w *crashWorld) countedAgain(kind events.Kind, got, want *[joiner.Dispositions]int64) bool {
	moved := int64(0)
	for d := range got {
		moved += max(0, got[d]-want[d])
	}
	return kind == events.KindOutcome && moved <= w.again.Load()
}

func (w *crashWorld) checkLetters(out *writtenOutput) error {
	want := int64(0)
	for _, d := range w.answer.Disposed {
		want += d[joiner.DispositionRejected] + d[joiner.DispositionQuarantined]
	}
	seen := map[outputLetter]bool{}
	for _, l := range out.letters {
		if seen[l] {
			return fmt.Errorf("dead letter %+v is there twice", l)
		}
		seen[l] = true
	}
	if int64(len(seen)) != want {
		return fmt.Errorf("%d dead letters, want %d", len(seen), want)
	}
	return nil
}
