package export

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/labeljoin/labeljoin/export/bucket"
)

// writeBuffer is how much is written to a file at once, in bytes.
const writeBuffer = 64 << 10

// checked writes a staged file and knows what it ought to hold.
type checked struct {
	w     bucket.Writer
	buf   *bufio.Writer
	sum   hash.Hash
	quick xxhash.Digest
	bytes int64
}

func newChecked(w bucket.Writer) *checked {
	c := &checked{w: w, sum: sha256.New()}
	c.quick.Reset()
	c.buf = bufio.NewWriterSize(hashing{c}, writeBuffer)
	return c
}

// hashing is what lies between the buffer and the file.
type hashing struct{ c *checked }

func (h hashing) Write(p []byte) (int, error) {
	_, _ = h.c.sum.Write(p) // never fails; before the file, which may modify p
	_, _ = h.c.quick.Write(p)
	n, err := h.c.w.Write(p)
	h.c.bytes += int64(n)
	return n, err
}

func (c *checked) Write(p []byte) (int, error) { return c.buf.Write(p) }

// finish makes the file durable.
func (c *checked) finish() error {
	if err := c.buf.Flush(); err != nil {
		return err
	}
	return c.w.Finish()
}

func (c *checked) sha256() string { return hex.EncodeToString(c.sum.Sum(nil)) }

// checkQuick compares a file with what was written, as checkReader does, by a hash of 64 bits that costs a fifth: for
// damage between writing and reading back, where all values are compared after it.
func (c *checked) checkQuick(r bucket.Reader) error {
	if r.Size() != c.bytes {
		return sizeError(r, c.bytes)
	}
	read := xxhash.New()
	if err := readInto(read, r); err != nil {
		return err
	}
	if got, want := read.Sum64(), c.quick.Sum64(); got != want {
		return fmt.Errorf("its hash is %016x, %016x was written", got, want)
	}
	return nil
}

func sizeError(r bucket.Reader, want int64) error {
	return fmt.Errorf("it has %d bytes, %d were written", r.Size(), want)
}

// readInto reads a file into a hash.
func readInto(h hash.Hash, r bucket.Reader) error {
	_, err := io.CopyBuffer(h, io.NewSectionReader(r, 0, r.Size()), make([]byte, writeBuffer))
	return err
}

// checkBytes reads a file and compares it with what it ought to hold.
func (o *Output) checkBytes(name string, bytes int64, want string) error {
	r, err := o.bucket.Open(name)
	if err != nil {
		return err
	}
	defer r.Close()
	return checkReader(r, bytes, want)
}

func checkReader(r bucket.Reader, bytes int64, want string) error {
	if r.Size() != bytes {
		return sizeError(r, bytes)
	}
	sum := sha256.New()
	if err := readInto(sum, r); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("its SHA-256 is %s, %s was written", got, want)
	}
	return nil
}
