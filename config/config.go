// Package config is the configuration: its structs, strict YAML, defaults and
// the validation that reports every problem at once, each with its place. It
// decides nothing about labels; package wire turns it into the join's rules.
//
// Four types read and print themselves in their own notation: Duration
// ("1d12h"), Size ("128MiB"), Secret ("${NAME}") and Labels (a mapping whose
// order is the order of the columns).
package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Config is a whole configuration. Decode and Load return it complete: every
// default filled in, every label with its window.
type Config struct {
	// The name of this joiner, in metrics, logs and NATS connections. The ids of
	// label messages depend on it, so two joiners of one label stream need two names.
	// It has up to 64 letters, digits, _ and -.
	//
	// Default: one joiner on a machine needs no other name.
	Name string `yaml:"name"`
	// The connection to the NATS server, or the server inside the process.
	NATS NATS `yaml:"nats"`
	// Where the events are.
	Inputs Inputs `yaml:"inputs"`
	// When an outcome belongs to a request, and how long the joiner waits for it.
	Join Join `yaml:"join"`
	// The label columns, in the order in which they are written. Every setting
	// stands under the name of its label.
	Labels Labels `yaml:"labels"`
	// The stall guard: it holds negatives while far too few outcomes come.
	Guard Guard `yaml:"guard"`
	// The columns that the features of requests become.
	Features Features `yaml:"features"`
	// The directory in which the joiner keeps what it remembers.
	State State `yaml:"state"`
	// The directory into which the labeled rows go.
	Output Output `yaml:"output"`
	// The object store, where output.dir or export.dir is an address in one.
	S3 S3 `yaml:"s3"`
	// Training data: whole days of settled rows, shuffled, split and versioned.
	Export Export `yaml:"export"`
	// The label stream: a message for every label when it is decided. Without this
	// block, nothing is published.
	Publish *Publish `yaml:"publish"` // nil: no label stream
	// What the running joiner looks at in the labels that it writes.
	Monitor Monitor `yaml:"monitor"`
	// What one event or one request may cost.
	Limits Limits `yaml:"limits"`
	// The addresses at which the joiner answers about itself (metrics, health, status),
	// and at which it takes events.
	HTTP HTTP `yaml:"http"`
	// The log of the joiner, which it writes to stderr.
	Log Log `yaml:"log"`

	source source // where it was read from; the zero value if it was not
}

// State is where the joiner keeps what it remembers.
type State struct {
	// The directory of the state. A relative path counts from the folder of the
	// configuration. The part p0000 is a cache of the streams and may be deleted. The
	// part nats, which an embedded server has, is the streams themselves.
	//
	// Default: beside the configuration, so that a first try leaves one folder to delete.
	Dir string `yaml:"dir"`
	// Memory for blocks that are read back from disk, and for the tables that wait to be
	// written there. From 1MiB to 1TiB.
	//
	// Default: requests that close are read back once, where no cache helps. It holds the
	// blocks that corrections and lookups of old requests come back to.
	Cache Size `yaml:"cache"`
	// The room that the disks of state and output keep. With less, the joiner reads
	// nothing until there is more. On a small disk, a tenth of the disk is enough. From
	// 0B to 1024TiB.
	//
	// Default: what is under way must be able to end, which is a commit of the default
	// size before compression, and four memory tables of the state.
	Reserve Size `yaml:"reserve"`
	// The bound on the state's files. Beyond it, the joiner reads no requests until
	// some have closed. 0B is no bound; others are from 256MiB to 1024TiB.
	//
	// Default: the size of the state follows from rate and windows, so any number would
	// stop a joiner that works; state.reserve keeps the disk from filling up.
	MaxBytes Size `yaml:"max_bytes"`
}

// Output is where the labeled rows go.
type Output struct {
	// The directory of the output. A relative path counts from the folder of the
	// configuration. Neither this directory nor that of the state may lie in the other. Or
	// the address of one in an object store, like s3://bucket/prefix.
	//
	// Default: beside the configuration, so that a first try leaves one folder to delete.
	Dir string `yaml:"dir"`
	// When a commit is due: at whichever bound is reached first.
	Roll Roll `yaml:"roll"`
	// The column of a feature, by the flattened name of the feature. "" leaves the
	// feature out. A name with features. or items. before it is that of a feature of
	// the request, or of the items.
	//
	// Default: a feature's column has the name of the feature, those of items with item_
	// before it. Where that name is taken, it is feature_ and the name.
	Rename map[string]string `yaml:"rename"`
	// Small files that the running joiner merges by itself, as labeljoin compact does.
	// Without this block, it merges none.
	Compact *Compact `yaml:"compact"` // nil: none
}

// Compact is the block `output.compact`.
type Compact struct {
	// How long after the end of a day, by event time, its small files are merged. From 0s
	// to 3650d.
	//
	// Default: a day, in which most late outcomes have come.
	After Duration `yaml:"after"`
}

// Roll says when a commit is due: at whichever comes first.
type Roll struct {
	// How long the first uncommitted row waits, by the machine's clock. It decides when
	// files are finished, and never what is in them. From 10ms to 3650d.
	//
	// Default: who tries it wants to see data soon; a file a minute is 1,440 a day,
	// which readers bear.
	Interval Duration `yaml:"interval"`
	// How many requests a commit has at most, and how many rows a file. From 1 to
	// 100000000.
	//
	// Default: eight of the row groups that DuckDB reads in parallel, and few enough
	// that a commit which is repeated after a crash takes seconds.
	Rows int64 `yaml:"rows"`
	// How large the rows of a commit are, before compression. From 64KiB to 16GiB.
	//
	// Default: the block size that readers of Parquet on object stores are tuned for.
	Size Size `yaml:"size"`
}

