package exports

import (
	"context"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
)

// newest is the output of a partition and its newest commit; nil if there is none yet.
func newest(ctx context.Context, c *config.Config, part int) (rows bucket.Bucket, archive *export.Archive,
	cut *joiner.Cut, err error) {
	rows, archive, err = place.Output(ctx, c, part)
	if err != nil || archive == nil {
		return nil, nil, nil, err
	}
	last, ok, err := archive.Last()
	if err != nil || !ok {
		return nil, nil, nil, err
	}
	return rows, archive, &last.Cut, nil
}
