package export

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// Retried is the folder of an output in which stands which dead letters were published
// again. A batch is written down before it is published, and once more when the log has
// stored it: of a batch that has not ended, the log knows which letters it has.
type Retried struct{ bucket bucket.Bucket }

// OpenRetried opens the folder of an output.
func OpenRetried(b bucket.Bucket) *Retried { return &Retried{bucket: b} }

// RetryBatch is some dead letters that are published together.
type RetryBatch struct {
	Number  uint64            `json:"number"`
	Letters []string          `json:"letters"` // as Letter.ID names them
	After   map[string]uint64 `json:"after"`   // the newest sequence of each stream before
	Ended   bool              `json:"-"`       // the log has stored all
}

// Lock makes this process the only one that publishes dead letters of the output again.
func (r *Retried) Lock() (io.Closer, error) {
	lock, err := r.bucket.Lock(path.Join(tablelog.RetriedDir, "LOCK"))
	if _, ok := errors.AsType[*fs.PathError](err); ok { // it could not even be opened
		return nil, fmt.Errorf("publish dead letters again: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("publish dead letters again: is another process doing so? %w", err)
	}
	return lock, nil
}

// endedSuffix is the end of the name that says that a batch has ended.
const endedSuffix = "-ended" + tablelog.ManifestSuffix

func batchPath(n uint64, suffix string) string {
	return path.Join(tablelog.RetriedDir, fmt.Sprintf("%06d", n)+suffix)
}

// List lists the batches, oldest first.
func (r *Retried) List() ([]RetryBatch, error) {
	names, err := r.bucket.List(tablelog.RetriedDir)
	if err != nil {
		return nil, fmt.Errorf("list what was published again: %w", err)
	}
	var batches []RetryBatch
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, tablelog.ManifestSuffix)
		n, err := strconv.ParseUint(digits, 10, 64)
		if !ok || err != nil {
			continue // the lock, or the end of a batch
		}
		data, err := tablelog.ReadObject(r.bucket, batchPath(n, tablelog.ManifestSuffix))
		if err != nil {
			return nil, fmt.Errorf("read what was published again: %w", err)
		}
		b := RetryBatch{Number: n, Ended: slices.Contains(names, path.Base(batchPath(n, endedSuffix)))}
		if err := json.Unmarshal(data, &b); err != nil || b.Number != n {
			return nil, fmt.Errorf("%s is damaged: %w", batchPath(n, tablelog.ManifestSuffix), errors.Join(err, errNoBatch))
		}
		batches = append(batches, b)
	}
	slices.SortFunc(batches, func(a, b RetryBatch) int { return int(int64(a.Number) - int64(b.Number)) })
	return batches, nil
}

var errNoBatch = errors.New("it is not the batch of its name; move it away to publish its letters once more")

// Begin writes down, durably, that a batch is going to be published. It needs the lock.
func (r *Retried) Begin(b *RetryBatch) error {
	known, err := r.List()
	if err != nil {
		return err
	}
	b.Number = 1
	if len(known) > 0 {
		b.Number = known[len(known)-1].Number + 1
	}
	data, err := json.Marshal(b)
	if err != nil {
		return err
	}
	if err := r.bucket.CreateIfAbsent(batchPath(b.Number, tablelog.ManifestSuffix), data); err != nil {
		return fmt.Errorf("write down what is published again: %w", err)
	}
	return nil
}

// End writes down that the log has stored all letters of a batch.
func (r *Retried) End(n uint64) error {
	err := r.bucket.CreateIfAbsent(batchPath(n, endedSuffix), []byte("{}\n"))
	if err != nil && !errors.Is(err, bucket.ErrExist) {
		return fmt.Errorf("write down what was published again: %w", err)
	}
	return nil
}
