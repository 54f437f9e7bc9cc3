package export

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/labeljoin/labeljoin/export/bucket"
)

// writeBuffer is how much is written to a file at once, in bytes.
const writeBuffer = 64 << 10

// checked writes a staged file and knows what it ought to hold.
type checked struct {
	w     bucket.Writer
	buf   *bufio.Writer
	sum   hash.Hash
	bytes int64
}

func newChecked(w bucket.Writer) *checked {
	c := &checked{w: w, sum: sha256.New()}
	c.buf = bufio.NewWriterSize(hashing{c}, writeBuffer)
	return c
}

// hashing is what lies between the buffer and the file.
type hashing struct{ c *checked }

func (h hashing) Write(p []byte) (int, error) {
	_, _ = h.c.sum.Write(p) // never fails; before the file, which may modify p
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
		return fmt.Errorf("it has %d bytes, %d were written", r.Size(), bytes)
	}
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, io.NewSectionReader(r, 0, bytes), make([]byte, writeBuffer)); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("its SHA-256 is %s, %s was written", got, want)
	}
	return nil
}
