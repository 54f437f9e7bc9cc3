package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Export is the block `export`: training data, a day at a time. export/shards/EXPORT.md
// has the files that it gives.
type Export struct {
	// The directory of all exports. A relative path counts from the folder of the
	// configuration. It lies neither in output.dir nor in state.dir, nor they in it. Or the
	// address of one in an object store, like s3://bucket/prefix.
	//
	// Default: beside the output, so that a first try leaves one folder to delete.
	Dir string `yaml:"dir"`
	// The name of the export, a folder below export.dir. It has up to 64 letters, digits,
	// _ and -.
	//
	// Default: none. The name of the joiner is used.
	Name string `yaml:"name"` // empty: the joiner's
	// The format of the files: parquet, or tfrecord, which is tf.Example in gzip for TFX.
	//
	// Default: every reader but TFX's takes Parquet; TFX reads a label of 0 in it as
	// missing.
	Format ExportFormat `yaml:"format"`
	// When a day is complete: close, when its windows have ended; corrections, when besides
	// no correction and no late request can change it.
	//
	// Default: a day that was trained on should not change afterwards.
	Settle ExportSettle `yaml:"settle"`
	// How many files each split of a day has. 0 takes as many as shard_size asks for, a
	// power of two. From 0 to 10000.
	//
	// Default: small days need no more than one file. Fix it where workers share the files
	// out.
	Shards int64 `yaml:"shards"`
	// How large a file of training rows is, at most, where shards is 0: about the half of it to
	// all of it, as the file is on disk. From 1MiB to 1TiB.
	//
	// Default: files of 128 to 256 MiB are few, and loaders fetch one in seconds; TensorFlow's
	// guide asks for 100 MB and more.
	ShardSize Size `yaml:"shard_size"`
	// About how large a row group is, before compression. From 1MiB to 512MiB.
	//
	// Default: between 16 and 64 MiB, a loader's worker holds a row group in memory, and
	// the group still compresses well.
	RowGroupSize Size `yaml:"row_group_size"`
	// The seed of the order. The same rows and the same seed give the same bytes.
	//
	// Default: none. Any text gives another order.
	Seed string `yaml:"seed"`
	// Which rows are for evaluation, and which for a test.
	Split ExportSplit `yaml:"split"`
	// Which negative rows are kept.
	Sample ExportSample `yaml:"sample"`
	// Columns that are written besides: revision, reason, label_ts (the time of each
	// label), label_columns (the columns of labels). With provisional, the rows with provisional
	// labels are written too, each before the final one, with the columns stage and label_columns.
	//
	// Default: none. They say how a label came to be, so a model would read the label from
	// them.
	Include []ExportColumn `yaml:"include"`
	// Columns that are left out.
	//
	// Default: none. Every feature is written.
	Exclude []string `yaml:"exclude"`
	// Exports that the running joiner makes by itself. Without this block, it makes none.
	Daily *ExportDaily `yaml:"daily"` // nil: none
	// Write statistics (stats.pb, for TensorFlow Data Validation), the health of the labels
	// (health.json) and a page (report.html) beside each exported day.
	//
	// Default: a person who trains on a day can see what is in it. It adds to the time of an export.
	Report bool `yaml:"report"`
	// Columns whose values are looked at one by one in the report: device, for one.
	//
	// Default: none. A problem of one group of rows shows in all rows only if it is large.
	Slices []string `yaml:"slices"`
	// What a day must be like to be exported. Without this block, every day is exported.
	Validate *ExportValidate `yaml:"validate"` // nil: nothing is asked
}

// ExportValidate is the block `export.validate`. A day that is not as it should be is not exported:
// `labeljoin export` ends with 4, and the daily exports wait at that day.
type ExportValidate struct {
	// The file of a schema, as labeljoin schema or TensorFlow Data Validation writes it. A
	// relative path counts from the folder of the configuration. It is read for every day.
	//
	// Default: none. With against, the columns have to be like those of the day before.
	Schema string `yaml:"schema"`
	// What the rows are compared with: yesterday, the day before as it was exported.
	//
	// Default: none. The schema alone decides.
	Against ExportAgainst `yaml:"against"`
	// Whether an alarm of the health of the labels keeps a day from being exported.
	//
	// Default: a holiday is an alarm too, and its rows are right.
	Health bool `yaml:"health"`
}

// ExportAgainst is what rows are compared with before they are exported.
type ExportAgainst string

// The day before.
const ExportAgainstYesterday ExportAgainst = "yesterday"

func (ExportAgainst) words() []string { return []string{"yesterday"} }

