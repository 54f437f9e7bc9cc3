package ingest

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// buffers are used again. What is larger than reused is not kept.
type buffers struct{ pool sync.Pool }

const reused = 1 << 20

// body is the body of a request, decompressed.
type body struct {
	data     []byte
	size     int // bytes as they came
	s        *Server
	reserved int64 // bytes of the server's room
	buf      *bytes.Buffer
}

// release gives memory back.
func (b *body) release() {
	b.s.room.Release(b.reserved)
	b.reserved = 0
	if b.buf != nil && b.buf.Cap() <= reused {
		b.buf.Reset()
		b.s.buffers.pool.Put(b.buf)
	}
	b.buf, b.data = nil, nil
}

// keep says that the memory must not be used again.
func (b *body) keep() { b.buf = nil }

// errNoRoom says that the bodies under way fill the memory that they may have.
var errNoRoom = errors.New("too many events are on their way here at once")

// errTooLong says that a decompressed body is larger than it may be.
var errTooLong = errors.New("it is larger than allowed once decompressed")

// read reads the body of a request.
func (s *Server) read(r *http.Request) (*body, *failure) {
	most := s.opts.MaxBody
	if r.ContentLength > most {
		return nil, fail(http.StatusRequestEntityTooLarge, "the body has %d bytes: it has at most %d (http.ingest.max_body)",
			r.ContentLength, most)
	}
	b := &body{s: s}
	if b.buf, _ = s.buffers.pool.Get().(*bytes.Buffer); b.buf == nil {
		b.buf = new(bytes.Buffer)
	}
	plain := &counted{from: io.LimitReader(r.Body, most+1)}
	text, closer, err := unpack(plain, r.Header.Get("Content-Encoding"))
	if err == nil {
		err = b.fill(text, most)
		closer()
	}
	b.size = int(plain.n)
	if err == nil {
		b.data = b.buf.Bytes()
		return b, nil
	}
	b.release()
	return nil, s.unread(err, plain.n)
}

// unread says why a body could not be read.
func (s *Server) unread(err error, n int64) *failure {
	var coding *encodingError
	switch {
	case n > s.opts.MaxBody, errors.Is(err, errTooLong):
		return fail(http.StatusRequestEntityTooLarge,
			"the body has more than %d bytes (http.ingest.max_body): send fewer events at a time",
			s.opts.MaxBody)
	case errors.Is(err, errNoRoom):
		return &failure{http.StatusTooManyRequests, err.Error(), 1}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fail(http.StatusRequestTimeout, "the body did not come within %v (http.ingest.timeout)", s.opts.Timeout)
	case errors.As(err, &coding):
		return fail(http.StatusUnsupportedMediaType, "%s", coding.Error())
	}
	return fail(http.StatusBadRequest, "the body cannot be read: %v", err)
}

// fill reads all there is, and takes room for it as it comes: a slow sender has only what it
// has sent.
func (b *body) fill(from io.Reader, most int64) error {
	const step = 64 << 10
	for {
		if !b.s.room.TryAcquire(step) {
			return errNoRoom
		}
		b.reserved += step
		b.buf.Grow(step)
		n, err := io.CopyN(b.buf, from, step)
		switch {
		case int64(b.buf.Len()) > most:
			return errTooLong
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n == 0:
			return io.ErrNoProgress
		}
	}
}

// counted counts the bytes that are read.
type counted struct {
	from io.Reader
	n    int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

// encodingError is a Content-Encoding that is not known.
type encodingError struct{ coding string }

func (e *encodingError) Error() string {
	return "Content-Encoding " + clip(e.coding) + " is not known: it is gzip, zstd, snappy or deflate"
}

// unsnap decompresses snappy: its framing format, or one block, which some senders mean.
func unsnap(from io.Reader) (io.Reader, error) {
	begun := bufio.NewReader(from)
	const frame = "\xff\x06\x00\x00sNaPpY" // that a framed stream begins with
	head, err := begun.Peek(len(frame))
	if err == nil && string(head) == frame {
		return s2.NewReader(begun, s2.ReaderMaxBlockSize(1<<20)), nil
	}
	block, err := io.ReadAll(begun) // no longer than a body may be
	if err != nil {
		return nil, err
	}
	if n, err := snappy.DecodedLen(block); err != nil || n > mostBlock {
		return nil, cmp.Or(err, errTooLong)
	}
	text, err := snappy.Decode(nil, block)
	return bytes.NewReader(text), err
}

// mostBlock bounds what one block of snappy may ask for.
const mostBlock = 64 << 20

// zstdMemory bounds what a body in zstd may ask for.
const zstdMemory = 16 << 20

// unpack decompresses a body.
func unpack(from io.Reader, coding string) (text io.Reader, closer func(), err error) {
	closer = func() {}
	switch strings.ToLower(strings.TrimSpace(coding)) {
	case "", "identity":
		return from, closer, nil
	case "gzip", "x-gzip":
		text, err = gzip.NewReader(from)
	case "deflate":
		text, err = zlib.NewReader(from)
	case "zstd":
		var d *zstd.Decoder
		d, err = zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(zstdMemory),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdMemory/2))
		if err == nil {
			text, closer = d, d.Close
		}
	case "snappy", "x-snappy-framed":
		text, err = unsnap(from)
	default:
		err = &encodingError{coding}
	}
	return text, closer, err
}
