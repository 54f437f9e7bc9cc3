package tablelog

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
)

// table is a checkpoint: the state of the table after an operation, with a list of
// live files for each day in an object of its own. A list is written anew only if its
// day changed.
type table struct {
	ref  TableRef
	days map[string]*dayList
}

// dayList is a day's list of live files.
type dayList struct {
	Day
	TableRef
}

// tableIndex is a table checkpoint as it stands in _table/.
type tableIndex struct {
	Format     int        `json:"format"`
	Name       string     `json:"name"`
	Partition  int        `json:"partition"`
	Partitions int        `json:"partitions"`
	Number     uint64     `json:"number"` // of the operation that it is the state after
	Hash       string     `json:"manifest_sha256"`
	Begins     uint64     `json:"begins"`
	Began      []position `json:"began"`
	// The newest commit of the joiner; absent if there is none.
	Receipt string     `json:"commit_manifest_sha256,omitzero"`
	Nonce   string     `json:"nonce,omitzero"`
	Append  *commit    `json:",embed"`
	Days    []tableDay `json:"days"`
	// The columns of the table; absent where no manifest has any.
	Schema []SchemaColumn `json:"schema,omitzero"`
}

type tableDay struct {
	Day    string `json:"day"`
	Files  int    `json:"files"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// tableList is the list of a day's live files as it stands in _table/.
type tableList struct {
	Format  int        `json:"format"`
	Day     string     `json:"day"`
	Schemas [][]Column `json:"schemas"`
	Files   []file     `json:"files"`
}

// tableDir is where the table checkpoints of a partition are.
func tableDir(p int) string { return path.Join(TableDir, PartitionName(p)) }

// tableName begins the names of what is written for the checkpoint that operation n
// names. The token tells two attempts apart.
func tableName(p int, n uint64, token string) string {
	return path.Join(tableDir(p), fmt.Sprintf("%020d-%s", n, token))
}

// tableNumber is the number in the name of a checkpoint or of a day's list.
func tableNumber(name string) (n uint64, isList, ok bool) {
	base, ok := strings.CutSuffix(name, ManifestSuffix)
	digits, rest, cut := strings.Cut(base, "-")
	if !ok || !cut {
		return 0, false, false
	}
	n, ok = number(digits)
	return n, strings.Contains(rest, "-"+DayPrefix), ok
}

// stateFromTable reads the newest checkpoint and the operations from there on; nil if
// there is no checkpoint. fs.ErrNotExist says that it was replaced meanwhile.
func (l *Log) stateFromTable() (*State, error) {
	at, err := l.newestTable()
	if err != nil || at == nil {
		return nil, err
	}
	s, err := l.loadTable(at)
	if err != nil {
		return nil, err
	}
	if s.Number+1 != at.Number || s.Hash != at.Parent {
		return nil, l.chainError(at.Number, fmt.Sprintf("its checkpoint %s is of another operation than the one before",
			at.Table.Path))
	}
	if err := s.apply(at); err != nil {
		return nil, err
	}
	for last := at; ; {
		op, err := l.Read(last.Number + 1)
		if errors.Is(err, fs.ErrNotExist) {
			return s, l.noHole(last.Number + 1)
		}
		if err != nil {
			return nil, err
		}
		if op.Parent != last.Hash {
			return nil, l.chainError(op.Number, fmt.Sprintf("it follows a manifest with hash %q, but the one before it has %q",
				op.Parent, last.Hash))
		}
		if err := s.apply(op); err != nil {
			return nil, err
		}
		last = op
	}
}

// newestTable is the newest operation that names a checkpoint; nil if there is none.
func (l *Log) newestTable() (*Operation, error) {
	names, err := l.bucket.List(tableDir(l.partition))
	if err != nil {
		return nil, fmt.Errorf("list the table checkpoints: %w", err)
	}
	slices.Sort(names)
	for _, name := range slices.Backward(names) {
		n, isList, ok := tableNumber(name)
		if !ok || isList {
			continue
		}
		op, err := l.Read(n)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the process died before it made the operation
		}
		if err != nil {
			return nil, err
		}
		if op.Table != nil && path.Base(op.Table.Path) == name {
			return op, nil
		}
	}
	return nil, nil
}

// holeSpan is how many manifests after the newest are looked for: a newer one says
// that one between is missing.
const holeSpan = 8

// noHole returns an error if a manifest after n, which is missing, is there.
func (l *Log) noHole(n uint64) error {
	for k := n + 1; k <= n+holeSpan; k++ {
		r, err := l.bucket.Open(ManifestPath(l.partition, k))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		_ = r.Close()
		// It may have been made while this looked.
		if r, err := l.bucket.Open(ManifestPath(l.partition, n)); err == nil {
			return r.Close()
		}
		return l.chainError(n, fmt.Sprintf("it is missing, while manifest %d is there", k))
	}
	return nil
}

// readChecked reads an object of the table and compares its hash.
func (l *Log) readChecked(ref TableRef, into any) error {
	data, err := ReadObject(l.bucket, ref.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && HashOf(data) != ref.SHA256 {
		err = errors.New("it is not what was written")
	}
	if err == nil {
		err = json.Unmarshal(data, into, json.RejectUnknownMembers(true))
	}
	if err != nil {
		return &ChainError{Dir: l.dir, Path: ref.Path, Reason: err.Error()}
	}
	return nil
}

// loadTable reads the checkpoint that an operation names.
func (l *Log) loadTable(op *Operation) (*State, error) {
	var index tableIndex
	if err := l.readChecked(*op.Table, &index); err != nil {
		return nil, err
	}
	if index.Format < formatTwo || index.Format > Format {
		return nil, &ChainError{Dir: l.dir, Path: op.Table.Path,
			Reason: fmt.Sprintf("its format is %d, this version of labeljoin reads %d and %d", index.Format, formatTwo, Format)}
	}
	s := newState(l)
	s.Name, s.Partition, s.Partitions = index.Name, index.Partition, index.Partitions
	s.Number, s.Hash, s.Begins, s.Began = index.Number, index.Hash, index.Begins, fromPositions(index.Began)
	if c := index.Append; c != nil {
		if err := c.check(); err != nil {
			return nil, &ChainError{Dir: l.dir, Path: op.Table.Path, Reason: err.Error()}
		}
		s.Last = c.cut(index.Nonce)
		s.Receipt = joiner.Receipt{Number: c.Commit, Hash: index.Receipt}
	}
	if err := checkSchema(index.Schema, s.Receipt.Number); err != nil {
		return nil, &ChainError{Dir: l.dir, Path: op.Table.Path, Reason: err.Error()}
	}
	s.schema = schemaMap(nil).with(index.Schema, s.Receipt.Number)
	s.base = &table{ref: *op.Table, days: map[string]*dayList{}}
	for _, d := range index.Days {
		s.base.days[d.Day] = &dayList{
			Day:      Day{Name: d.Day, Files: d.Files, Rows: d.Rows, Bytes: d.Bytes},
			TableRef: TableRef{Path: d.Path, SHA256: d.SHA256},
		}
	}
	return s, nil
}

// files reads a day's list.
func (t *table) files(l *Log, day string, pool *schemas) ([]File, error) {
	d := t.days[day]
	if d == nil {
		return nil, nil
	}
	var list tableList
	if err := l.readChecked(d.TableRef, &list); err != nil {
		return nil, err
	}
	for i := range list.Schemas {
		list.Schemas[i] = pool.intern(list.Schemas[i])
	}
	out := make([]File, 0, len(list.Files))
	for i := range list.Files {
		f := &list.Files[i]
		if err := f.check(); err != nil {
			return nil, &ChainError{Dir: l.dir, Path: d.Path, Reason: err.Error()}
		}
		to := f.file()
		if f.Schema != nil && *f.Schema >= 0 && *f.Schema < len(list.Schemas) {
			to.Columns = list.Schemas[*f.Schema]
		}
		out = append(out, to)
	}
	return out, nil
}

// listOf is the list of a day's files as it is written.
func listOf(day string, files []File) *tableList {
	list := &tableList{Format: formatTwo, Day: day, Schemas: [][]Column{}, Files: []file{}}
	known := map[*Column]int{} // intern made equal lists one
	for i := range files {
		f := fileOf(&files[i])
		f.Operation = files[i].Operation
		if len(f.Columns) > 0 {
			at, ok := known[&f.Columns[0]]
			if !ok {
				at = len(list.Schemas)
				known[&f.Columns[0]] = at
				list.Schemas = append(list.Schemas, f.Columns)
			}
			f.Columns, f.Schema = nil, &at
		}
		list.Files = append(list.Files, f)
	}
	return list
}

// write makes a checkpoint of the state, for the operation of that number to name, and
// returns what it consists of. Lists of days that did not change are those of the
// checkpoint before.
func (s *State) write(b bucket.Bucket, n uint64, token string) (*table, error) {
	t := &table{days: map[string]*dayList{}}
	if s.base != nil {
		maps.Copy(t.days, s.base.days)
	}
	base := tableName(s.Partition, n, token)
	for _, day := range slices.Sorted(maps.Keys(s.since)) {
		files, err := s.Files(day)
		if err != nil {
			return nil, err
		}
		delete(t.days, day)
		if len(files) == 0 {
			continue
		}
		ref, err := createJSON(b, base+"-"+DayPrefix+day+ManifestSuffix, listOf(day, files))
		if err != nil {
			return nil, err
		}
		t.days[day] = &dayList{Day: dayOf(day, files), TableRef: *ref}
	}
	ref, err := createJSON(b, base+ManifestSuffix, s.index(t))
	if err != nil {
		return nil, err
	}
	t.ref = *ref
	return t, nil
}

// index is the checkpoint as it is written.
func (s *State) index(t *table) *tableIndex {
	index := &tableIndex{
		Format: formatOf(len(s.schema)), Name: s.Name, Partition: s.Partition, Partitions: s.Partitions,
		Number: s.Number, Hash: s.Hash, Begins: s.Begins, Began: toPositions(s.Began), Days: []tableDay{},
		Schema: s.schema.list(),
	}
	if s.Last != nil {
		index.Append, index.Nonce, index.Receipt = commitOf(s.Last), s.Last.Nonce, s.Receipt.Hash
	}
	for _, name := range slices.Sorted(maps.Keys(t.days)) {
		d := t.days[name]
		index.Days = append(index.Days, tableDay{Day: name, Files: d.Files, Rows: d.Rows, Bytes: d.Bytes, Path: d.Path,
			SHA256: d.SHA256})
	}
	return index
}

func createJSON(b bucket.Bucket, name string, v any) (*TableRef, error) {
	data, err := encodeJSON(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", name, err)
	}
	if err := b.CreateIfAbsent(name, data); err != nil {
		return nil, fmt.Errorf("write the table checkpoint: %w", err)
	}
	return &TableRef{Path: name, SHA256: HashOf(data)}, nil
}