// ExportSplit is the block `export.split`.
type ExportSplit struct {
	// What keeps rows together: the request, the user (rows without one by their request),
	// the value of a column, or time, where the last part of each day is for the test and
	// the part before it for evaluation.
	//
	// Default: the rows of one request say nearly the same. Choose user where a model
	// could learn a person by heart.
	By ExportSplitBy `yaml:"by"`
	// The column, for by: column. Rows in which it is null go by their request.
	//
	// Default: none.
	Column string `yaml:"column"`
	// The share of the requests, users, values or time whose rows are for evaluation. From
	// 0 to below 1.
	//
	// Default: a tenth is enough to see a difference of a percent in most logs.
	Eval float64 `yaml:"eval"`
	// The share whose rows are for a test. From 0 to below 1, and below 1 with eval.
	//
	// Default: most use a later day for the test.
	Test float64 `yaml:"test"`
	// The text that is hashed with the key. Exports with the same text put the same
	// requests, users or values into the same split.
	//
	// Default: one for all, so that two exports agree.
	Salt string `yaml:"salt"`
}

// ExportSample is the block `export.sample`.
type ExportSample struct {
	// The share of the requests whose negative rows are kept. Negatives that are kept have
	// the weight 1/share, times the weight they had. It is above 0 and at most 1.
	//
	// Default: all are kept. What the output has costs nothing to keep.
	Negatives float64 `yaml:"negatives"`
	// The label that makes a row positive, which is always kept.
	//
	// Default: none. A row is positive if any label is known and not 0.
	Label string `yaml:"label"`
	// The share for the rows of one model, by the model's name: {ranker: 0.05}. Rows of other
	// models, and of none, have the share that negatives says. Each is above 0 and at most 1.
	//
	// Default: none. One share for all.
	Models map[string]float64 `yaml:"models"`
	// The share of the negatives of one label, by the label's name: {clicked: 0.1, bought: 0.01}.
	// Other labels have the share that negatives says. Each label then has a sample of its own: a
	// column <label>_weight, which is 0 in rows that are there for another label alone. A row stays
	// if any label keeps it. It does not go together with label and models. Each is above 0 and at
	// most 1.
	//
	// Default: none. One sample for all labels.
	Labels map[string]float64 `yaml:"labels"`
}

// ExportDaily is the block `export.daily`.
type ExportDaily struct {
	// How long after a day is complete, by event time, it is exported. From 0s to 3650d.
	//
	// Default: a quarter of an hour, for outcomes that a producer sends again.
	After Duration `yaml:"after"`
}

// ExportFormat is the format of exported files.
type ExportFormat string

// The formats.
const (
	ExportParquet  ExportFormat = "parquet"
	ExportTFRecord ExportFormat = "tfrecord"
)

func (ExportFormat) words() []string { return []string{"parquet", "tfrecord"} }

// ExportSettle says when a day is complete.
type ExportSettle string

// When its windows have ended, or when nothing can change it any more.
const (
	ExportSettleClose       ExportSettle = "close"
	ExportSettleCorrections ExportSettle = "corrections"
)

func (ExportSettle) words() []string { return []string{"close", "corrections"} }

// ExportSplitBy says what keeps rows in one split.
type ExportSplitBy string

// The ways to split.
const (
	ExportByRequest ExportSplitBy = "request"
	ExportByUser    ExportSplitBy = "user"
	ExportByColumn  ExportSplitBy = "column"
	ExportByTime    ExportSplitBy = "time"
)

func (ExportSplitBy) words() []string { return []string{"request", "user", "column", "time"} }

// ExportColumn is a column that tells the label and is written on demand.
type ExportColumn string

// The columns.
const (
	ExportRevision     ExportColumn = "revision"
	ExportReason       ExportColumn = "reason"
	ExportLabelTS      ExportColumn = "label_ts"
	ExportLabelColumns ExportColumn = "label_columns"
	ExportProvisional  ExportColumn = "provisional"
)

func (ExportColumn) words() []string {
	return []string{"revision", "reason", "label_ts", "label_columns", "provisional"}
}

func defaultExport() Export {
	return Export{
		Dir: "exports", Format: ExportParquet, Settle: ExportSettleCorrections,
		ShardSize: 256 << 20, RowGroupSize: 32 << 20,
		Split:  ExportSplit{By: ExportByRequest, Eval: 0.1, Salt: "split"},
		Sample: ExportSample{Negatives: 1},
		Report: true,
	}
}

// defaultAfter is how long after its end a day is exported.
const defaultAfter = Duration(15 * time.Minute)

// ExportName is the name of the export.
func (c *Config) ExportName() string {
	if c.Export.Name != "" {
		return c.Export.Name
	}
	return c.Name
}

// export checks the block.
func (v *checker) export() {
	e := &v.Export
	if e.Name != "" && !isName(e.Name, "-") {
		v.add("export.name", "%q is no name: use up to 64 letters, digits, _ and -, the first a letter or _", clipped(e.Name))
	}
	v.between("export.shards", e.Shards, 0, 10_000)
	v.size("export.shard_size", e.ShardSize, 1<<20, 1<<40)
	v.size("export.row_group_size", e.RowGroupSize, 1<<20, 512<<20)
	if e.Daily != nil {
		v.duration("export.daily.after", e.Daily.After, 0)
	}
	v.word("export.format", string(e.Format), e.Format.words())
	v.word("export.settle", string(e.Settle), e.Settle.words())
	v.word("export.split.by", string(e.Split.By), e.Split.By.words())
	for i, c := range e.Include {
		at := fmt.Sprintf("export.include[%d]", i)
		if v.word(at, string(c), c.words()); c == ExportProvisional && !v.hasProvisional() {
			v.add(at, "no label is provisional: give one `provisional`, like `bought: {window: 7d, provisional: 30m}`, or remove the word")
		}
	}
	v.exportSplit()
	v.exportSample()
	v.exportValidate()
	v.exportDir()
}

