package exports

import (
	"context"
	"runtime"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/version"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/review"
	"github.com/labeljoin/labeljoin/export/shards"
)

// OptionsOf is what the configuration says of exports.
func OptionsOf(c *config.Config) (shards.Options, error) {
	rules, err := wire.Rules(c)
	if err != nil {
		return shards.Options{}, err
	}
	e := &c.Export
	provisional := slices.Contains(e.Include, config.ExportProvisional)
	return shards.Options{
		FS: vfs.Default, Out: e.Dir, Name: exportName(c), Rules: &rules, Settled: e.Settle == config.ExportSettleCorrections,
		Format: shards.Format(e.Format), Shards: int(e.Shards), ShardBytes: int64(e.ShardSize), GroupBytes: int64(e.RowGroupSize), Seed: e.Seed,
		Splits: shards.Splits{By: shards.SplitBy(e.Split.By), Column: e.Split.Column, Salt: e.Split.Salt,
			Eval: e.Split.Eval, Test: e.Split.Test},
		Sampling: shards.Sampling{Negatives: e.Sample.Negatives, Label: e.Sample.Label, Models: e.Sample.Models,
			Labels: e.Sample.Labels},
		Revision: slices.Contains(e.Include, config.ExportRevision), Reason: slices.Contains(e.Include, config.ExportReason),
		LabelTimes:   slices.Contains(e.Include, config.ExportLabelTS),
		LabelColumns: provisional || slices.Contains(e.Include, config.ExportLabelColumns),
		Stage:        provisional, Provisional: provisional,
		Exclude:    e.Exclude,
		ConfigHash: c.Fingerprint(), Config: string(c.Print()), Version: version.Text(), Workers: runtime.GOMAXPROCS(0),
	}, nil
}

// GateOf is what looks at each day of an output that is exported; nil where the configuration wants
// neither a report nor a check. With allow, no day is refused.
func GateOf(c *config.Config, outputDir string, archive *export.Archive, allow bool) *review.Gate {
	e := &c.Export
	if !e.Report && e.Validate == nil {
		return nil
	}
	g := &review.Gate{Output: review.Of(outputDir, archive), Slices: e.Slices, Allow: allow, Version: version.Text()}
	if v := e.Validate; v != nil {
		g.SchemaFile, g.Against, g.Health = v.Schema, v.Against == config.ExportAgainstYesterday, v.Health
	}
	return g
}

// Days lists the days of what the numbered partition wrote; none before there is an output.
func Days(ctx context.Context, c *config.Config, part int) ([]shards.ListedDay, error) {
	_, archive, err := place.Output(ctx, c, part)
	if err != nil || archive == nil {
		return nil, err
	}
	table, err := archive.Table()
	if err != nil {
		return nil, err
	}
	o, err := OptionsOf(c)
	if err == nil {
		err = Place(ctx, c, &o)
	}
	if err != nil {
		return nil, err
	}
	return shards.List(table, o)
}

// Place says where an export is that goes to an object store.
func Place(ctx context.Context, c *config.Config, o *shards.Options) (err error) {
	if config.IsAddress(c.Export.Dir) {
		o.Place, o.Scratch, err = place.Export(ctx, c, c.Export.Dir, o.Name)
	}
	return err
}

// exportName is the folder of an export. One of another format has another, so that a
// reader of one format meets no version of another.
func exportName(c *config.Config) string {
	if c.Export.Format == config.ExportTFRecord {
		return c.ExportName() + "-tfrecord"
	}
	return c.ExportName()
}
