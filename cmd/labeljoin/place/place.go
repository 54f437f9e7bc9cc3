// Package place opens the places that a configuration names: where rows are and where exports go.
package place

import (
	"context"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/export/bucket"
)

// Of is the place of that name, for a command: dir is what output.dir or a flag says. The
// configuration is nil where a command has none.
func Of(_ context.Context, _ *config.Config, dir string) (bucket.Bucket, error) {
	return bucket.NewDir(vfs.Default, dir), nil
}
