package shards

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
)

// Format is the kind of file that shards are.
type Format string

// The formats.
const (
	FormatParquet  Format = "parquet"
	FormatTFRecord Format = "tfrecord"
)

// SplitBy says what keeps rows in one split together.
type SplitBy string

// A split is a share of the requests, of the users, of the values of a column, or of
// the day's time.
const (
	SplitByRequest SplitBy = "request"
	SplitByUser    SplitBy = "user"
	SplitByColumn  SplitBy = "column"
	SplitByTime    SplitBy = "time"
)

// Splits says which rows are for evaluation and which for a test. All others are for
// training.
type Splits struct {
	By     SplitBy
	Column string // with SplitByColumn
	// Salt keeps the hashes of two ways to split apart. Exports with the same salt
	// agree on every row.
	Salt       string
	Eval, Test float64 // shares, from 0 to 1, together below 1
}

// Sampling says which negatives are kept.
type Sampling struct {
	// Negatives is the share of the requests whose negative rows are kept; 1 keeps all.
	Negatives float64
	// Label says which label makes a row positive; empty: any label.
	Label string
	// Models are the shares for the rows of some models, by name; all others have Negatives.
	Models map[string]float64
	// Labels are the shares of the negatives of some labels, by name; all others have Negatives.
	// Each label has a sample of its own then, and a weight. Without Label and Models.
	Labels map[string]float64
}

// check returns what is wrong with the shares.
func (s *Sampling) check() error {
	for _, rate := range s.rates() {
		if !(rate > 0 && rate <= 1) {
			return errors.New("a share of negatives is above 0 and at most 1")
		}
	}
	if len(s.Labels) > 0 && (s.Label != "" || len(s.Models) > 0) {
		return errors.New("shares of negatives by label go neither together with one label nor with shares by model")
	}
	return nil
}

// rates are all shares.
func (s *Sampling) rates() []float64 {
	return slices.Concat([]float64{s.Negatives}, slices.Collect(maps.Values(s.Models)),
		slices.Collect(maps.Values(s.Labels)))
}

// thins reports whether any negatives are left out.
func (s *Sampling) thins() bool { return slices.Min(s.rates()) < 1 }

// weighs reports whether the sample makes a column of weights.
func (s *Sampling) weighs(column string) bool {
	if events.SameColumn(column, "weight") {
		return s.thins()
	}
	return len(s.Labels) > 0 && strings.HasSuffix(events.ColumnKey(column), weightSuffix)
}

// labelRate is the share of a label's negatives.
func (s *Sampling) labelRate(name string) float64 {
	if rate, known := s.Labels[name]; known {
		return rate
	}
	return s.Negatives
}

// Options of an export. All but FS, Out, Name and Rules have defaults.
type Options struct {
	FS   vfs.FS
	Out  string // the directory of all exports
	Name string // of this one
	// Place is where this export is, if it is not the directory Name in Out. Then Scratch
	// is a directory of FS in which rows are sorted.
	Place   bucket.Bucket
	Scratch string
	// Rules is what the configuration says of labels, windows and corrections.
	Rules *joiner.Rules
	// Settled waits until corrections cannot change the day's rows any more.
	Settled bool
	Partial bool // export although the day is not complete
	Refresh bool // make another version if rows have changed since the last

	Format     Format
	Shards     int   // files of each split; 0: by ShardBytes
	ShardBytes int64 // how large a file of training rows is, at most and about
	GroupBytes int64 // about how large a row group is, before compression
	Seed       string
	Splits     Splits
	Sampling   Sampling
	// Revision, Reason and LabelTimes say that these columns are written, which tell
	// the label.
	Revision, Reason, LabelTimes bool
	// Pending says the same of the column that names the labels which are not final: a view
	// has it, and an export has no such rows.
	Pending bool
	// Stage says the same of the column that says how final a row is.
	Stage bool
	// Provisional writes the revisions of a row that have provisional labels, too, where the row is
	// written. It needs Stage.
	Provisional bool
	// LabelColumns says so of what labels keep of the outcomes that decided them.
	LabelColumns bool
	Exclude      []string // columns that are left out

	// Review begins to look at a version whose files are not written yet. What it gives may refuse the version
	// before it is published. Nil: nothing looks.
	Review func(*Draft) (Reviewer, error)

	ConfigHash string // of the configuration that the rows should be decided by
	Config     string // the block of the configuration that this export follows
	Version    string // of the program
	Created    time.Time
	Workers    int   // goroutines; 0: one
	Memory     int64 // about how many bytes of rows are held at once; twice as many with several workers

	// Progress is told how much of a day's work is done, from 0 to 1; nil: no one is.
	Progress func(done float64)
}

// place is where the export is.
func (o *Options) place() bucket.Bucket {
	if o.Place != nil {
		return o.Place
	}
	return bucket.NewDir(o.FS, o.FS.PathJoin(o.Out, o.Name))
}

// Root is the directory or the address of the export.
func (o *Options) Root() string { return o.place().String() }

// The defaults of Options.
const (
	DefaultShardBytes = 256 << 20
	DefaultGroupBytes = 32 << 20
	DefaultMemory     = 64 << 20
)

func (o Options) withDefaults() (Options, error) {
	if o.Format == "" {
		o.Format = FormatParquet
	}
	if o.ShardBytes == 0 {
		o.ShardBytes = DefaultShardBytes
	}
	if o.GroupBytes == 0 {
		o.GroupBytes = DefaultGroupBytes
	}
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	if o.Sampling.Negatives == 0 {
		o.Sampling.Negatives = 1
	}
	if o.Splits.By == "" {
		o.Splits.By = SplitByRequest
	}
	if o.Splits.Salt == "" {
		o.Splits.Salt = "split"
	}
	o.Workers = max(o.Workers, 1)
	if o.Progress == nil {
		o.Progress = func(float64) {}
	}
	if err := o.Sampling.check(); err != nil {
		return o, err
	}
	s := &o.Splits
	switch {
	case o.Out == "" || o.Name == "":
		return o, errors.New("an export needs a directory and a name: set export.dir and export.name")
	case o.Shards < 0 || o.Shards > MaxShards:
		return o, fmt.Errorf("%d shards: there are 1 to %d", o.Shards, MaxShards)
	case !(s.Eval >= 0 && s.Test >= 0 && s.Eval+s.Test < 1):
		return o, fmt.Errorf("the shares %v for evaluation and %v for a test leave nothing to train on", s.Eval, s.Test)
	case s.By == SplitByColumn && s.Column == "":
		return o, errors.New("a split by column needs the column")
	}
	return o, nil
}

// MaxShards is what five digits in a file's name hold, and more than a day needs.
const MaxShards = 10_000

// splitNames are the splits, in the order of their numbers.
var splitNames = [...]string{"train", "eval", "test"}

// The numbers of the splits.
const (
	splitTrain = iota
	splitEval
	splitTest
	splits
)