func (v *checker) exportValidate() {
	e := v.Export.Validate
	if e == nil {
		return
	}
	if e.Against != "" {
		v.word("export.validate.against", string(e.Against), e.Against.words())
	}
	if e.Schema == "" && e.Against == "" && !e.Health {
		v.add("export.validate", "asks for nothing: add `schema`, `against` or `health`, or remove it")
	}
}

func (v *checker) exportSplit() {
	s := &v.Export.Split
	for _, share := range [...]struct {
		path  string
		value float64
	}{{"export.split.eval", s.Eval}, {"export.split.test", s.Test}} {
		if !(share.value >= 0 && share.value < 1) {
			v.add(share.path, "%v is no share: it is at least 0 and below 1", share.value)
			return
		}
	}
	switch {
	case s.Eval+s.Test >= 1:
		v.add("export.split.test", "%v and eval %v leave nothing to train on: together they are below 1", s.Test, s.Eval)
	case s.By == ExportByColumn && s.Column == "":
		v.add("export.split.by", "column needs to know which: add `column`")
	case s.By != ExportByColumn && s.Column != "":
		v.add("export.split.column", "has no effect with by: %s; write by: column, or remove it", s.By)
	}
}

func (v *checker) exportSample() {
	s := &v.Export.Sample
	share := func(path string, n float64) {
		if !(n > 0 && n <= 1) {
			v.add(path, "%v is no share: it is above 0 and at most 1, which keeps every negative", n)
		}
	}
	known := func(path, name string) {
		if !slices.ContainsFunc(v.Labels, func(l Label) bool { return l.Name == name }) {
			v.add(path, "there is no label %q", clipped(name))
		}
	}
	share("export.sample.negatives", s.Negatives)
	for model, n := range s.Models {
		share(join("export.sample.models", model), n)
	}
	for label, n := range s.Labels {
		share(join("export.sample.labels", label), n)
		known(join("export.sample.labels", label), label)
	}
	if s.Label != "" {
		known("export.sample.label", s.Label)
	}
	switch {
	case len(s.Labels) == 0:
	case s.Label != "":
		v.add("export.sample.label",
			"has no effect with labels, which says of each label what its negatives are; remove one of them")
	case len(s.Models) > 0:
		v.add("export.sample.models", "does not go together with labels: a row would have two shares; remove one of them")
	}
}

// exportDir checks the folder of the exports, if they are wanted: the default may lie in
// an output that was there before exports were.
func (v *checker) exportDir() {
	if v.place("export.dir", v.Export.Dir) && (v.Export.Daily != nil || v.source.has("export.dir")) {
		v.exportApart()
	}
}

// ExportProblems reports what keeps a configuration from exporting that is no problem of
// the joiner, or nil.
func (c *Config) ExportProblems() error {
	v := &checker{Config: c}
	v.exportApart()
	return c.Fail(v.found...)
}

// exportApart checks that exports keep apart from what the joiner writes and may delete.
func (v *checker) exportApart() {
	dir := v.Export.Dir
	if v.State.Dir == "" || v.Output.Dir == "" {
		return
	}
	for _, other := range [...]struct{ path, value string }{{"state.dir", v.State.Dir}, {"output.dir", v.Output.Dir}} {
		if IsAddress(dir) != IsAddress(other.value) {
			continue
		}
		mine, theirs := filepath.Clean(dir), filepath.Clean(other.value)
		if within(mine, theirs) || within(theirs, mine) {
			v.add("export.dir", "%s and %s %s lie within each other: choose folders side by side", clipped(dir), other.path,
				clipped(other.value))
		}
	}
}

// place checks that a setting names a folder of this machine or of an object store.
func (v *checker) place(path, value string) bool {
	if !IsAddress(value) {
		return v.folder(path, value)
	}
	before := len(v.found)
	v.store(path, value)
	return len(v.found) == before
}

// folder checks that a setting names a folder of this machine.
func (v *checker) folder(path, value string) bool {
	before := len(v.found)
	switch scheme := urlScheme(value); {
	case value == "":
		v.add(path, "is empty: name a folder")
	case scheme != "":
		v.add(path, "is an address of %s: it is a folder of this machine%s", scheme, v.wayOf(path))
	case strings.Contains(value, "${"):
		v.add(path, "has a ${...} in it: variables are read for secrets only, so write the path out")
	case strings.ContainsRune(value, 0):
		v.add(path, "has a NUL in it: no folder has such a name")
	}
	return len(v.found) == before
}

// wayOf says what else a setting may be than a folder.
func (v *checker) wayOf(path string) string {
	if path == "state.dir" {
		return ""
	}
	return ", or an address like s3://bucket/prefix"
}
