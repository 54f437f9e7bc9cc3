// Package partition is a partition of a joiner at work: its state, its output, its connection to NATS and the engine
// over them, built from a configuration. The commands open one, and let it run; a process can hold several, each with
// an ID of its own.
package partition

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/store"
)

// Default is the number of the partition that the commands work on: a joiner has one.
const Default = 0

// ID says which partition of a joiner one is. The zero value is the only one of a joiner that has one. Partitions of
// one joiner can share a state directory and an output: each has a directory, a log of its table and names of files of
// its own in them.
type ID struct {
	Number int // from 0
	Of     int // how many there are; 0 means 1
}

// check reports an ID that no partition has.
func (id ID) check() error {
	if of := max(1, id.Of); id.Number < 0 || id.Number >= of || of > tablelog.MaxPartitions {
		return fmt.Errorf("there is no partition %d of %d: numbers begin at 0, and %d is the most partitions",
			id.Number, of, tablelog.MaxPartitions)
	}
	return nil
}

// dir is where the partition's state is.
func (id ID) dir(stateDir string) string {
	return filepath.Join(stateDir, tablelog.PartitionName(id.Number))
}

// socketDir is where the partition is asked, and keeps what waits to be sent. That of the first is the state directory
// itself, where the commands look.
func (id ID) socketDir(stateDir string) string {
	if id.Number == Default {
		return stateDir
	}
	return id.dir(stateDir)
}

// Output is an export.Output as the engine wants it.
type Output struct {
	*export.Output
	declared func() *declared // what is known of declared gaps; nil: the output is asked
}

// Declared implements engine.Output.
func (o Output) Declared() ([]events.Gap, error) {
	if o.declared == nil {
		return o.Output.Declared()
	}
	known := o.declared()
	return known.gaps, known.err
}

// Stage implements engine.Output.
func (o Output) Stage(k uint64) (engine.Stage, error) {
	s, err := o.Output.Stage(k)
	if err != nil {
		return nil, err // a nil *Stage in the interface would not be nil
	}
	return s, nil
}

// Partition is an opened partition: its state and its output.
type Partition struct {
	ID     ID
	Store  *store.Store
	Output Output
}

// Open opens the state of a partition, on a file system, and its output. Whatever another
// process has open is refused.
func Open(fs vfs.FS, id ID, c *config.Config, rules *joiner.Rules, stateDir string, rows bucket.Bucket,
	log *slog.Logger) (*Partition, error) {
	if err := id.check(); err != nil {
		return nil, err
	}
	out, err := OpenOutput(rows, id, c, rules, log)
	if err != nil {
		return nil, err
	}
	st, err := OpenState(fs, id, c, stateDir, log)
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return &Partition{ID: id, Store: st, Output: Output{Output: out}}, nil
}

// OpenState opens the state of a partition.
func OpenState(fs vfs.FS, id ID, c *config.Config, stateDir string, log *slog.Logger) (*store.Store, error) {
	dir := id.dir(stateDir)
	if err := making(dir, makeDurableDir(fs, dir)); err != nil {
		return nil, err
	}
	return store.Open(store.Options{FS: fs, Dir: dir, CacheSize: int64(c.State.Cache), Log: log,
		Fatal: func() { os.Exit(terminal.ExitFailed) }})
}

// OpenReadOnly opens the state for reading, so that a command which another user
// runs leaves no file that the joiner cannot open. nil says that there is none.
func OpenReadOnly(id ID, c *config.Config) (*store.Store, error) {
	dir := id.dir(c.State.Dir)
	if _, err := vfs.Default.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	st, err := store.Open(store.Options{FS: vfs.Default, Dir: dir, CacheSize: int64(c.State.Cache), ReadOnly: true,
		Log: slog.New(slog.DiscardHandler)})
	if errors.Is(err, fs.ErrNotExist) {
		if _, damaged := errors.AsType[*store.DamagedError](err); !damaged {
			return nil, nil
		}
	}
	return st, err
}

// Close closes the state and the output.
func (p *Partition) Close() error { return errors.Join(p.Store.Close(), p.Output.Close()) }

// OpenOutput opens the output of a configuration in a place. An output that another process has open is refused.
func OpenOutput(rows bucket.Bucket, id ID, c *config.Config, rules *joiner.Rules, log *slog.Logger) (*export.Output,
	error) {
	return export.Open(OutputOptions(rows, id, c, rules, log))
}

// OutputOptions are those of OpenOutput.
func OutputOptions(rows bucket.Bucket, id ID, c *config.Config, rules *joiner.Rules, log *slog.Logger) export.Options {
	features := make([]export.Feature, 0, len(c.Features.Declare))
	for name, kind := range c.Features.Declare {
		features = append(features, export.Feature{Name: name, Type: string(kind)})
	}
	o := export.Options{
		Bucket: rows, Name: c.Name, Partition: id.Number, Partitions: max(1, id.Of), RulesHash: c.Fingerprint(),
		Labels: rules.Labels, Stages: rules.Stages,
		Weight: rules.SampleRate > 0, Features: features, Mode: FeaturesMode(c), Rename: c.Output.Rename,
		FileRows: int(c.Output.Roll.Rows), FileBytes: int64(c.Output.Roll.Size), Log: log,
	}
	if c.Monitor.Labels {
		labels := make([]string, len(rules.Labels))
		for i := range labels {
			labels[i] = rules.Labels[i].Name
		}
		o.Statistics = func() tablelog.Sink {
			counter := health.NewCounter(labels, c.Monitor.Slices)
			counter.Base = rules.Base()
			counter.Features = c.Monitor.Features
			return counter
		}
	}
	return o
}

// FeaturesMode says which columns features have besides the declared ones.
func FeaturesMode(c *config.Config) export.Mode {
	return map[config.FeaturesMode]export.Mode{
		config.FeaturesEvolve: export.ModeEvolve, config.FeaturesDeclared: export.ModeDeclared,
		config.FeaturesFrozen: export.ModeFrozen,
	}[c.Features.Mode]
}

// LoadConfig reads and checks a configuration file, its expressions included.
func LoadConfig(path string) (*config.Config, error) {
	c, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	return CheckExpressions(c)
}

// CheckExpressions checks the expressions of a configuration.
func CheckExpressions(c *config.Config) (*config.Config, error) {
	if _, err := wire.Rules(c); err != nil {
		return nil, err
	}
	if _, err := wire.Feeds(c); err != nil {
		return nil, err
	}
	return c, nil
}

// EngineOptions is what the configuration says to the engine, over an opened
// place; inputs and publisher are the caller's.
func EngineOptions(c *config.Config, rules joiner.Rules, p *Partition, log *slog.Logger) (engine.Options, error) {
	o, err := wire.Options(c, rules)
	o.Store, o.Output, o.Log, o.Nonce = p.Store, p.Output, log, Nonce
	return o, err
}

// Nonce tells the attempts of a commit apart. It is the only random thing, and
// no row depends on it.
func Nonce() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process if it does
	return hex.EncodeToString(b[:])
}
