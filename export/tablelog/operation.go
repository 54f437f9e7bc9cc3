package tablelog

import (
	"path"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
)

// Kind says what an operation does with the table.
type Kind uint8

// The kinds of operations.
const (
	// KindAppend is a commit of the joiner: it adds rows, and has its checkpoint.
	KindAppend Kind = iota + 1
	// KindReplace removes files and adds files that stand for them.
	KindReplace
	// KindDelete removes files.
	KindDelete
)

// String is the kind as it stands in a manifest.
func (k Kind) String() string {
	switch k {
	case KindAppend:
		return "append"
	case KindReplace:
		return "replace"
	case KindDelete:
		return "delete"
	}
	return "unknown"
}

// Operation is one operation on the table of rows, as its manifest has it.
type Operation struct {
	Format     int    // version of the manifest's format: 1, 2, 3 where it has a schema, 4 where a replace has
	Name       string // of the joiner
	Partition  int
	Partitions int
	Number     uint64 // of the operation, from 1, without holes
	Kind       Kind
	Nonce      string // tells two attempts at the same number apart
	Parent     string // SHA-256 of the manifest before, hex; empty in the first
	Hash       string // SHA-256 of this manifest, hex; empty before it is encoded
	// Cause is what made an operation that is no append: "compact", "retain",
	// "replay". Empty in an append.
	Cause string
	// Commit is what the joiner committed; nil in an operation that is no append.
	Commit *joiner.Cut
	// Added are the files that the operation puts into the table.
	Added []File
	// Removed are the paths of the files that it takes out.
	Removed []string
	// DeadLetters is the file of events that the commit rejected; nil if there are none.
	DeadLetters *DeadLetters
	// Schema is what an append or a replace brings to the columns of the table, or changes of
	// them.
	Schema []SchemaColumn
	// Summary counts what was added and removed.
	Summary Summary
	// Statistics is what Options.Statistics of the output gave for the commit, a JSON
	// value; nil if there is none.
	Statistics jsontext.Value
	// Table names a checkpoint of the table as it was before this operation; nil in
	// most operations.
	Table *TableRef
	// Begins is the number of the first operation whose manifest is kept, where this
	// operation ended those before it; else 0.
	Begins uint64
}

// Summary counts what an operation did.
type Summary struct {
	FilesAdded   int64 `json:"files_added"`
	RowsAdded    int64 `json:"rows_added"`
	BytesAdded   int64 `json:"bytes_added"`
	FilesRemoved int64 `json:"files_removed"`
	RowsRemoved  int64 `json:"rows_removed"`
	BytesRemoved int64 `json:"bytes_removed"`
}

// TableRef names a table checkpoint.
type TableRef struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// File is one Parquet file of the table.
type File struct {
	Path string // below the output directory
	// Staging is where the file is until it is published under Path; empty where
	// files are stored under their final name at once.
	Staging                    string
	Rows, Bytes                int64
	SHA256                     string // of the bytes, hex
	RowsHash                   string // of names, types and values, hex
	MinRequestTS, MaxRequestTS events.Time
	MaxRevision                uint32
	Early                      int64 // rows with the reason early
	// Columns are left out (nil) where a commit has very many; the file has them.
	Columns []Column
	// FirstCommit and LastCommit are the first and the last commit of the joiner that
	// rows of the file come from: the same one, unless files were merged.
	FirstCommit, LastCommit uint64
	RulesHash               string // of the configuration that decided the rows
	Operation               uint64 // the number of the operation that added the file
}

// Day is the UTC day of the file's requests, like "2026-11-22".
func (f *File) Day() string { return DayOf(f.Path) }

// DayOf is the day in the path of a data file, like "2026-11-22".
func DayOf(name string) string { return strings.TrimPrefix(path.Base(path.Dir(name)), DayPrefix) }

// Column is a column of a file. Types are those of FORMAT.md.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// DeadLetters is a file of rejected and quarantined events.
type DeadLetters struct {
	Path    string
	Staging string // as in File
	Lines   int64
	Bytes   int64
	SHA256  string
}

// Sink is told of every row that a commit writes, and gives what the commit's
// manifest carries as its statistics. An Output makes one for each commit, and
// uses it from one goroutine, but for File: that may be called from another, one
// file at a time.
type Sink interface {
	// Row is told of a row. Request and row are only read during the call.
	Row(req *events.Request, row *joiner.Row)
	// File is told of the rows of each file, once all are there. They are only read during the call, and may be
	// encoded meanwhile.
	File(rows *rowfile.Builder)
	// Statistics ends the commit, which is cut as it says. It returns a JSON value of at most MaxStatistics
	// bytes, or nil if there is nothing to keep.
	Statistics(cut *joiner.Cut) (jsontext.Value, error)
}

// MaxStatistics bounds the statistics of one commit, in bytes.
const MaxStatistics = 1 << 20

// summarize counts what an operation adds. What it removes is counted by its maker,
// who knows the files.
func (o *Operation) summarize() {
	s := &o.Summary
	s.FilesAdded, s.RowsAdded, s.BytesAdded = int64(len(o.Added)), 0, 0
	for i := range o.Added {
		s.RowsAdded += o.Added[i].Rows
		s.BytesAdded += o.Added[i].Bytes
	}
	s.FilesRemoved = int64(len(o.Removed))
}

// Artifact is a file that an operation added, of whatever kind.
type Artifact struct {
	Path, Staging string // as in File
	Bytes         int64
	SHA256        string
}

// Artifacts lists the data files and the dead letters that an operation added.
func (o *Operation) Artifacts() []Artifact {
	var out []Artifact
	for i := range o.Added {
		out = append(out, o.Added[i].Artifact())
	}
	if d := o.DeadLetters; d != nil {
		out = append(out, Artifact{Path: d.Path, Staging: d.Staging, Bytes: d.Bytes, SHA256: d.SHA256})
	}
	return out
}

// Unstage says of the files that the operation adds that they have their final names, and
// returns how they come there.
func (o *Operation) Unstage() []bucket.Move {
	var moves []bucket.Move
	for _, a := range o.Artifacts() {
		moves = append(moves, bucket.Move{From: a.Staging, To: a.Path})
	}
	for i := range o.Added {
		o.Added[i].Staging = ""
	}
	if o.DeadLetters != nil {
		o.DeadLetters.Staging = ""
	}
	return moves
}

// Artifact is the file without what is known of its rows.
func (f *File) Artifact() Artifact {
	return Artifact{Path: f.Path, Staging: f.Staging, Bytes: f.Bytes, SHA256: f.SHA256}
}
