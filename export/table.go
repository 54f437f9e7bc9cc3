package export

import (
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
)

// Table is the set of files that an output's commits have made.
type Table struct {
	Name     string     // of the joiner
	Last     joiner.Cut // the newest commit; Number is 0 if there is none
	LastHash string     // SHA-256 of its manifest
	Files    []TableFile
}

// TableFile is a file of the table.
type TableFile struct {
	File
	SHA256 string
	// Columns are all columns, and Features those that are features. Both are nil where
	// a commit has too many columns to list.
	Columns, Features []rowfile.Column
	Commit            uint64 // that wrote it
	RulesHash         string // of the configuration that decided its rows
	staging           string
}

// Table reads the manifests.
func (a *Archive) Table() (*Table, error) {
	numbers, err := a.numbers()
	if err != nil {
		return nil, err
	}
	t := &Table{}
	for _, k := range numbers {
		m, data, err := a.manifest(k)
		if err != nil {
			return nil, err
		}
		t.Name, t.Last, t.LastHash = m.Name, m.cut(), hashOf(data)
		for i := range m.Files {
			f := &m.Files[i]
			to := TableFile{
				File: File{Path: f.Path, Rows: f.Rows, Bytes: f.Bytes, MaxRevision: f.MaxRevision,
					MinRequestTS: events.Time(f.MinRequestTS), MaxRequestTS: events.Time(f.MaxRequestTS)},
				SHA256: f.SHA256, Commit: k, RulesHash: m.RulesHash, staging: f.Staging,
			}
			if to.Columns, err = columnsOf(f.Columns); err != nil {
				return nil, &ChainError{Dir: a.dir, Path: manifestPath(a.partition, k), Reason: err.Error()}
			}
			if to.Features, err = columnsOf(featuresOf(f.Columns)); err != nil {
				return nil, err
			}
			t.Files = append(t.Files, to)
		}
	}
	return t, nil
}

func columnsOf(columns []column) ([]rowfile.Column, error) {
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
	r, err := a.open(f.Path, f.staging)
	if err != nil {
		return nil, err
	}
	if err := checkReader(r, f.Bytes, f.SHA256); err != nil {
		_ = r.Close() // the error that matters is the first
		return nil, &MissingFileError{Dir: a.dir, Path: f.Path, Number: f.Commit, Reason: err.Error()}
	}
	return r, nil
}
