package export

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// Feature declares the type of a feature's column: bool, int64, double, string
// or a list<...> of one of these. A declared column is in every file; a value
// that does not fit it is null and counted as unfit.
type Feature = rowfile.Feature

// Mode says which columns features may have besides the declared ones.
type Mode = rowfile.Mode

// The modes.
const (
	ModeEvolve   = rowfile.ModeEvolve   // every new feature gets a column
	ModeDeclared = rowfile.ModeDeclared // none
	ModeFrozen   = rowfile.ModeFrozen   // those that the table has
)

// ColumnClashError says that the configuration gives a feature a column that is
// taken, and how to part the two.
type ColumnClashError = rowfile.ColumnClashError

// LabelClashError says that a label's name is taken by another column.
type LabelClashError = rowfile.LabelClashError

// Options is what Open needs to know.
type Options struct {
	Bucket     bucket.Bucket // where data/, _commits/, _staging/ and deadletter/ are
	Name       string        // of the joiner; an output belongs to one
	Partition  int           // which partition's commits these are, from 0
	Partitions int           // how many there are; 0 means 1
	RulesHash  string        // goes into the files' metadata; empty: left out

	Labels []joiner.Label // only names, windows and aggregates are used
	// Stages are those of the rules: rows name the labels that are not final.
	Stages   []time.Duration
	Weight   bool // write the weight column: sampling is configured
	Features []Feature
	// Mode says which other columns features may have.
	Mode Mode
	// Rename gives features other columns, by "features.NAME", "items.NAME" or
	// the column they would have had. An empty value leaves a feature out.
	Rename map[string]string

	FileRows  int   // a file is finished at so many rows; 0 means 1,000,000
	FileBytes int64 // or when so many bytes are buffered; 0 means 128 MiB, at most 1 GiB

	// Behind lets a file be finished while rows of the next are added, and compresses it a
	// little better: for commits of many files. A commit holds twice FileBytes then.
	Behind bool

	// Keep lets the finished files of a commit that is not made stay for the next attempt at it, by
	// the same process or another, that gets the same rows and has the same Keep: see Stage.Leave.
	// Everything that makes other bytes of the same rows has to change it. It becomes a part of names:
	// letters and digits. Empty: nothing is kept.
	Keep string

	// CheckpointEvery is how many operations may follow a checkpoint of the table; 0
	// means tablelog.CheckpointEvery.
	CheckpointEvery int

	// Statistics makes, for each commit, what counts its rows for the manifest. Nil: the
	// manifests have no statistics.
	Statistics func() tablelog.Sink

	Log *slog.Logger // nil: discarded
}

// The defaults of Options, and the most that FileBytes may be: buffered texts
// are addressed with 32 bits.
const (
	DefaultFileRows  = 1_000_000
	DefaultFileBytes = 128 << 20
	maxFileBytes     = 1 << 30
)

// layout is what the options say of the columns of files, in a table with some columns.
func (o *Options) layout(known []rowfile.TableColumn) rowfile.Config {
	return rowfile.Config{
		Labels: o.Labels, Stages: o.Stages, Weight: o.Weight, Features: o.Features, Rename: o.Rename, Mode: o.Mode,
		Known: known, Many: o.Behind,
	}
}

// withDefaults checks the options and fills in what was left out.
func (o Options) withDefaults() (Options, error) {
	if o.Partitions == 0 {
		o.Partitions = 1
	}
	if o.CheckpointEvery == 0 {
		o.CheckpointEvery = tablelog.CheckpointEvery
	}
	if o.FileRows == 0 {
		o.FileRows = DefaultFileRows
	}
	if o.FileBytes == 0 {
		o.FileBytes = DefaultFileBytes
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.Bucket == nil:
		return o, errors.New("the output needs a place: set output.dir")
	case o.Name == "":
		return o, errors.New("the output needs the joiner's name: set name")
	case o.Partitions < 1 || o.Partitions > tablelog.MaxPartitions || o.Partition < 0 || o.Partition >= o.Partitions:
		return o, fmt.Errorf("partition %d of %d does not exist", o.Partition, o.Partitions)
	case o.FileRows < 1 || o.FileBytes < 1 || o.FileBytes > maxFileBytes:
		return o, fmt.Errorf("files of %d rows and %d bytes: rows must be at least 1, bytes 1 to %d", o.FileRows,
			o.FileBytes, maxFileBytes)
	}
	return o, nil
}

// The causes of operations that are no commits.
const (
	CauseCompact = "compact" // small files were merged into larger ones
	CauseRetain  = "retain"  // old days were ended
	CauseReplay  = "replay"  // days were computed again
)
