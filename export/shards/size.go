package shards

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
)

// sizes fixes how many rows a row group has, and returns how many files a split has. Both follow from the
// rows alone, however the files are cut that they were read from.
func (d *dayExport) sizes(ctx context.Context, s *spill) (shards int, err error) {
	const most, unit = 1 << 20, 1 << 10
	row := max(s.size/max(s.rows, 1), 1)
	d.groupRows = int(min(max(d.opts.GroupBytes/row/unit*unit, unit), most))
	if d.opts.Shards > 0 {
		return d.opts.Shards, nil
	}
	size := s.size
	if size > d.opts.ShardBytes { // else one file holds them all, for they only become smaller
		if size, err = d.trainingBytes(ctx, s, max(d.opts.GroupBytes/row, 1)); err != nil {
			return 0, err
		}
	}
	for shards = 1; shards < MaxShards && size > int64(shards)*d.opts.ShardBytes; {
		shards *= 2
	}
	return min(shards, MaxShards), nil
}

// errTried ends the reading of buckets where enough rows were tried.
var errTried = errors.New("enough rows were tried")

// leastTried is how many rows are tried at least, where there are so many: fewer say little of the others. A row
// group has more.
const leastTried = 256

// trainingBytes is about how large the files of the training rows are together. The first rows, up to a row
// group of them, are written to nowhere. They stand for all, because the order is that of a hash: the hash of the
// last of them says which share of all rows they are.
func (d *dayExport) trainingBytes(ctx context.Context, s *spill, rows int64) (int64, error) {
	trial, opts, to := *d, *d.opts, newHashed(io.Discard)
	opts.Workers = 1 // the bucket after is not wanted
	trial.opts, trial.counts, trial.shared = &opts, Counts{}, newParquetMemory()
	encoder, err := trial.newEncoder(to, splitTrain, 0, 1)
	if err != nil {
		return 0, err
	}
	left, reach := int(min(max(rows, leastTried), int64(d.groupRows))), 1.0
	err = trial.eachBucket(ctx, s, func(_ int, b *settledBucket) error {
		train := b.rows[splitTrain]
		train = train[:min(len(train), left)]
		if err := encoder.write(b.vectors, train); err != nil {
			return err
		}
		if left -= len(train); left > 0 {
			return nil
		}
		last := b.vectors[d.plan.key.order].nums[train[len(train)-1]]
		reach = share(last + 1)
		return errTried
	})
	if err != nil && !errors.Is(err, errTried) {
		return 0, err
	}
	if err := cmp.Or(encoder.close(), to.buf.Flush()); err != nil {
		return 0, err
	}
	return int64(math.Ceil(float64(to.bytes) / reach)), nil
}
