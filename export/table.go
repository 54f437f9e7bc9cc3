package export

import (
	"cmp"
	"slices"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// Table is the set of live files of an output: what commits added and no later operation
// removed.
type Table struct {
	Name     string     // of the joiner
	Last     joiner.Cut // the newest commit; Number is 0 if there is none
	LastHash string     // SHA-256 of its manifest
	// State is the table as the log has it, with the newest operation and the days.
	State *tablelog.State
	Files []TableFile

	gaps *Gaps // that are declared; nil: the table was made by hand
}

// TableFile is a file of the table.
type TableFile struct {
	tablelog.File
	// Columns are all columns, and Features those that are features. Both are nil where
	// a commit has too many columns to list.
	Columns, Features []rowfile.Column
}

// Table reads which files are live, those of older commits first.
func (a *Archive) Table() (*Table, error) {
	state, err := a.log.State()
	if err != nil {
		return nil, err
	}
	t := &Table{Name: state.Name, LastHash: state.Receipt.Hash, State: state, gaps: OpenGaps(a.bucket)}
	if state.Last != nil {
		t.Last = *state.Last
	}
	for f, err := range state.AllFiles("", "") {
		if err != nil {
			return nil, err
		}
		to := TableFile{File: f}
		if to.Columns, err = columnsOf(f.Columns); err != nil {
			return nil, &ChainError{Dir: a.dir, Path: tablelog.ManifestPath(a.partition, f.Operation), Reason: err.Error()}
		}
		if to.Features, err = columnsOf(featuresOf(f.Columns)); err != nil {
			return nil, err
		}
		t.Files = append(t.Files, to)
	}
	slices.SortStableFunc(t.Files, func(x, y TableFile) int { return cmp.Compare(x.FirstCommit, y.FirstCommit) })
	return t, nil
}

func columnsOf(columns []tablelog.Column) ([]rowfile.Column, error) {
	var out []rowfile.Column
	for _, c := range columns {
		t, err := rowfile.ParseColumnType(c.Type)
		if err != nil {
			return nil, err
		}
		out = append(out, rowfile.Column{Name: c.Name, Type: t})
	}
	return out, nil
}

// ReadFile opens a file of the table, once its bytes are known to be those that were
// committed. One that was deleted gives fs.ErrNotExist, one that was changed a
// *MissingFileError.
func (a *Archive) ReadFile(f *TableFile) (bucket.Reader, error) {
	r, err := a.log.OpenFile(f.Artifact())
	if err != nil {
		return nil, err
	}
	if err := checkReader(r, f.Bytes, f.SHA256); err != nil {
		_ = r.Close() // the error that matters is the first
		return nil, &MissingFileError{Dir: a.dir, Path: f.Path, Number: f.LastCommit, Reason: err.Error()}
	}
	return r, nil
}
