package shards

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/labeljoin/labeljoin/export/bucket"
)

// File is a file of an export.
type File struct {
	Split  string `json:"split"`
	Path   string `json:"path"` // below the export's directory
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`

	staging string
}

// encoder writes rows into one file of some format. After an error it is of no use.
type encoder interface {
	// write adds rows of vectors, in the order given.
	write(vectors []*vector, rows []int32) error
	// close ends the file.
	close() error
}

// splitWriter writes the files of one split, one after the other: rows come in the
// order of their hashes, and a file has a stretch of them.
type splitWriter struct {
	day    *dayExport
	split  int
	shards int

	files   []File
	at      int // the file being written, or that would be next
	raw     bucket.Writer
	out     *hashed
	encoder encoder
	rows    int64 // of the file
	totals  splitTotals
}

// splitTotals are the sums over a split's rows.
type splitTotals struct {
	rows   int64
	labels []LabelTotals
}

// LabelTotals are the sums over a label.
type LabelTotals struct {
	Name     string  `json:"name"`
	Known    int64   `json:"known"`    // rows in which it is not null
	Positive int64   `json:"positive"` // rows in which it is not zero either
	Sum      float64 `json:"sum"`
	// Sampled are the rows of the label's own sample, where it has one.
	Sampled int64 `json:"sampled,omitzero"`
}

// write adds a bucket's rows of the split.
func (w *splitWriter) write(vectors []*vector, rows []int32) error {
	w.count(vectors, rows)
	order := vectors[w.day.plan.key.order].nums
	for len(rows) > 0 {
		shard := part(order[rows[0]], w.shards)
		n := 1
		for n < len(rows) && part(order[rows[n]], w.shards) == shard {
			n++
		}
		if err := w.reach(shard); err != nil {
			return err
		}
		if err := w.encoder.write(vectors, rows[:n]); err != nil {
			return w.failed(err)
		}
		w.rows += int64(n)
		rows = rows[n:]
	}
	return nil
}

// count adds rows to the totals.
func (w *splitWriter) count(vectors []*vector, rows []int32) {
	w.totals.rows += int64(len(rows))
	for i, at := range w.day.plan.labels {
		v, to := vectors[at], &w.totals.labels[i]
		for _, row := range rows {
			if v.null[row] {
				continue
			}
			to.Known++
			if value := labelValue(v, int(row)); value != 0 {
				to.Positive++
				to.Sum += value
			}
		}
	}
	for i, at := range w.day.plan.labelWeights {
		for _, row := range rows {
			if vectors[at].nums[row] != 0 {
				w.totals.labels[i].Sampled++
			}
		}
	}
}

// reach makes the file of a number the one that is written. Files that are passed over
// have no rows.
func (w *splitWriter) reach(shard int) error {
	for w.at < shard || w.at == shard && w.encoder == nil {
		if w.encoder != nil {
			if err := w.finish(); err != nil {
				return err
			}
			continue
		}
		if err := w.begin(); err != nil {
			return err
		}
	}
	return nil
}

// end writes what is left of the files.
func (w *splitWriter) end() error {
	if err := w.reach(w.shards - 1); err != nil {
		return err
	}
	return w.finish()
}

func (w *splitWriter) begin() (err error) {
	f := File{Split: splitNames[w.split], Path: w.day.filePath(w.split, w.at, w.shards)}
	f.staging = w.day.stagingPath(w.split, w.at)
	if w.raw, err = w.day.bucket.Stage(f.staging); err != nil {
		return err
	}
	w.out = newHashed(w.raw)
	w.files = append(w.files, f)
	w.rows = 0
	w.encoder, err = w.day.newEncoder(w.out, w.split, w.at, w.shards)
	return err
}

func (w *splitWriter) finish() error {
	f := &w.files[len(w.files)-1]
	err := w.encoder.close()
	if err == nil {
		err = w.out.buf.Flush()
	}
	if err != nil {
		return w.failed(err)
	}
	f.Rows, f.Bytes, f.SHA256 = w.rows, w.out.bytes, w.out.sum()
	raw := w.raw
	w.encoder, w.raw, w.out = nil, nil, nil
	w.at++
	return w.day.sealing.seal(raw, *f)
}

// failed names the file of an error.
func (w *splitWriter) failed(err error) error {
	return fmt.Errorf("write %s: %w", w.files[len(w.files)-1].Path, err)
}

// discard gives up the file that is being written.
func (w *splitWriter) discard() {
	if w.raw != nil {
		w.raw.Discard()
	}
}

// hashed writes a file and knows what it ought to hold.
type hashed struct {
	buf   *bufio.Writer
	to    io.Writer
	hash  hash.Hash
	bytes int64
}

func newHashed(to io.Writer) *hashed {
	h := &hashed{to: to, hash: sha256.New()}
	h.buf = bufio.NewWriterSize(hashedBytes{h}, 256<<10)
	return h
}

func (h *hashed) Write(p []byte) (int, error) { return h.buf.Write(p) }

func (h *hashed) sum() string { return hex.EncodeToString(h.hash.Sum(nil)) }

// hashedBytes is what lies between the buffer and the file.
type hashedBytes struct{ *hashed }

func (h hashedBytes) Write(p []byte) (int, error) {
	_, _ = h.hash.Write(p) // never fails; before the file, which may modify p
	n, err := h.to.Write(p)
	h.bytes += int64(n)
	return n, err
}

// readBack compares a staged file with what was written.
func (d *dayExport) readBack(f *File) error {
	r, err := d.bucket.Open(f.staging)
	if err != nil {
		return err
	}
	defer r.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, io.NewSectionReader(r, 0, r.Size()))
	if err != nil {
		return fmt.Errorf("read %s back: %w", f.Path, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); n != f.Bytes || got != f.SHA256 {
		return &CorruptError{Path: f.Path}
	}
	return nil
}

// CorruptError says that a file that was read back is not what was written. Nothing
// was published.
type CorruptError struct{ Path string }

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s was read back and is not what was written; nothing was published: check the disk and the memory of this machine", e.Path)
}

// Refusal reports that a person has to decide.
func (e *CorruptError) Refusal() bool { return true }