// Publish is the label stream.
type Publish struct {
	// The subject that label messages are published to. It has no wildcards, and it is
	// no input.
	//
	// Default: none. The block needs one.
	Subject string `yaml:"subject"`
	// Whether the joiner creates the stream when it is missing. With nats.embedded it
	// always does.
	//
	// Default: a subject that was typed wrong must not create a stream.
	Create bool `yaml:"create"`
	// The name of the stream that holds the subject.
	//
	// Default: the joiner asks the server which stream holds the subject.
	Stream string `yaml:"stream"` // empty: found by subject
}

// Limits bounds what one event or one request may cost.
type Limits struct {
	// The largest event, in bytes of JSON. A larger one is rejected. From 1KiB to
	// 64MiB.
	//
	// Default: the max_payload of a NATS server that is not configured.
	EventBytes Size `yaml:"event_bytes"`
	// How many outcomes one request may have. Further ones are rejected. From 1 to
	// 1000000.
	//
	// Default: a thousand times what a person does to one page. Beyond it is a broken
	// producer, and each outcome costs memory until the close. One that comes after the close is
	// folded with all of them: 2 ms at 8,000 with one label, and more with more of them
	// (BenchmarkLateOutcome). A request takes in at most 1,000 of those.
	OutcomesPerRequest int64 `yaml:"outcomes_per_request"`
	// How deep the objects and lists of an event may be nested. A deeper event is
	// rejected. From 2 to 256.
	//
	// Default: deeper than the features of any model, and shallower than any stack.
	Depth int64 `yaml:"depth"`
}

// Log is the program's own log.
type Log struct {
	// The least severity that is logged.
	//
	// Default: a line for each commit and each change of state. A joiner that works
	// writes little more.
	Level LogLevel `yaml:"level"`
	// How a line is written: as text, or as JSON. auto is text on a terminal, and JSON
	// otherwise.
	//
	// Default: a person reads the terminal, and a program reads the rest.
	Format LogFormat `yaml:"format"`
}

// maxSource is the largest configuration that is read. A thousand labels take a
// third of it; beyond it the YAML parser's time, which grows with the square of
// a mapping's keys, would be noticed.
const maxSource = 256 << 10

// Load reads and checks a configuration file. Relative paths in it are relative
// to the file's folder, so that a configuration means the same wherever the
// program is started; in the result they are absolute.
func Load(path string) (*Config, error) {
	src, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return inFolder(path, src, filepath.Dir(path))
}

// Read reads and checks a configuration from r. The name stands in errors.
// Relative paths in it are relative to the working directory.
func Read(name string, r io.Reader) (*Config, error) {
	src, err := readSome(r)
	if err != nil {
		return nil, &FileError{Path: name, Err: err}
	}
	return inFolder(name, src, ".")
}

// inFolder decodes a configuration whose paths are relative to a folder.
func inFolder(name string, src []byte, folder string) (*Config, error) {
	dir, err := filepath.Abs(folder)
	if err != nil {
		return nil, fmt.Errorf("find the folder of %s: %w", name, err)
	}
	return decode(name, src, dir, nil)
}

// readFile reads a configuration file.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &FileError{Path: path, Err: err}
	}
	defer f.Close()
	src, err := readSome(f)
	if err != nil {
		return nil, &FileError{Path: path, Err: err}
	}
	return src, nil
}

// readSome reads at most a little more than a configuration may have: a path
// typed wrong may name a file of any size.
func readSome(r io.Reader) ([]byte, error) {
	var src bytes.Buffer
	_, err := src.ReadFrom(io.LimitReader(r, maxSource+1))
	return src.Bytes(), err
}

// resolve makes the relative paths absolute: dir is what they are relative to.
func (c *Config) resolve(dir string) {
	paths := []*string{&c.State.Dir, &c.Output.Dir, &c.Export.Dir}
	for _, f := range c.files() {
		paths = append(paths, f.path)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) && !IsAddress(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// Decode reads and checks a configuration. The name stands in errors. Relative
// paths stay as they are. The error, if any, is an *Error with every problem.
func Decode(name string, src []byte) (*Config, error) {
	return decode(name, src, "", nil)
}

// DecodeRules reads and checks the blocks of a document that rows depend on
// (join, labels, guard, features, inputs, limits), where its other keys are another reader
// else's: a test file, for one. In the result everything else is default.
func DecodeRules(name string, src []byte) (*Config, error) {
	return decode(name, src, "", []string{"join", "labels", "guard", "features", "inputs", "limits"})
}

// decode reads the whole document, or only the top-level keys named. A dir, if
// given, is absolute and what relative paths are relative to.
func decode(name string, src []byte, dir string, only []string) (*Config, error) {
	r := newReader(name, src)
	c := Default()
	if root := r.parse(); root != nil {
		r.only = only
		r.value(root, "", &c)
	}
	c.source = r.source
	if r.broken {
		return nil, c.source.fail(r.problems)
	}
	c.Complete()
	if dir != "" {
		c.resolve(dir)
	}
	if problems := append(r.problems, c.withoutEchoes(r.problems, c.problems())...); len(problems) > 0 {
		return nil, c.source.fail(problems)
	}
	return &c, nil
}
