package main

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

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/store"
)

// partition is the one there is: the numbers are in names and formats so that
// more can come.
const (
	partition  = 0
	partitions = 1
)

// output is an export.Output as the engine wants it.
type output struct{ *export.Output }

// Stage implements engine.Output.
func (o output) Stage(k uint64) (engine.Stage, error) {
	s, err := o.Output.Stage(k)
	if err != nil {
		return nil, err // a nil *Stage in the interface would not be nil
	}
	return s, nil
}

// place is an opened partition: its state and its output.
type place struct {
	store  *store.Store
	output output
}

// openPlace opens the state and the output of a partition. Whatever another
// process has open is refused.
func openPlace(fs vfs.FS, c *config.Config, rules *joiner.Rules, stateDir, outDir string, log *slog.Logger) (*place, error) {
	return openPlaceOn(fs, fs, c, rules, stateDir, outDir, log)
}

// openPlaceOn opens them on a file system each.
func openPlaceOn(fs, outFS vfs.FS, c *config.Config, rules *joiner.Rules, stateDir, outDir string, log *slog.Logger) (*place, error) {
	out, err := openOutput(outFS, c, rules, outDir, log)
	if err != nil {
		return nil, err
	}
	st, err := openState(fs, c, stateDir, log)
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return &place{store: st, output: output{out}}, nil
}

// openState opens the state of the partition.
func openState(fs vfs.FS, c *config.Config, stateDir string, log *slog.Logger) (*store.Store, error) {
	dir := partitionDir(stateDir)
	if err := makeDurableDir(fs, dir); err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	return store.Open(store.Options{FS: fs, Dir: dir, CacheSize: int64(c.State.Cache), Log: log, Fatal: func() { os.Exit(exitFailed) }})
}

// lookAtState opens the state for reading, so that a command which somebody else
// runs leaves no file that the joiner cannot open. nil says that there is none.
func lookAtState(c *config.Config) (*store.Store, error) {
	dir := partitionDir(c.State.Dir)
	if _, err := vfs.Default.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	st, err := store.Open(store.Options{FS: vfs.Default, Dir: dir, CacheSize: int64(c.State.Cache), ReadOnly: true, Log: slog.New(slog.DiscardHandler)})
	if errors.Is(err, fs.ErrNotExist) {
		if _, damaged := errors.AsType[*store.DamagedError](err); !damaged {
			return nil, nil
		}
	}
	return st, err
}

// partitionDir is where the partition's state is.
func partitionDir(stateDir string) string {
	return filepath.Join(stateDir, fmt.Sprintf("p%04d", partition))
}

// makeDurableDir makes a directory that only its owner reads and that outlives
// the machine. Pebble syncs what it makes itself, and this it finds made: a
// state whose directory is lost would have to be rebuilt from the log, which
// may not reach back far enough any more. Directories that were there before
// are synced as well, for the process that made them may have died too soon.
func makeDurableDir(fs vfs.FS, dir string) error {
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for parent := fs.PathDir(dir); parent != dir; dir, parent = parent, fs.PathDir(parent) {
		f, err := fs.OpenDir(parent)
		if errors.Is(err, os.ErrPermission) {
			return nil // not ours to open, and then not ours to see to
		}
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("syncing %s: %w", parent, err)
		}
	}
	return nil
}

func (p *place) close() error { return errors.Join(p.store.Close(), p.output.Close()) }

func openOutput(fs vfs.FS, c *config.Config, rules *joiner.Rules, dir string, log *slog.Logger) (*export.Output, error) {
	features := make([]export.Feature, 0, len(c.Features.Declare))
	for name, kind := range c.Features.Declare {
		features = append(features, export.Feature{Name: name, Type: string(kind)})
	}
	return export.Open(export.Options{
		FS: fs, Dir: dir, Name: c.Name, Partition: partition, Partitions: partitions, RulesHash: c.Fingerprint(),
		Labels: rules.Labels, Weight: rules.SampleRate > 0, Features: features, Rename: c.Output.Rename,
		FileRows: int(c.Output.Roll.Rows), FileBytes: int64(c.Output.Roll.Size), Log: log,
	})
}

// loadConfig reads and checks a configuration file, its expressions included.
func loadConfig(path string) (*config.Config, error) {
	c, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	return compiled(c)
}

// compiled checks the expressions of a configuration.
func compiled(c *config.Config) (*config.Config, error) {
	if _, err := wire.Rules(c); err != nil {
		return nil, err
	}
	return c, nil
}

// engineOptions is what the configuration says to the engine, over an opened
// place; inputs and publisher are the caller's.
func engineOptions(c *config.Config, rules joiner.Rules, p *place, log *slog.Logger) (engine.Options, error) {
	o, err := wire.Options(c, rules)
	o.Store, o.Output, o.Log, o.Nonce = p.store, p.output, log, nonce
	return o, err
}

// nonce tells the attempts of a commit apart. It is the only random thing, and
// no row depends on it.
func nonce() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process if it does
	return hex.EncodeToString(b[:])
}

// makeDir makes a directory that only its owner reads.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	return nil
}
